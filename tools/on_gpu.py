"""Measurements that need a GPU, in two parts of some eight and seven minutes:

    python tools/on_gpu.py a OUT
    python tools/on_gpu.py b OUT --train train.zip [--test test.zip] [--minutes 5] [--graphs]

`a`, some eight minutes, runs the benchmark at the paper's size (for nbs/benchmarks/gpu.json), the notebooks that walk
through the algorithms (their outputs are for storing), and looks where the time goes. `b` trains the paper's network for a
few minutes on CIFAR-10 and judges what it draws, with CUDA graphs if `a` says that they pay. Each step has a time limit and
writes its results as soon as it has them. Nothing runs beside anything else: the compiler takes about a minute for each
network, and three when it has to share the processor.
`--small` tries all of it at the size of a test, on any machine.
Needs the package, `nbclient`, `ipykernel` and `diffusers`; `b` only the package."""
import argparse
import csv
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

root = Path(__file__).resolve().parent.parent

def write(path: Path, found) -> None:
    path.write_text(json.dumps(found, indent=1), encoding="utf-8")


def start(out: Path, name: str, *command: str):
    "Start a part of its own process; its output goes to OUT/NAME.log."
    log = open(out / f"{name.replace('/', '_')}.log", "w", encoding="utf-8")
    return subprocess.Popen([sys.executable, *command], cwd=root, stdout=log, stderr=subprocess.STDOUT)


def end(name: str, process, limit: float, since: float) -> None:
    "Wait for a part, so many seconds at most."
    try: code = process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        code = "cut off"
    print(f"{perf_counter() - since:5.0f} s  {'ok' if code == 0 else code}  {name}", flush=True)


# ---- a: benchmark, notebooks, profile ----

LIMITS = {"benchmark": 260, "tutorials/algorithms": 150, "details": 150, "3_workshop/13_loop": 60}  # seconds

def run_a(out: Path, small: bool) -> None:
    "One part after the other."
    began, tiny = perf_counter(), ["--small"] * small
    for name, limit in LIMITS.items():
        if small and name == "3_workshop/13_loop": continue  # takes as long as at full size
        notebook = root / "nbs" / f"{name}.ipynb"
        itself = [str(root / "tools/on_gpu.py"), name, str(out), *tiny]
        command = ["tools/execute.py", str(notebook)] if notebook.exists() else itself
        end(name, start(out, name, *command), limit * (5 if small else 1), began)
        if notebook.exists(): shutil.copy(notebook, out)


def paper(small: bool):
    from ddpm_nb.recipes import get_recipe
    return get_recipe("cifar10", **(dict(width=32, batch_size=4) if small else {}))


def benchmark(out: Path, small: bool, rounds: int) -> None:
    from ddpm_nb.benchmark import bench
    report = bench(paper(small), None, 1 if small else rounds, levers=True, compile=torch.cuda.is_available())
    report.save(out)


def details(out: Path, small: bool) -> None:
    "Which kernels a training step spends its time in, and what single changes do to it."
    from ddpm_nb.baselines import random_images, with_defaults
    from ddpm_nb.recipes import edit
    from ddpm_nb.unet import GroupNorm
    gpu, repeat, found = torch.cuda.is_available(), 2 if small else 30, {"device": device_name()}
    recipe = edit(paper(small), compile="on" if gpu else "off")
    new = lambda: with_defaults(recipe, random_images(recipe))
    note = lambda name, value: (found.update({name: value}), write(out / "details.json", found))
    ours = new()
    note("ours", seconds(ours.step, repeat))
    note("kernels, training step", kernels(ours.step))
    note("kernels, three sampling steps", kernels(ours.call))
    note("attention", attention(small))
    with_graphs = with_defaults(edit(recipe, compile="off"), random_images(recipe))
    if gpu: with_graphs.model.compile(mode="reduce-overhead")
    note("ours, CUDA graphs", seconds(with_graphs.step, repeat))
    torch.compiler.reset()
    GroupNorm.forward = by_channel
    note("ours, group norm by channel", seconds(new().step, repeat))


