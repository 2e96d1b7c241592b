"Draw the README's two pictures from a run: `python tools/figures.py runs/digits`."
import sys
from pathlib import Path
import torch
from ddpm_nb.weights import load
from ddpm_nb.viz import image_grid, pick_states, save_figure, trajectory_grid

run, images = load(sys.argv[1]), Path(__file__).resolve().parent.parent / "nbs/images"
images.mkdir(exist_ok=True)
save_figure(image_grid(run.draw(60)[0], columns=10, scale=8), images / "samples.png")
kept = pick_states(run.sampler().states(torch.randn(3, *run.shape, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 3, 4]),
                                        torch.Generator().manual_seed(1)), run.recipe.T, keep=10)
save_figure(image_grid(torch.cat([trajectory_grid(kept, i) for i in range(3)]), columns=10, scale=8), images / "trajectory.png")
