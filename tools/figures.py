"""Draw the pictures of the README and of tutorials/mnist from runs: `python tools/figures.py runs/digits runs/mnist`.

Of `digits` a sheet of sixty. Of `mnist` such a sheet, three chains, and ten digits beside the nearest real ones."""
import sys
from pathlib import Path
import torch
from ddpm_nb.metrics import nearest
from ddpm_nb.runs import Run
from ddpm_nb.viz import image_grid, pick_states, save_figure, trajectory_grid
from ddpm_nb.weights import load

folder = Path(__file__).resolve().parent.parent / "nbs/images"


def save(name: str, x: torch.Tensor) -> None:
    save_figure(image_grid(x, columns=10, scale=max(3, 64 // x.shape[-1])), folder / f"{name}.png")


def chains(run: Run) -> torch.Tensor:
    "Three digits on their way by Algorithm 2, two rows each."
    noise = torch.Generator().manual_seed(1)
    x_T, y = torch.randn(3, *run.shape, generator=noise), torch.tensor([0, 3, 4])
    kept = pick_states(run.sampler().states(x_T, y, noise), run.recipe.T, keep=10)
    return torch.cat([trajectory_grid(kept, i) for i in range(3)])


def beside_nearest(x: torch.Tensor, *real: torch.Tensor) -> torch.Tensor:
    "Images, and below them the nearest of each set of real ones."
    rows = (some[nearest(x.flatten(1), some.flatten(1)).index] for some in real)
    return torch.cat([x, *rows])


for name in sys.argv[1:]:
    run = load(name)
    if run.recipe.name == "digits":
        save("samples", run.draw(60)[0])
        continue
    drawn = run.draw(60, solver="dpm", steps=20, guidance_scale=1.5)[0]
    save("mnist", drawn)
    save("mnist_nearest", beside_nearest(drawn[:10], run.data("train").scaled(), run.data("test").scaled()))
    save("trajectory", chains(run))
