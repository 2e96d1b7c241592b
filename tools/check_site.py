"""Look at every page of `_site/` in a browser: `pip install -e '.[e2e]' && python tools/check_site.py [--screenshots DIR]`.

Serves the site on this machine and opens each page in headless Chromium, the system's or the one that `CHROMIUM` names. It prints
a line for each rule, and exits with 1 when one is broken. The screenshots are there to be looked at."""
import asyncio
import os
import shutil
import sys
from argparse import ArgumentParser
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urldefrag
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Error, async_playwright

site = Path(__file__).resolve().parent.parent / "_site"
pages = sorted(p.relative_to(site).as_posix() for p in site.rglob("*.html"))
no_chapter = {"genindex.html", "py-modindex.html", "search.html"}
in_dark_too = {"index.html", "1_method/01_schedule.html", "api/schedule.html", "tutorials/algorithms.html", "tutorials/bugs.html", "search.html"}
phone, laptop, desktop = {"width": 390, "height": 844}, {"width": 1280, "height": 800}, {"width": 1440, "height": 900}
axe = Path(AXE_FILE_PATH).read_text(encoding="utf-8")
broken = {rule: [] for rule in (
    "every link and anchor exists", "every request succeeds", "no request leaves this machine", "the console is silent", "mathematics is set",
    "axe finds nothing serious", "axe finds nothing serious in the dark", "headings step down one level at a time", "no page scrolls sideways on a phone",
    "no code and no formula is cut off at 1280 pixels", "next and previous lead through the whole book", "search finds the posterior", "the first page weighs less than 1.5 MB",
    "the first page reads without JavaScript")}
ids, links, turns = {}, [], {}  # of each page: its anchors; links as (page, address); the addresses before and after it

LOOK = """() => { const all = (css, of) => [...document.querySelectorAll(css)].map(of); return {
    ids: all('[id]', e => e.id), links: all('a[href]', e => e.href), levels: all('article :is(h1, h2, h3, h4, h5, h6)', e => +e.tagName[1]),
    turns: ['prev', 'next'].map(way => document.querySelector(`.${way}-page`)?.href),
    unset: all('mjx-merror, .math:not(:has(mjx-container))', e => e.textContent).concat(all('article :is(p, li, td, th, h1, h2, h3, h4, summary, figcaption)', e =>
        [...e.childNodes].filter(n => n.nodeType == 3 && /\\$[^$]+\\$|\\\\[([]/.test(n.data)).map(n => n.data)).flat())} }"""

CUT = """() => [...document.querySelectorAll('article .highlight pre, div.math')].filter(e => e.scrollWidth > e.clientWidth + 2)
    .map(e => `${e.scrollWidth - e.clientWidth} pixels of ${e.textContent.trim().slice(0, 60)}`)"""


@contextmanager
def counted(rule):
    "What the browser cannot do inside breaks the rule."
    try: yield
    except Error as error: broken[rule].append(str(error).splitlines()[0])


async def judge(tab, page, rule):
    "axe's verdict on what the tab shows; what is alike on all pages, the colours of code and the sidebar, it sees on one: they take long."
    verdict = await tab.evaluate("""skip => axe.run({exclude: skip}, {resultTypes: ['violations']}).then(
        r => r.violations.map(v => [v.impact, v.id, v.nodes.length, v.nodes[0].html]))""", [] if page == "1_method/01_schedule.html" else [".highlight", ".sidebar-drawer"])
    broken[rule] += [f"{page}: {name}, {n} times, such as {html[:160]}" for impact, name, n, html in verdict if impact in ("serious", "critical")]