def by_channel(self, x):
    "Group norm from the moments of single channels, which channels-last memory gives up in its own order."
    per_group = (len(x), self.num_groups, -1)
    var, mean = torch.var_mean(x.float(), (2, 3), correction=0)  # (B, C)
    var, mean = var.view(per_group), mean.view(per_group)
    center = mean.mean(-1, keepdim=True)
    var = (var + (mean - center).square()).mean(-1, keepdim=True)
    scale = self.weight.view(1, *per_group[1:]) * (var + self.eps).rsqrt()
    shift = self.bias.view(1, *per_group[1:]) - center * scale
    scale, shift = (v.view(*x.shape[:2], 1, 1) for v in (scale, shift))
    return (x * scale + shift).to(x.dtype)


def seconds(step, repeat: int) -> float:
    "Median time of a step, after two that do not count."
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    step(); step()
    times = []
    for _ in range(repeat):
        wait(); begin = perf_counter()
        step()
        wait(); times.append(perf_counter() - begin)
    return median(times)


def kernels(step, most: int = 30) -> list[dict]:
    "The kernels that a step spends most of its time in: name, microseconds, calls."
    gpu = torch.cuda.is_available()
    with torch.profiler.profile() as profile:
        step()
        if gpu: torch.cuda.synchronize()
    time = (lambda e: e.self_device_time_total) if gpu else (lambda e: e.self_cpu_time_total)
    on_device = [e for e in profile.key_averages() if not gpu or "CUDA" in str(e.device_type)]
    total = sum(map(time, on_device))
    worst = sorted(on_device, key=time, reverse=True)[:most]
    rows = [{"kernel": e.key[:120], "microseconds": time(e), "calls": e.count} for e in worst]
    return [{"kernel": "all", "microseconds": total, "calls": sum(e.count for e in on_device)}, *rows]


