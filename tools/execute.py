"""Run notebooks and store their outputs: `python tools/execute.py [nbs/1_method/01_schedule.ipynb …]` (all of them when none is named).

Folded cells are folded in JupyterLab too, solutions with their outputs. Cells marked `cuda` run where there is a GPU; cells that export the package or are marked `eval: false` or `notest` never run.
A Chinese edition (`…_zh.ipynb`) is not run: it takes the code cells of the English one, outputs included."""
import os
import re
import sys
from pathlib import Path
import nbformat
import torch
from nbclient import NotebookClient

root = Path(__file__).resolve().parent.parent
skip = ["#| eval: false", "#| notest", "nbdev_export("] + ([] if torch.cuda.is_available() else ["#| cuda"])


class Client(NotebookClient):
    async def async_execute_cell(self, cell, cell_index, **kwargs):
        if any(mark in cell.source for mark in skip): return cell
        return await super().async_execute_cell(cell, cell_index, **kwargs)


def left_over(output):
    "What a progress bar leaves behind, and what torch logs about this machine."
    html = output.get("data", {}).get("text/html")
    return "No CUDA runtime is found" in output.get("text", "") or html is not None and (not html.strip() or "<progress" in html or "/* Turns off some styling */" in html)


def whole(outputs):
    "Text that was printed in one go is one output, however it came in."
    joined = []
    for o in outputs:
        last = joined[-1] if joined else {}
        if o.output_type == "stream" and last.get("name") == o.name: last.text += o.text
        else: joined.append(o)
    return joined


os.chdir(root)
names = sys.argv[1:] or sorted(str(p) for p in Path("nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
for name in names:
    nb = nbformat.read(name, as_version=4)
    if name.endswith("_zh.ipynb"):
        code = {c.id: c for c in nbformat.read(name.replace("_zh.ipynb", ".ipynb"), as_version=4).cells if c.cell_type == "code"}
        nb.cells = [code.get(c.id, c) for c in nb.cells]
    else: Client(nb, timeout=None, kernel_name="python3", store_widget_state=False, resources={"metadata": {"path": str(Path(name).parent)}}).execute()
    for c in nb.cells:
        if c.cell_type == "code" and "#| code-fold: true" in c.source:  # folded on the page, and so in JupyterLab
            solution = re.search(r"(?m)^#\| code-summary: .*Solution", c.source)
            c.metadata["jupyter"] = {"source_hidden": True} | ({"outputs_hidden": True} if solution else {})
        if c.cell_type == "code": c.outputs = whole([o for o in c.outputs if not left_over(o)])
        for o in c.get("outputs", []):  # a warning without the path of this machine
            o.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)  # dead without its kernel; the picture stays
            if "text" in o: o.text = re.sub(r"(?m)^/\S+\.py:\d+: ", "", o.text)
    nbformat.write(nb, name)
    print(f"{name}: {Path(name).stat().st_size // 1024} KB", flush=True)
