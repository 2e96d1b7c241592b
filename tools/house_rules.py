"""The rules of the house, checked: prints a line for each and exits with 1 when one is broken.

Modules import only from chapters above them; no star imports; each module imports alone; importing the first parts loads
nothing heavy; text files are read and written as UTF-8; lines and functions have an end; public names have docstrings; each row of the paper, and each trap, has a section that asserts something; the
Chinese editions keep step with the English ones."""
import ast
import importlib
import json
import multiprocessing
import re
import subprocess
import sys
from pathlib import Path
import torch  # noqa: F401 - here once, for all that are forked below: each imports one module, and nothing of the package before it

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root))
parts = {re.search(r"#\| default_exp (\w+)", p.read_text(encoding="utf-8"))[1]: p.parent.name
         for p in sorted((root / "nbs").glob("[0-9]_*/[0-9]*.ipynb"))}
chapters = {module: place for place, module in enumerate(parts)}  # in the order of their numbers
trees = {name: ast.parse((root / "ddpm_nb" / f"{name}.py").read_text(encoding="utf-8")) for name in chapters}
heavy = ["matplotlib", "ipywidgets", "sklearn", "accelerate", "diffusers"]
broken = []


def imports(name):
    "Modules of the package that a module imports, anywhere in it."
    for node in ast.walk(trees[name]):
        if isinstance(node, ast.Import): yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("ddpm_nb."))
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "ddpm_nb"):
            module = (node.module or "").removeprefix("ddpm_nb").strip(".")
            yield from [module] if module else [a.name for a in node.names if a.name in chapters]


def fresh(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=root)


def alone(name):
    "What goes wrong when a module is the first of the package to be imported."
    try: importlib.import_module(f"ddpm_nb.{name}")
    except BaseException as e: return f"{name}: {type(e).__name__}: {e}"


def rule(text, found):
    print(f"{'ok  ' if not found else 'FAIL'} {text}" + "".join(f"\n     {f}" for f in found))
    broken.extend(found)


rule("modules import only from chapters above them", [
    f"{name} imports {other}" for name in chapters for other in imports(name)
    if chapters[other] >= chapters[name]])
