"""Write README.md from nbs/index.ipynb, and README.zh.md from nbs/index_zh.ipynb.

What goes in: Markdown and code, without hidden cells, comments and outputs, links made to start at the root."""
import re
from pathlib import Path
import nbformat

root = Path(__file__).resolve().parent.parent
readmes = {"index.ipynb": "README.md", "index_zh.ipynb": "README.zh.md"}
for notebook, readme in readmes.items():
    cells = nbformat.read(root / "nbs" / notebook, as_version=4).cells
    shown = [c for c in cells if not c.source.startswith("#| hide")]
    text = "\n\n".join(c.source if c.cell_type == "markdown" else f"```python\n{c.source}\n```" for c in shown)
    text = text.replace("\n```\n\n```python\nx_0", "\n\nx_0")  # the import cell stands apart only for nbdev
    text = re.sub(r"(?s)<!--.*?-->\n\n", "", text)
    text = re.sub(r"\]\((?!https?:|#)", "](nbs/", text)
    for other in readmes: text = text.replace(f"](nbs/{other})", f"]({readmes[other]})")
    (root / readme).write_text(f"<!-- Made from nbs/{notebook} by tools/readme.py: edit that notebook. -->\n\n{text}\n", encoding="utf-8")