class ContiguousAttention(nn.Module):
    "Chapter 05's attention, with q, k and v copied into memory of their own."
    def __init__(self, attention):
        super().__init__()
        self.inner = attention

    def forward(self, x):
        B, C, H, W = x.shape
        qkv = self.inner.qkv(self.inner.norm(x)).view(B, 3, self.inner.heads, C // self.inner.heads, H * W)
        q, k, v = (part.contiguous() for part in qkv.transpose(-1, -2).unbind(1))
        h = F.scaled_dot_product_attention(q, k, v)
        return x + self.inner.proj(h.transpose(-1, -2).reshape(B, C, H, W))


def attention(small: bool) -> dict[str, float]:
    "Seconds of one attention block, forward and back, in bf16."
    from ddpm_nb.unet import Attention, UNetConfig
    device, found = "cuda" if torch.cuda.is_available() else "cpu", {}
    for layout in (torch.channels_last, torch.contiguous_format):
        for size in (16, 4):
            plain = Attention(256, UNetConfig()).to(device, memory_format=layout)
            x = torch.randn(2 if small else 128, 256, size, size, device=device).to(memory_format=layout)
            x = x.to(torch.bfloat16).requires_grad_()
            for name, block in (("as it is", plain), ("contiguous", ContiguousAttention(plain))):
                def step(block=block, x=x):
                    with torch.autocast(device, torch.bfloat16): block(x).square().mean().backward()
                kind = str(layout).removeprefix("torch.")
                found[f"{size}x{size}, {kind}, {name}"] = seconds(step, 2 if small else 30)
    return found


# ---- b: CIFAR-10 for some minutes ----

def run_b(out: Path, small: bool, train: str | None, test: str | None, minutes: float, graphs: bool) -> None:
    from ddpm_nb.runs import Run
    from ddpm_nb.loop import Training, fit
    began, found = perf_counter(), {"device": device_name(), "torch": torch.__version__}
    say = lambda text: print(f"{perf_counter() - began:5.0f} s  {text}", flush=True)
    data, aside = cifar(train, test, small)
    say(f"{data}, {aside} kept aside")
    recipe = short_recipe(small, minutes)
    torch.manual_seed(0)
    model = recipe.network(data)
    if torch.cuda.is_available(): model.compile(mode="reduce-overhead" if graphs else None)
    training = Training(recipe.trainer(model, data), data, recipe.training)
    with open(out / "log.csv", "w", newline="", encoding="utf-8") as file:
        log = csv.writer(file)
        def on_entry(entry):
            if entry.step == recipe.training.log_every: log.writerow(entry._fields)
            log.writerow([f"{v:.6g}" for v in entry])
            if entry.step % (20 * recipe.training.log_every) == 0: say(f"step {entry.step}, loss {entry.loss:.4f}")
        fit(training, on_entry, progress=False)
    found |= {"steps": training.step, "seconds": training.seconds, "batch_size": recipe.training.batch_size,
              "lr": recipe.training.lr, "ema": recipe.training.ema, "dropout": recipe.unet.dropout,
              "train_images": len(data), "test_images": len(aside), "loss": training.losses[-1]}
    write(out / "cifar10.json", found)
    say(f"trained, {training.step} steps")
    run = Run.of(recipe, training.ema_model, data)
    drawn = draw(run, out, small, say)
    judge = train_judge(data, 2 if small else 1500)
    say("judge trained")
    found["judged"] = judged(judge, data, aside, drawn)
    write(out / "cifar10.json", found)
    say(json.dumps(found["judged"], indent=1))


def device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def short_recipe(small: bool, minutes: float):
    "The paper's network and optimiser, told the class of each image; learning rate and averaging for a short run."
    from ddpm_nb.recipes import get_recipe
    recipe = get_recipe("cifar10", labels=True, dropout=0.0, lr=4e-4, warmup=500, decay="linear", ema=0.9995,
                        minutes=minutes, log_every=50, compile="off")
    if not small: return recipe
    tiny = replace(recipe.unet, width=32, multipliers=(1, 2), blocks=1)
    return replace(recipe, unet=tiny, training=replace(recipe.training, batch_size=8, log_every=2))


def cifar(train: str | None, test: str | None, small: bool):
    "Images of two archives (a tenth of the first kept aside where there is no second), or random ones."
    from ddpm_nb.data import ImageSet
    if train is None:
        images = torch.randint(256, (40, 3, 32, 32), dtype=torch.uint8)
        data = ImageSet(images, torch.arange(40) % 10, tuple("abcdefghij"))
        return data, data
    data = read_zip(train, 60 if small else None)
    if test and Path(test).exists(): return data, read_zip(test, 60 if small else None)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    return data.subset(order[len(data) // 10:]), data.subset(order[:len(data) // 10])


def read_zip(path: str, most: int | None):
    "Images in folders named after their classes, all of one size."
    from ddpm_nb.data import ImageSet
    with zipfile.ZipFile(path) as archive:
        names = sorted(n for n in archive.namelist() if n.lower().endswith((".jpg", ".png")))
        if most: names = names[::len(names) // most]
        files = [archive.read(n) for n in names]
    kinds = sorted({Path(n).parent.name for n in names})
    with multiprocessing.get_context("fork").Pool() as pool: images = pool.map(pixels, files, chunksize=500)
    labels = torch.tensor([kinds.index(Path(n).parent.name) for n in names])
    return ImageSet(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous(), labels, tuple(kinds))


def pixels(content: bytes) -> np.ndarray:
    from PIL import Image
    with Image.open(BytesIO(content)) as image: return np.asarray(image.convert("RGB"))


def draw(run, out: Path, small: bool, say) -> dict:
    "2,000 images with each scale of guidance, 20 calls of DPM-Solver++; and 100 by all steps of Algorithm 2."
    drawn, n = {}, 20 if small else 2000
    for scale in (None, 1.5, 2.0):
        begin = perf_counter()
        images, labels = run.draw(n, steps=4 if small else 20, solver="dpm", spacing="logsnr", guidance_scale=scale,
                                  precision="auto", seed=1, progress=False)
        name = f"dpm20, guidance {scale or 'none'}"
        drawn[name] = images, labels
        keep(out / f"dpm20_{scale or 1.0}.npz", images, labels)
        say(f"{n} images, {name}: {perf_counter() - begin:.1f} s")
    begin = perf_counter()
    images, labels = run.draw(10 if small else 100, steps=4 if small else 1000, precision="auto", seed=2, progress=False)
    keep(out / "ancestral1000.npz", images, labels)
    say(f"100 images, Algorithm 2 with 1,000 steps: {perf_counter() - begin:.1f} s")
    return drawn


def keep(path: Path, images, labels) -> None:
    np.savez_compressed(path, images=((images + 1) * 127.5).round().to(torch.uint8).numpy(), labels=labels.numpy())


def train_judge(data, steps: int):
    "A ResNet-18 for small images, trained on the same images with flips and shifts."
    from torchvision.models import resnet18
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    judge = resnet18(num_classes=len(data.classes))
    judge.conv1, judge.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    judge, batch = judge.to(device, memory_format=torch.channels_last), min(512, len(data))
    optimizer = torch.optim.SGD(judge.parameters(), momentum=0.9, nesterov=True, weight_decay=5e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, steps)
    data = data.to(device)
    for step in range(steps):
        x, y = data.batch(step, batch, seed=1, flip=True)
        i, j = torch.randint(9, (2,)).tolist()
        x = F.pad(x, (4, 4, 4, 4))[:, :, i:i + 32, j:j + 32].contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = F.cross_entropy(judge(x), y, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        rate.step()
    return judge.eval().requires_grad_(False)


def judged(judge, data, aside, drawn: dict) -> dict:
    "Accuracy, confidence, and the Fréchet distance in the judge's features to images kept aside."
    from ddpm_nb.metrics import Moments, frechet_error, frechet_of_moments
    features, answers = look(judge, aside.scaled())
    reference = Moments.of(features)
    found = {"real, kept aside": {"n": len(aside), "accuracy": accuracy(answers, aside.labels)}}
    some = torch.randperm(len(data), generator=torch.Generator().manual_seed(3))[:2000]
    sets = {"real, trained on": (data.scaled(some), data.labels[some]), **drawn}
    for name, (images, labels) in sets.items():
        features, answers = look(judge, images)
        found[name] = {"n": len(images), "accuracy": accuracy(answers, labels),
                       "confidence": float(answers.softmax(1).amax(1).mean()),
                       "frechet": frechet_of_moments(Moments.of(features), reference),
                       "frechet_error": frechet_error(features, reference)}
    return found


def accuracy(answers, labels) -> float:
    return float((answers.argmax(1) == labels).float().mean())


@torch.no_grad()
def look(judge, images):
    "Features before the last layer, and its answers."
    device = next(judge.parameters()).device
    kept = []
    hook = judge.avgpool.register_forward_hook(lambda m, i, o: kept.append(o.flatten(1).float().cpu()))
    answers = [judge(x.to(device, memory_format=torch.channels_last)).float().cpu() for x in images.split(500)]
    hook.remove()
    return torch.cat(kept), torch.cat(answers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("a", "b", "benchmark", "details"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--train")
    parser.add_argument("--test")
    parser.add_argument("--graphs", action="store_true")
    parser.add_argument("--minutes", type=float, default=5)
    args = parser.parse_args()
    args.out = args.out.absolute()
    args.out.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(root))
    if args.small: os.environ["IN_TEST"] = "1"  # which notebooks take for a smaller run
    if args.what == "a": run_a(args.out, args.small)
    if args.what == "b": run_b(args.out, args.small, args.train, args.test, args.minutes, args.graphs)
    if args.what == "benchmark": benchmark(args.out, args.small, args.rounds)
    if args.what == "details": details(args.out, args.small)