rule("no star imports", [
    name for name, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"])
with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool: rule("each module imports alone", [e for e in pool.map(alone, chapters, chunksize=1) if e])
light = [name for name, part in parts.items() if part < "3"]
loaded = fresh(f"import sys, ddpm_nb, {', '.join('ddpm_nb.' + n for n in light)}; print(*[m for m in {heavy} if m in sys.modules])")
rule("importing the method, and what is beyond it, loads nothing heavy", loaded.stdout.split() + ([loaded.stderr] if loaded.returncode else []))
lint = "-m ruff check --quiet --no-cache --output-format=concise ddpm_nb nbs tools setup.py".split()
linted = subprocess.run([sys.executable, *lint], capture_output=True, encoding="utf-8", cwd=root)
rule("ruff finds nothing (pyproject.toml says what it looks for)",
     linted.stdout.splitlines() or [linted.stderr] * (linted.returncode != 0))


def in_any_encoding(path):
    "Where text is read or written without `encoding`; ruff sees only what it knows is a `Path`."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = isinstance(node, ast.Call) and any(k.arg == "encoding" for k in node.keywords)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("read_text", "write_text") and not named:
            yield f"{path.relative_to(root)}:{node.lineno}"


sources = [*sorted((root / "ddpm_nb").glob("*.py")), *sorted((root / "tools").glob("*.py")), root / "setup.py"]
rule("text files are read and written as UTF-8", [line for path in sources for line in in_any_encoding(path)])
written = {name: "\n".join(lines[tree.body[1].end_lineno:]) for name, tree in trees.items()  # by people: after `__all__`
           for lines in [(root / "ddpm_nb" / f"{name}.py").read_text(encoding="utf-8").splitlines()]}
rule("no line of a module is wider than 100 columns", [
    f"{name}: {line.strip()}" for name, text in written.items() for line in text.splitlines() if len(line) > 100])


def formatted(text):
    "Lines that are not blank once `ruff format` has laid them out, so that several statements on a line count as several."
    laid_out = subprocess.run([sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100", "-"], input=text, capture_output=True, encoding="utf-8", check=True).stdout
    return sum(map(bool, map(str.strip, laid_out.splitlines())))


sizes = {name: formatted((root / "ddpm_nb" / f"{name}.py").read_text(encoding="utf-8")) for name in trees}
rule("no module has more than 350 lines, formatted", [f"{name}: {size}" for name, size in sizes.items() if size > 350])
rule("the package has at most 8,050 lines, formatted", [str(sum(sizes.values()))] * (sum(sizes.values()) > 8050))


def visible(path):
    "Lines of code that a page shows, folded or not, with their cells; nbdev's directives are not shown."
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and not re.search(r"#\| *(hide\b|default_exp|eval: false)", text):
            yield from ((cell["id"], line) for line in text.splitlines() if not line.startswith("#|"))


pages = [path for path in sorted((root / "nbs").rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
rule("no line of code on a page is wider than 100 columns", [
    f"{path.relative_to(root)}, cell {name}: {line.strip()}" for path in pages for name, line in visible(path) if len(line) > 100])


def only_imports(text):
    "Whether a cell that the package does not take does nothing but import."
    code = re.sub(r"(?m)^[%!].*", "", text)
    return not re.search(r"#\| *(export|hide)", text) and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(code).body) and "import" in code


rule("the imports of a page are folded", [  # but for the front page's, which are a part of what it shows
    f"{path.relative_to(root)}, cell {cell['id']}" for path in pages if not path.stem.startswith("index")
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] for text in ["".join(cell["source"])]
    if cell["cell_type"] == "code" and only_imports(text) and "code-fold" not in text])


def body_length(function):
    "Lines from the first statement after the docstring to the last."
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0


rule("no function has more than 45 lines", [
    f"{name}.{node.name}" for name, tree in trees.items() for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef) and body_length(node) > 45])
public = [(name, node) for name, tree in trees.items() for node in tree.body if not getattr(node, "name", "_").startswith("_")]
methods = [(f"{name}.{node.name}", m) for name, node in public if isinstance(node, ast.ClassDef) for m in node.body
           if isinstance(m, ast.FunctionDef) and not m.name.startswith("_") and m.name != "forward"]  # a forward is its class's docstring
rule("public functions, classes and methods have docstrings", [f"{name}.{node.name}" for name, node in public + methods if not ast.get_docstring(node)])


def sections(notebook):
    "Markdown above the first heading with an anchor, and by anchor the code cells under that heading that the tests run."
    head, found, now = "", {}, None
    text = (root / "nbs" / "tutorials" / notebook).read_text(encoding="utf-8")
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for line in re.findall(r"^#+ .*", source, re.M): now = (re.findall(r'<a id="([\w-]+)"', line) or [None])[0]
            if not found: head += source
        elif not re.search(r"#\| *(slow|cuda|notest|eval: false)", source): found.setdefault(now, []).append(source)
    return head, found


def silent(rows, found):
    return [row for row in rows if not any(re.search(r"(^ *|: )(assert\b|assert_\w+\(|test_fail\()", c, re.M) for c in found.get(row, []))]


paper = """index eq-1 eq-2 eq-3 eq-4 eq-5 eq-6-7 eq-8-10 eq-11 eq-12 algorithm-1 algorithm-2 eq-13 eq-14 eq-15 eq-16 appendix-a recipe samples
           table-1 table-2 algorithms-3-4 figure-5 figure-6 figure-7 figures-8-9 figure-10 traps""".split()
head, found = sections("paper.ipynb")
rows = re.findall(r"\(#([\w-]+)\)", head)
rule("the table of tutorials/paper lists the whole paper", [row for row in paper if row not in rows])
rule("each of its rows has a section that asserts (the traps have a page of their own)", silent([r for r in rows if r != "traps"], found))
rule("each of the twenty-two traps has a section that asserts", silent([f"trap-{i}" for i in range(1, 23)], sections("bugs.ipynb")[1]))


def markdown(path):
    return "".join("".join(c["source"]) for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "markdown")


works = markdown(root / "nbs/references.ipynb").splitlines()
cited = {(path.stem, *work) for path in pages
         for work in re.findall(r"\b([^\W\d_]\w+) (?:et al\.|(?:and|&) [^\W\d_]\w+),? \(?((?:19|20)\d\d)", markdown(path))}
rule("each work that a page cites is on the page of references", sorted(
    f"{page}: {author} {year}" for page, author, year in cited if not any(author in line and year in line for line in works)))


def skeleton(notebook):
    """What two editions of a notebook share: the cells in their order, each with its type and id; of a code cell all; of a Markdown
    cell the headings' levels, links, names in code, and code without comments."""
    for cell in json.loads((root / "nbs" / notebook).read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"]).replace("_zh.ipynb)", ".ipynb)")
        fenced = re.sub(r" *#.*", "", "".join(re.findall(r"(?ms)^```.*?^```", text)))
        prose = re.sub(r"(?ms)^```.*?^```|<!--.*?-->", "", text)
        shared = text, cell.get("outputs")
        if cell["cell_type"] == "markdown":
            shared = re.findall(r"(?m)^#+(?= )", prose), sorted(set(re.findall(r"\]\(.*?\)|`[^`]+`|<code>.*?</code>", prose))), fenced
        yield cell["cell_type"], cell["id"], shared


def out_of_step(notebook):
    english, chinese = list(skeleton(notebook)), list(skeleton(notebook.replace(".ipynb", "_zh.ipynb")))
    if [c[:2] for c in english] != [c[:2] for c in chinese]: return [f"{notebook}: not the same cells in the same order"]
    return [f"{notebook}, {kind} cell {name}" for (kind, name, a), (_, _, b) in zip(english, chinese) if a != b]


rule("the Chinese editions keep step with the English ones (code cells: python tools/execute.py nbs/…_zh.ipynb)",
     out_of_step("index.ipynb") + out_of_step("tutorials/algorithms.ipynb"))
sys.exit(bool(broken))
