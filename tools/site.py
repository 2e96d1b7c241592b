"""Build the documentation site: `pip install -e '.[docs]' && python tools/site.py` writes `_site/`; a warning is a failure.

The pages are the notebooks with the outputs stored in them: nothing is executed, nothing is fetched, nothing but the docs extra
is needed. This script makes them ready for Sphinx. nbdev's directives are carried out; names of the package become links to the
reference; "eq. 4" becomes a link to that equation in tutorials/paper, which links back; each output figure gets alternative
text, its cell's own (`#| fig-alt: …`, as in Quarto) or the words that say what to notice. The reference, a page for each
module, is read from its source: signatures, docstrings, docments."""
import ast
import re
import shutil
import sys
from importlib.util import find_spec
from os.path import relpath
from pathlib import Path
from typing import NamedTuple
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pylatexenc.latex2text import LatexNodes2Text
from sphinx.cmd.build import build_main

root = Path(__file__).resolve().parent.parent
nbs, docs, site = root / "nbs", root / "docs", root / "_site"
source, made, doctrees = root / "build/docs/source", root / "build/docs/html", root / "build/docs/doctrees"
PAPER = "tutorials/paper"
notebooks = {p.relative_to(nbs).with_suffix("").as_posix(): nbformat.read(p, as_version=4).cells
             for p in sorted(nbs.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts}
title = {name: re.match("# (.*)", cells[0].source)[1] for name, cells in notebooks.items()}
module_of = {name: m[1] for name, cells in notebooks.items() for cell in cells if (m := re.match(r"#\| default_exp (\w+)", cell.source))}
anchors = {a: name for name, cells in notebooks.items() for cell in cells for a in re.findall(r'<a id="([\w-]+)">', cell.source)}
equation = {n: a for a in anchors if (m := re.fullmatch(r"eq-(\d+)(?:-(\d+))?", a)) for n in range(int(m[1]), int(m[2] or m[1]) + 1)}


# The reference: what there is

class Entry(NamedTuple):
    kind: str      # of Sphinx's Python domain: function, class, method, property, classmethod
    name: str      # such as `NoiseSchedule.to`
    doc: str       # docstring
    rows: list     # (name, type, default, meaning) of each parameter or field
    returns: tuple # type and meaning


def entries(module):
    "Each public function, class, method and property of a module, in the order of its chapter."
    text = (root / f"ddpm_nb/{module}.py").read_text(encoding="utf-8")
    lines = text.splitlines()

    def value(node): return re.sub(r"field\(default_factory=(\w+).*\)", r"\1()", ast.get_source_segment(text, node)) if node else ""
    def written(node): return node.value if isinstance(getattr(node, "value", None), str) else value(node)  # a type may stand in quotes

    def comment(node):
        "The docment: what stands behind a node on its line."
        behind = lines[node.end_lineno - 1].encode()[node.end_col_offset:].decode()
        return m[1] if (m := re.search(r"#\s*(.*)", behind)) else ""

    def of_function(node, owner=None):
        a, kinds = node.args, [written(d).split(".")[-1] for d in node.decorator_list]
        positional, stars = a.posonlyargs + a.args, [x for x in (a.vararg, a.kwarg) if x]
        defaults = dict(zip(positional[::-1], a.defaults[::-1])) | {x: d for x, d in zip(a.kwonlyargs, a.kw_defaults) if d}
        star = {a.vararg: "*", a.kwarg: "**"}
        order = positional + [x for x in (a.vararg,) if x] + a.kwonlyargs + [x for x in (a.kwarg,) if x]
        if "patch" in kinds: owner = written(order[0].annotation)
        rows = [(star.get(x, "") + x.arg, written(x.annotation), value(defaults.get(x)), comment(defaults.get(x) or x))
                for x in order if not (owner and x is order[0] and "staticmethod" not in kinds)]
        kind = next((k for k in kinds if k in ("property", "classmethod", "staticmethod")), "method" if owner else "function")
        name = f"{owner}.{node.name}" if owner else node.name
        return Entry(kind, name, ast.get_docstring(node) or "", rows, (written(node.returns), comment(node.returns) if node.returns else ""))

    def of_class(node):
        made = next((of_function(n, node.name).rows for n in node.body if getattr(n, "name", "") == "__init__"), None)
        fields = [(n.target.id, written(n.annotation), value(n.value), comment(n)) for n in node.body
                  if isinstance(n, ast.AnnAssign) and not n.target.id.startswith("_")]
        return Entry("class", node.name, ast.get_docstring(node) or "", fields if made is None else made, ("", ""))

    body = ast.parse(text).body
    for node in body:
        if getattr(node, "name", "_").startswith("_"): continue
        if isinstance(node, ast.FunctionDef):
            entry = of_function(node)
            if any(value(d).startswith("command(") for d in node.decorator_list):
                entry = entry._replace(doc=entry.doc + " A command: its first parameter is given by its place, each other one as `--name value`.")
            yield entry
        if isinstance(node, ast.ClassDef):
            yield of_class(node)
            yield from (of_function(n, node.name) for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_"))


reference = {module: list(entries(module)) for module in module_of.values()}
address = {entry.name: f"ddpm_nb.{module}.{entry.name}" for module, found in reference.items() for entry in found}


# Prose: links, and words for those who do not see the pictures

TOKENS = re.compile(  # first what stays as it is: code, headings, mathematics, links, tags
    r"(?P<keep>```.*?```|^#[^\n]*|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|<[^>]+>)|`(?P<name>[A-Za-z_][\w.]*)`|`[^`]+`"
    r"|(?P<eqs>(?:(?<!\d{4}, )|(?<=Ho et al. 2020, ))\b[Ee]q(?:s\. \d+(?:(?:, | and | to )\d+)+|\. \d+))", re.S | re.M)
cited = {}  # of an equation: the pages that use it, each with a link to where


def linked(text, mark=lambda label: ""):
    "Markdown with its names and equations linked; `mark` is what to put before a link to an equation."
    def to_equation(m):
        label = equation[int(m[1] or m[0])]
        return f"{mark(label)}[{m[0]}](#{label})"

    def to_reference(m):
        if m["name"] in address: return f"{{py:obj}}`{m['name']} <{address[m['name']]}>`"
        return re.sub(r"[Ee]q\. (\d+)|\d+", to_equation, m["eqs"]) if m["eqs"] else m[0]
    return TOKENS.sub(to_reference, text)


def spoken(text):
    "The words of a piece of Markdown."
    text = re.sub(r"(?ms)```.*?```|\$\$.*?\$\$|^[#>|<][^\n]*", "", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"\$([^$]+)\$", lambda m: LatexNodes2Text().latex_to_text(m[1]), text))
    return " ".join(re.sub(r"[*`]|<[^>]+>", "", text).split())


def seen(heading, before, after):
    "Alternative text for a figure that has none of its own: its section, and the first sentence of what to notice, or of what was said last."
    notice = [spoken(part) for part in after.split("\n\n")[:2] if "notice" in part]
    said = [words for part in before.split("\n\n") if (words := spoken(part))]
    words = (notice or said[-1:] or [""])[0].removeprefix("What to notice: ")
    first = re.split(r"(?<=[.:!?。]) ?(?=[A-Z(]|[\u4e00-\u9fff])", words)[0]
    return f"Figure in “{spoken(heading)}”. {first[:1].upper()}{first[1:]}"


def prose(name, text):
    "A Markdown cell of a page."
    def mark(label):
        if name == PAPER or name in (pages := cited.setdefault(label, {})): return ""
        pages[name] = f'<a href="{relpath(name, "tutorials")}.html#from-{label}">{title[name]}</a>'
        return f'<span id="from-{label}"></span>'

    text = re.sub(r"\]\([\w./]*#([\w-]+)\)", lambda m: f"](#{m[1]})" if m[1] in anchors else m[0], linked(text, mark))
    text = re.sub(r'(?m)^(#+ )<a id="([\w-]+)"></a>', r"(\2)=\n\1", text)
    text = re.sub(r"(?<!\\end{aligned} )\\qq?uad *\(([\d, ]+)(?:\\text{(–)}(\d+))?\) *\$\$", lambda m: rf"\tag{{{''.join(filter(None, m.groups()))}}}$$", text)
    return re.sub(r"(?s)\((eq-[\d-]+)\)=.*?\$\$.*?\$\$", lambda m: m[0] + used_in(m[1]), text) if name == PAPER else text


def used_in(label):
    return f'\n\n<p class="cited">Used in {", ".join(cited[label].values())}</p>' if label in cited else ""


# Pages

TAGS = {"export": "hide-input", "echo: false": "remove-input", "output: false": "remove-output", "code-fold: true": "hide-cell"}  # with its outputs: what a solution prints would give it away


def code(cell, alt):
    "A code cell of a page, after a target for each public name it defines; none for one that is hidden or only imports for the package."
    directives = dict(re.findall(r'(?m)^#\| *([\w-]+):? *"?(.*?)"?$', cell.source))
    text = re.sub(r"(?m)^#\|.*\n?", "", cell.source).strip()
    tree = ast.parse(text).body if directives.keys() & {"export", "exports"} else []
    if not text or "hide" in directives or ("export" in directives and all(isinstance(n, (ast.Import, ast.ImportFrom)) for n in tree)): return
    for node in tree:
        if (built := getattr(node.targets[0], "id", None) if isinstance(node, ast.Assign) else getattr(node, "name", None)) in address:
            yield new_markdown_cell(f"({'class' if isinstance(node, ast.ClassDef) else 'function'}def-{address[built]})=", id=f"built-{built}")
    about = {"image": {"alt": directives.get("fig-alt", alt)}} | ({"figure": {"caption": directives["fig-cap"]}} if "fig-cap" in directives else {}) \
        | ({"code_prompt_show": directives["code-summary"], "code_prompt_hide": directives["code-summary"]} if "code-summary" in directives else {})
    tags = [tag for directive, tag in TAGS.items() if directive in directives or directive in map(": ".join, directives.items())]
    seen = any({"image/png", "text/markdown"} & o.get("data", {}).keys() for o in cell.outputs)
    if seen and "Solution" not in directives.get("code-summary", ""):  # a figure or a table: its code alone is folded
        tags = [tag.replace("hide-cell", "hide-input") for tag in tags]
    yield new_code_cell(text, id=cell.id, outputs=cell.outputs, metadata={"mystnb": about, "tags": tags})


CONTENTS = {  # the sidebar, in the order of reading; the pages in Chinese come last, where no English reader turns to
    "Start here": ["tutorials/algorithms", "tutorials/play", "glossary"],
    "I. The method": "1_method/", "II. Beyond": "2_beyond/", "III. The workshop": "3_workshop/", "The ground": "0_ground/",
    "Tutorials and proofs": "tutorials/", "Reference": ["references", "api/index"], "中文": ["index_zh", "tutorials/algorithms_zh"],
}


def contents():
    "The trees of the sidebar. A chapter has its number, and each page stands in one place."
    named = [name for names in CONTENTS.values() if isinstance(names, list) for name in names]
    for caption, names in CONTENTS.items():
        if isinstance(names, str):
            first = [f"tutorials/{name}" for name in ("paper", "derivations", "bugs")]
            names = sorted((name for name in notebooks if name.startswith(names) and name not in named),
                           key=lambda name: (first.index(name) if name in first else len(first), name))
        lines = []
        for name in names:
            number = re.match(r"\d+(?=_)", name.split("/")[-1])
            lines.append(f"{int(number[0])} {title[name]} <{name}>" if number else name)
        yield "\n".join([f"```{{toctree}}\n:hidden:\n:caption: {caption}\n", *lines, "```"])


def page(name, cells):
    "A notebook made ready for Sphinx."
    if name == "index": cells[0].source = (docs / "index.md").read_text(encoding="utf-8").replace("<!-- contents -->", "\n\n".join(contents()))
    said, kept, heading, before = [c.source if c.cell_type == "markdown" else "" for c in cells[1:]] + [""], [], "", ""
    for cell, after in zip(cells, said):
        if cell.cell_type == "code": kept += code(cell, seen(heading, before, after))
        else:
            heading, before = ([heading] + re.findall(r"(?m)^#+ (?:<a [^>]*></a>)?(.*)", cell.source))[-1], cell.source
            kept.append(new_markdown_cell(prose(name, cell.source), id=cell.id))
    info = {"kernelspec": {"name": "python3", "display_name": "python3"}, "language_info": {"name": "python"}}
    write(f"{name}.ipynb", nbformat.writes(new_notebook(cells=kept, metadata=info)))


def described(entry, chapter):
    "An entry of the reference, as MyST: signature, docstring, table of docments, and where it is built."
    def literal(text): return re.sub(r"(`[^`]*`|\$[^$]*\$)|\*", lambda m: m[1] or r"\*", linked(text))  # the star of (B, *S) is a star
    def typed(text): return text and f"`{text}`"
    rows = [(f"`{name}`", typed(kind), typed(default), literal(meaning)) for name, kind, default, meaning in entry.rows]
    if entry.returns[1]: rows.append(("*returns*", typed(entry.returns[0]), "", literal(entry.returns[1])))
    columns = [column for column in zip(("name", "type", "default", "meaning"), *rows) if any(column[1:])]
    rows = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in zip(*columns)]
    table = [rows[0], "|---" * len(columns) + "|", *rows[1:]] if len(columns) > 1 else []
    signature = f"{entry.name}({', '.join(name + (default and '=' + default) for name, _, default, _ in entry.rows)})" + (entry.returns[0] and f" -> {entry.returns[0]}")
    kind, option = {"property": ("property", f":type: {entry.returns[0]}"), "classmethod": ("method", ":classmethod:"),
                    "staticmethod": ("method", ":staticmethod:")}.get(entry.kind, (entry.kind, ""))
    if kind == "property": signature, table = entry.name, []
    built = f"[Built in {title[chapter]}](#{kind}def-{address[entry.name]})" if kind in ("class", "function") else ""
    return "\n".join([f"````{{py:{kind}}} {signature}", option, "", literal(entry.doc), "", *table, "", built, "````"])


