"""All that waits for a GPU, in one call: `python tools/on_gpu.py OUT`.

Runs the notebooks that have `cuda` cells, the benchmark, and the CIFAR-10 tutorial, and leaves outputs and logs in OUT:
benchmark/ goes to nbs/benchmarks/gpu.json, cifar10.ipynb to nbs/tutorials/. Needs the package and `nbclient`, `diffusers`.
`--small` tries the script itself, on any machine."""
import shutil
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
out, small = Path(sys.argv[1]).absolute(), "--small" in sys.argv
out.mkdir(parents=True, exist_ok=True)
bench = ["--data", "photos", "--size", "32", "--out", str(out / "benchmark")]
bench += ["--width", "16", "--batch_size", "2", "--rounds", "1"] if small else ["--rounds", "20", "--levers", "--growth", "--compiled"]
notebooks = [p for p in (root / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]
with_cuda = sorted(p for p in notebooks if "#| cuda" in p.read_text(encoding="utf-8"))
jobs = {"benchmark": [sys.executable, "-m", "ddpm_nb.cli", "bench", "cifar10", *bench]}
for notebook in [*with_cuda[:1 if small else None], *([] if small else [root / "nbs/tutorials/cifar10.ipynb"])]:
    jobs[notebook.stem] = [sys.executable, "tools/execute.py", str(notebook.relative_to(root))]
failed = []
for name, command in jobs.items():
    with open(out / f"{name}.log", "w", encoding="utf-8") as log:
        code = subprocess.run(command, cwd=root, stdout=log, stderr=subprocess.STDOUT).returncode
    print(f"{'ok  ' if code == 0 else 'FAIL'} {name}", flush=True)
    if code: failed.append(name)
    if (root / "nbs/tutorials" / f"{name}.ipynb").exists(): shutil.copy(root / "nbs/tutorials" / f"{name}.ipynb", out)
sys.exit(bool(failed))
