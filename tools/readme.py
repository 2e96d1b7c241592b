"Write README.md from nbs/index.ipynb: its Markdown and code, hidden cells and outputs left out, links made to start at the root."
import re
from pathlib import Path
import nbformat

root = Path(__file__).resolve().parent.parent
cells = nbformat.read(root / "nbs/index.ipynb", as_version=4).cells
shown = [c for c in cells if not c.source.startswith("#| hide")]
text = "\n\n".join(c.source if c.cell_type == "markdown" else f"```python\n{c.source}\n```" for c in shown)
text = text.replace("\n```\n\n```python\nx_0", "\n\nx_0")  # the import cell stands apart only for nbdev
text = re.sub(r"\]\((?!https?:|#)", "](nbs/", text)
(root / "README.md").write_text(f"<!-- Made from nbs/index.ipynb by tools/readme.py: edit that notebook. -->\n\n{text}\n")