def api():
    "The reference: a page for each module, and their list."
    rows = []
    for name, module in module_of.items():
        doc = ast.get_docstring(ast.parse((root / f"ddpm_nb/{module}.py").read_text(encoding="utf-8")))
        about = f"{linked(doc)}\n\nBuilt, explained and tested in the chapter [{title[name]}](../{name}.ipynb)."
        write(f"api/{module}.md", "\n\n".join([f"# {module}", about, f"```{{py:module}} ddpm_nb.{module}\n```", *(described(entry, name) for entry in reference[module])]))
        rows.append(f"| [{module}]({module}.md) | {linked(doc)} |")
    write("api/index.md", "# Reference\n\nEvery public function and class, chapter by chapter.\n\n| module | what it is |\n|---|---|\n" + "\n".join(rows)
          + "\n\n```{toctree}\n:hidden:\n" + "\n".join(module_of.values()) + "\n```\n")


def write(name, text):
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_text(text, encoding="utf-8")


for folder in (root / "build/docs", site): shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(nbs, source, ignore=shutil.ignore_patterns(".*", "*.ipynb"))
for name in sorted(notebooks, key=lambda name: name == PAPER): page(name, notebooks[name])  # the paper last: it links back
api()
failed = build_main(["-q", "-W", "--keep-going", "-j", "auto", "-d", str(doctrees), "-c", str(docs), str(source), str(made)])
shutil.move(made, site)
mathjax = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0]) / "static/mathjax"
for name in ("a11y", "input/tex", "output/chtml", "sre"): shutil.copytree(mathjax / name, site / "_static/mathjax" / name)
shutil.copy(mathjax / "tex-chtml.js", site / "_static/mathjax")
for name in notebooks: shutil.copy(nbs / f"{name}.ipynb", site / f"_sources/{name}.ipynb")  # what "Open in Jupyter" gives
sys.exit(failed)