async def look(browser, base, page, shots):
    "Open one page and hold it against the rules."
    tab = await browser.new_page(viewport=desktop)
    shoot = lambda kind: tab.screenshot(path=shots / f"{page.replace('/', '-')}.{kind}.png", full_page=True)
    tab.on("requestfailed", lambda r: broken["every request succeeds"].append(f"{page}: {r.url}"))
    tab.on("response", lambda r: r.ok or broken["every request succeeds"].append(f"{page}: {r.status} {r.url}"))
    tab.on("request", lambda r: r.url.startswith((base, "data:", "blob:")) or broken["no request leaves this machine"].append(f"{page}: {r.url}"))
    tab.on("console", lambda m: m.type in ("error", "warning") and broken["the console is silent"].append(f"{page}: {m.text}"))
    tab.on("pageerror", lambda e: broken["the console is silent"].append(f"{page}: {e}"))
    await tab.goto(base + page)
    await tab.evaluate("window.MathJax?.startup?.promise.catch(() => {})")  # what it could not set is found below
    seen = await tab.evaluate(LOOK)
    ids[page], turns[page] = set(seen["ids"]), [link and link.removeprefix(base) for link in seen["turns"]]
    links.extend((page, link) for link in seen["links"] if link.startswith(base))
    broken["mathematics is set"] += [f"{page}: {text[:100]}" for text in seen["unset"]]
    levels = seen["levels"]
    if levels[:1] not in ([], [1]) or 1 in levels[1:] or any(b > a + 1 for a, b in zip(levels, levels[1:])): broken["headings step down one level at a time"].append(f"{page}: {levels}")
    if not page.startswith("api/") or page in in_dark_too:  # the pages of the reference are made alike
        await tab.evaluate(axe)
        await judge(tab, page, "axe finds nothing serious")
    await tab.set_viewport_size(laptop)
    await tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    broken["no code and no formula is cut off at 1280 pixels"] += [f"{page}: {text}" for text in await tab.evaluate(CUT)]
    await tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    await tab.set_viewport_size(desktop)
    if shots: await shoot("desktop")
    if page in in_dark_too:
        await tab.emulate_media(color_scheme="dark")
        await judge(tab, page, "axe finds nothing serious in the dark")
        if shots: await shoot("dark")
        await tab.emulate_media(color_scheme="light")
    await tab.set_viewport_size(phone)
    width = await tab.evaluate("new Promise(requestAnimationFrame).then(() => Math.max(...[...document.querySelectorAll('html, .content')].map(e => e.scrollWidth)))")
    if width > phone["width"]: broken["no page scrolls sideways on a phone"].append(f"{page}: {width} pixels wide")
    if shots: await shoot("phone")
    await tab.close()


async def read(browser, base):
    "What a reader does: opens the first page, turns a leaf, searches; and reads without JavaScript."
    tab = await browser.new_page(viewport=desktop)
    await tab.goto(base + "index.html", wait_until="networkidle")
    weight = await tab.evaluate("['navigation', 'resource'].flatMap(t => performance.getEntriesByType(t)).reduce((sum, e) => sum + e.decodedBodySize, 0)")
    if not 1e4 < weight < 1.5e6: broken["the first page weighs less than 1.5 MB"].append(f"{weight / 1e6:.2f} MB")
    with counted("next and previous lead through the whole book"):
        await tab.click(".next-page")
        await tab.click(".prev-page")
        await tab.wait_for_url("**/index.html")
    with counted("search finds the posterior"):
        await tab.goto(base + "index.html")
        await tab.fill(".sidebar-search", "posterior")
        await tab.press(".sidebar-search", "Enter")
        await tab.wait_for_selector("#search-results li a[href*='02_gaussian']")
    bare = await browser.new_page(java_script_enabled=False)
    await bare.goto(base + "index.html")
    text, picture = await bare.inner_text("article"), await bare.locator(".frames").bounding_box()
    missing = [word for word in ("Teach me", "Use it", "Prove it", "pip install") if word not in text] + ([] if picture and picture["height"] > 50 else ["the picture"])
    broken["the first page reads without JavaScript"] += missing


def exists(page, link):
    address, anchor = urldefrag(link)
    name = unquote(address) or page
    return (site / name).is_file() and (not anchor or name not in ids or unquote(anchor) in ids[name])


async def main(shots):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None}), directory=site))
    server.handle_error = lambda *_: None  # a tab that closes while its page still loads
    Thread(target=server.serve_forever, daemon=True).start()
    base, turn = f"http://127.0.0.1:{server.server_port}/", asyncio.Semaphore(3)
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not chromium: sys.exit("no Chromium: install the system's package, or say where it is with CHROMIUM=…")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        async def in_turn(page):
            async with turn: await look(browser, base, page, shots)
        await asyncio.gather(read(browser, base), *map(in_turn, pages))
        await browser.close()
    broken["every link and anchor exists"] += sorted({f"{page}: {link.removeprefix(base)}" for page, link in links if not exists(page, link.removeprefix(base))})
    page, book = "index.html", []
    while page in turns and page not in book:
        if book and turns[page][0] != book[-1]: broken["next and previous lead through the whole book"].append(f"previous of {page} is {turns[page][0]}")
        book.append(page)
        page = turns[page][1]
    broken["next and previous lead through the whole book"] += sorted(set(pages) - set(book) - no_chapter)


parser = ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--screenshots", type=Path, metavar="DIR", help="save each page, at a desk and on a phone, some in the dark too")
shots = parser.parse_args().screenshots
if shots: shots.mkdir(parents=True, exist_ok=True)
if "index.html" not in pages: sys.exit("no site: python tools/site.py builds it")
asyncio.run(main(shots))
for rule, found in broken.items(): print(f"{'FAIL' if found else 'ok  '} {rule}" + "".join(f"\n     {f}" for f in found))
failed = sum(map(bool, broken.values()))
print(f"{len(pages)} pages: {len(broken) - failed} passed, {failed} failed")
sys.exit(failed > 0)
