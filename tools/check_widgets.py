"""Every widget in JupyterLab, moved by mouse and keyboard in a browser without a window: prints a line for each check and exits with 1 when one fails.

Starts a JupyterLab of its own on a free port, with the cells of tutorials/play, a line for each widget of chapter 25, and a film of
chapter 18, and looks whether the pictures follow; then with one that trains and draws, and reads what its bars say. `FOLDER`, when given, gets
pictures of the page. Needs the extra `e2e` and a Chromium: the system's, or Playwright's own."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from playwright.sync_api import TimeoutError, sync_playwright

root = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
PLAY = json.loads((root / "nbs/tutorials/play.ipynb").read_text(encoding="utf-8"))["cells"]
CELLS = ["".join(c["source"]) for c in PLAY if c["cell_type"] == "code"] + [
    "from ddpm_nb import viz; from ddpm_nb.data import load_data",
    "viz.frame_player([viz.image_grid(load_data('digits').scaled(slice(i, i + 3)), scale=10) for i in range(12)], [f'from {i} on' for i in range(12)], 'Digits.', 'three digits', ms=150)"]
TRAIN = ["from ddpm_nb.recipes import *; from ddpm_nb.runs import *",
         "run = train(get_recipe('digits', width=8, multipliers=(1,), attention_levels=(), steps=800, batch_size=16, log_every=5,\n"
         "                       preview_every=200, preview_steps=5, precision='fp32'), out='run')",
         "images = run.draw(256)"]
RUN, DONE = re.compile(r"\[(\*|\d+)\]"), re.compile(r"\[\d+\]")  # what stands beside a cell
broken = []


def check(text, found):
    print(f"{'ok  ' if found else 'FAIL'} {text}", flush=True)
    if not found: broken.append(text)


@contextmanager
def jupyterlab(folder):
    "The address of a JupyterLab that serves a folder."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    settings = {"apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}, "notebook-extension/tracker": {"windowingMode": "none"}}
    for name, values in settings.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    env = os.environ | {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
                        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]), "OMP_NUM_THREADS": "1"}
    env.pop("IN_TEST", None)
    (folder / "work").mkdir()
    url, log = f"http://127.0.0.1:{port}", open(folder / "log", "w", encoding="utf-8")
    server = subprocess.Popen([sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=",
                               f"--ServerApp.root_dir={folder / 'work'}"], env=env, stdout=log, stderr=log, cwd=folder)
    try:
        for _ in range(300):
            try: urllib.request.urlopen(f"{url}/api", timeout=1); break
            except OSError:
                if server.poll() is not None: break
                time.sleep(0.1)
        else: server.kill()
        if server.poll() is not None:
            said = (folder / "log").read_text(encoding="utf-8")
            sys.exit(f"JupyterLab did not start:\n{said[-2000:]}")
        yield url
    finally:
        server.terminate()
        try: server.wait(10)
        except subprocess.TimeoutExpired: server.kill()


class Seen:
    "A panel on the page."
    def __init__(self, page, number): self.page, self.at = page, page.locator(".ddpm-panel").nth(number)

    def picture(self) -> str:
        "Its bytes, as text."
        return self.at.locator("img").evaluate("async i => { try { return Array.from(new Uint8Array(await (await fetch(i.src)).arrayBuffer())).join() } catch { return '' } }")

    def follows(self, do, wait=10.0) -> bool:
        "Whether the picture changes, soon after something is done."
        before, end = self.picture(), time.time() + wait
        do()
        while time.time() < end:
            if self.picture() != before: return True
            time.sleep(0.03)
        return False

    def still(self, seconds=1.0, wait=8.0) -> bool:
        "Whether the picture comes to rest: the item at hand may still be shown."
        now, since, end = self.picture(), time.time(), time.time() + wait
        while time.time() < end and time.time() - since < seconds:
            time.sleep(0.05)
            if (new := self.picture()) != now: now, since = new, time.time()
        return time.time() - since >= seconds

    def words(self): return self.at.locator(".widget-html").first.inner_text()
    def height(self): return self.at.locator("img").evaluate("i => i.naturalHeight")
    def choose(self, label, option): self.control(label).locator("select").select_option(option)

    def says(self, text, wait=5.0) -> bool:
        "Whether the line of text says this, by now or soon."
        end = time.time() + wait
        while time.time() < end:
            if text in self.words(): return True
            time.sleep(0.05)
        return False

    def has_button(self, text) -> bool:
        "Whether a button says this, by now or soon."
        try: self.button(text).wait_for(timeout=5000)
        except TimeoutError: return False
        return True

    def control(self, label): return self.at.locator(".widget-inline-hbox", has=self.page.locator(f".widget-label:text-is('{label}')"))
    def button(self, text): return self.at.locator("button", has_text=re.compile(f"^{text}$"))

    def key(self, label, *keys):
        self.control(label).locator(".noUi-handle").focus()
        for k in keys: self.page.keyboard.press(k)

    def drag(self, label, by):
        handle = self.control(label).locator(".noUi-handle")
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y); self.page.mouse.down(); self.page.mouse.move(x + by, y, steps=4); self.page.mouse.up()


def films(page, where, player):
    "The frame player, by keyboard and mouse."
    picture, bar, play = player.locator("img"), player.locator("input"), player.locator("button")
    src, captions, last = lambda: picture.get_attribute("src"), json.loads(player.locator(".ddpm-player").get_attribute("data-captions")), bar.get_attribute("max")
    first = src()
    bar.focus(); page.keyboard.press("ArrowRight")
    check(f"film {where}: an arrow key steps, and says so", src() != first and bar.get_attribute("aria-valuetext") == captions[1] and player.get_by_text(captions[1], exact=True).is_visible())
    page.keyboard.press("Home")
    check(f"film {where}: the first frame comes back", src() == first)
    play.focus(); page.keyboard.press("Space"); time.sleep(1)
    moving, said = src() != first, play.inner_text()
    page.keyboard.press("Space"); now = src(); time.sleep(0.5)
    check(f"film {where}: the space bar plays and pauses", moving and said == "Pause" and src() == now and play.inner_text() == "Play")
    bar.focus(); page.keyboard.press("End"); page.keyboard.press("ArrowLeft")
    play.click(); time.sleep(1)
    check(f"film {where}: plays to its end and stops", bar.input_value() == last and play.inner_text() == "Play")
    play.click(); time.sleep(0.1)
    check(f"film {where}: and from the beginning again", int(bar.input_value()) < int(last) and play.inner_text() == "Pause")
    play.click()


def in_page(browser, folder):
    "A film that is stored in chapter 18, on a page without a kernel."
    cells = json.loads((root / "nbs" / "3_workshop" / "18_viz.ipynb").read_text(encoding="utf-8"))["cells"]
    html = next("".join(o["data"]["text/html"]) for c in cells if c["id"] == "film-denoising" for o in c["outputs"])
    page = f"<!doctype html><meta charset=utf-8><title>film</title><body>{html}"
    (folder / "film.html").write_text(page, encoding="utf-8")
    for javascript in True, False:
        page = browser.new_page(java_script_enabled=javascript)
        page.goto(f"file://{folder / 'film.html'}")
        player = page.locator("figure:has(.ddpm-player)")
        if javascript: films(page, "on a page", player)
        else: check("film without JavaScript: the first frame, its words, no dead controls", player.locator("img").is_visible() and player.locator("figcaption").is_visible() and not player.locator("button").is_visible())
        page.close()


def in_lab(page):
    scrub, explorer, player, between, cockpit, game = [Seen(page, i) for i in range(6)]
    check("scrubber: t follows the arrow keys", scrub.follows(lambda: scrub.key("t", *["ArrowRight"] * 3)))
    check("scrubber: t follows the mouse", scrub.follows(lambda: scrub.drag("t", 60)))
    check("scrubber: the class can be told", scrub.follows(lambda: scrub.at.locator("input[type=checkbox]").check()))
    check("scrubber: says the loss at t", re.search(r"loss \d\.\d+", scrub.words()))

    check("schedule explorer: T goes through its presets by arrow keys", explorer.follows(lambda: explorer.key("T", "ArrowLeft", "ArrowLeft")) and explorer.says("T = 500"))
    check("schedule explorer: β_T follows the mouse", explorer.follows(lambda: explorer.drag("β_T", -40)))
    check("schedule explorer: shapes can be chosen", explorer.follows(lambda: explorer.choose("shape", "cosine")))

    player.control("steps").scroll_into_view_if_needed()
    check("denoising player: shows its first state at once", player.picture() and player.says("49 steps to go"))
    check("denoising player: a second solver, from the same seed, beside the first", player.follows(lambda: player.choose("beside", "ddim")) and player.height() > 380)
    player.key("steps", "End")  # many, to have the time
    play = player.button("Play")
    play.focus()
    check("denoising player: the space bar plays", player.follows(lambda: page.keyboard.press("Space")) and player.follows(lambda: None))
    check("denoising player: the button says Pause", player.has_button("Pause") and not player.button("Play").count())
    check("denoising player: the kernel is alive meanwhile", scrub.follows(lambda: scrub.key("t", "ArrowLeft"), wait=2))
    player.button("Pause").focus(); page.keyboard.press("Space")
    check("denoising player: pauses, and the button says Play", player.still() and player.has_button("Play"))
    check("denoising player: steps, once", player.follows(lambda: player.button("Step").click()) and player.still())
    check("denoising player: another seed begins anew", player.follows(lambda: player.key("seed", "ArrowRight")) and player.still())
    check("denoising player: class and solver", player.follows(lambda: player.choose("class", "7")) and player.follows(lambda: (player.choose("solver", "dpm"), player.button("Step").click())))

    between.button("Compute").click()
    check("interpolation slider: computes", between.says("drawn from 50 %", wait=20) and between.has_button("Compute"))
    check("interpolation slider: follows the arrow keys", between.follows(lambda: between.key("way", "ArrowRight")))
    check("interpolation slider: follows the mouse", between.follows(lambda: between.drag("way", -100)))

    check("training cockpit: waits to be told", cockpit.says("press Train"))
    check("training cockpit: trains", cockpit.follows(lambda: cockpit.button("Train").click(), wait=30) and cockpit.follows(lambda: None))
    check("training cockpit: the button says Stop, and stops", cockpit.has_button("Stop") and (cockpit.button("Stop").click() or cockpit.still()) and cockpit.has_button("Train"))
    step = lambda: int(re.search(r"step (\d+)", cockpit.words())[1])
    before = step()
    check("training cockpit: goes on where it stopped", cockpit.follows(lambda: cockpit.button("Train").click()) and step() > before)
    cockpit.button("Stop").click()

    check("be the network: no round is counted before it is played", game.says("Score: 0 of 0."))
    check("be the network: Next deals, and counts nothing", game.follows(lambda: game.button("Next").click()) and game.says("Score: 0 of 0."))
    game.key("noise, % of the variance", "ArrowRight", "ArrowRight")
    time.sleep(1)  # a slider that is moved quickly tells the kernel a little later
    check("be the network: a digit answers, and shows what was there", game.follows(lambda: game.button("7").click()) and game.says("of 2.") and re.search(r"you said 52 %.*you said 7", game.words()))
    check("be the network: no key is left to be ignored", game.button("3").is_disabled() and game.button("Next").is_enabled())
    check("be the network: deals again, and the keys are back", game.follows(lambda: game.button("Next").click()) and game.says("of 2.") and game.button("3").is_enabled())
    films(page, "in JupyterLab", page.locator("figure:has(.ddpm-player)").first)

    check("no error line in any widget", page.locator(".ddpm-error").count() == 0)
    named = page.locator(".ddpm-panel img, figure:has(.ddpm-player) img").evaluate_all("all => all.every(i => i.alt || i.title || i.closest('[title]'))")
    check("every picture has words", named)


def notebook(folder, name, cells):
    "Put a notebook where JupyterLab finds it."
    cells = [dict(cell_type="code", id=f"c{i}", metadata={}, source=s, outputs=[], execution_count=None) for i, s in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "python3", "language": "python"}
    (folder / "work" / name).write_text(json.dumps(dict(cells=cells, metadata={"kernelspec": kernel}, nbformat=4, nbformat_minor=5)), encoding="utf-8")


@contextmanager
def opened(browser, url, name, cells, shot=None):
    "A notebook in JupyterLab, its cells under way, and nothing wrong in the browser's console."
    page, wrong = browser.new_page(viewport={"width": 1300, "height": 1000}), []
    page.on("pageerror", lambda e: wrong.append(str(e)))
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.goto(f"{url}/lab/workspaces/{Path(name).stem}/tree/{name}")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60000)
    first = page.locator(".jp-Cell").first
    for _ in range(10):  # a page that looks ready may not be connected yet, and lets the first keys pass
        first.click()
        page.keyboard.press("Shift+Enter")
        try: first.locator(".jp-InputPrompt").filter(has_text=RUN).wait_for(timeout=4000); break
        except TimeoutError: pass
    page.locator(".jp-Cell").nth(1).click()
    for _ in cells[1:]: page.keyboard.press("Shift+Enter")
    try: yield page
    finally:
        if shot: page.screenshot(path=shot)
    check(f"{name}: no error in the browser's console" + "".join(f"\n     {w[:200]}" for w in wrong), not wrong)
    for kernel in page.request.get(f"{url}/api/kernels").json(): page.request.delete(f"{url}/api/kernels/{kernel['id']}")
    page.close()


def bars(page, folder):
    "What the bars of a training and of a drawing say, from the first look to the last line."
    read = "all => all.filter(p => p.parentElement).map(p => [p.value, p.max, p.parentElement.innerText.trim()])"
    seen, end = {800: [], 1000: []}, time.time() + 120
    pictures = set()
    while time.time() < end:
        for value, most, text in page.locator(".jp-OutputArea progress").evaluate_all(read):
            if most in seen and (value, text) not in seen[most]: seen[most].append((value, text))
        if (image := page.locator(".jp-OutputArea img")).count(): pictures.add(image.first.get_attribute("src"))
        if folder and len(seen[800]) == 12 and not (folder / "bar.png").exists(): page.screenshot(path=folder / "bar.png")
        if page.locator(".jp-Cell").nth(2).locator(".jp-InputPrompt").filter(has_text=DONE).count(): break
        time.sleep(0.05)
    training, drawing = seen.values()
    says = r"%s%% \[%s/%s \d\d:\d\d, \d\d:\d\d left, %s[\d,.]+ images/s\]"
    words = lambda shown, total, more: shown and all(re.fullmatch(says % (r"[\d.]+", value, total, more), text) for value, text in shown if value)
    grows = lambda shown: len(shown) > 3 and [v for v, _ in shown] == sorted(v for v, _ in shown)
    check(f"bar of a training: moves ({len(training)} looks), and says step, time left, loss and speed: {training[-1][1] if training else ''}", grows(training) and words(training, 800, r"loss \d\.\d+, "))
    check(f"bar of a training: its picture grows ({len(pictures)} of them)", len(pictures) > 2)
    check(f"bar of a drawing: moves ({len(drawing)} looks), and says step, time left and speed: {drawing[-1][1] if drawing else ''}", grows(drawing) and words(drawing, 1000, ""))
    last = page.locator(".jp-Cell").nth(1)
    check("a training that is done says so: steps and time, loss, folder, what to do next", all(last.get_by_text(t).first.is_visible() for t in ("800 steps in", "done, loss", "run/samples.png", "ddpm_sample run")))
    wide, high = last.locator("img").evaluate("i => [i.naturalWidth, i.naturalHeight]")
    check(f"and shows the curve with the samples beside it ({wide} × {high})", wide > 600)
    check("no bar is left, and no cell has failed", page.locator("progress").count() == 0 and page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0)


def main():
    shots = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if shots: shots.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="widgets") as tmp, sync_playwright() as p:
        folder = Path(tmp)
        browser = p.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("chromium-browser"), args=FLAGS)
        try:
            with jupyterlab(folder) as url:
                notebook(folder, "all.ipynb", CELLS)
                with opened(browser, url, "all.ipynb", CELLS, shots and shots / "widgets.png") as page:
                    page.locator(".ddpm-player, .jp-OutputArea-output[data-mime-type*=error]").first.wait_for(timeout=60000)
                    page.locator(".ddpm-panel img").nth(5).wait_for(timeout=10000)
                    check("six panels and a film in JupyterLab, no cell fails", page.locator(".ddpm-panel").count() == 6 and page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0)
                    in_lab(page)
                    for i, panel in enumerate(page.locator(".ddpm-panel").all() if shots else []): panel.screenshot(path=shots / f"widget{i}.png")
                notebook(folder, "train.ipynb", TRAIN)
                with opened(browser, url, "train.ipynb", TRAIN, shots and shots / "trained.png") as page: bars(page, shots)
            in_page(browser, folder)
        finally: browser.close()


main()
sys.exit(bool(broken))
