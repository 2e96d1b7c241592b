"""Draw the start page's living picture from a run: `python docs/living_picture.py runs/mnist`.

One PNG of 24 frames below each other: 48 digits on their way through Algorithm 2, looked at whenever the logarithm of the
signal-to-noise ratio has grown by as much again. The style sheet shows one frame after the other; no script is needed."""
import sys
from pathlib import Path
import torch
from PIL import Image
from torchvision.utils import make_grid
from ddpm_nb.weights import load
from ddpm_nb.viz import to_pixels

FRAMES, COLUMNS, ROWS = 24, 12, 4
run, generator = load(sys.argv[1]), torch.Generator().manual_seed(3)
snr = run.recipe.noise_schedule().snr.log()
stops = [int((snr - level).abs().argmin()) for level in torch.linspace(-3, snr[0], FRAMES - 1)]
x_T = torch.randn(COLUMNS * ROWS, *run.shape, generator=generator)
frames = [x_T]
for state in run.sampler().states(x_T, torch.arange(COLUMNS * ROWS) % 10, generator):
    frames += [state.x_0 if state.t == 0 else state.x_t] * stops.count(state.t)
grid = torch.cat([make_grid(frame.clamp(-1, 1), nrow=COLUMNS, padding=1, pad_value=-1) for frame in frames], dim=1)
picture, static = Image.fromarray(to_pixels(grid)[..., 0].numpy()), Path(__file__).parent / "static"
picture.quantize(16).save(static / "denoising.png", optimize=True)
edge = run.shape[-1] + 1
last = picture.height - ROWS * edge - 1  # where the last frame begins
picture.crop((0, last, edge, last + edge)).resize((2 * edge, 2 * edge), Image.Resampling.NEAREST).save(static / "favicon.png")  # its first digit
