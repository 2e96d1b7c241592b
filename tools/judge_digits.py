"""Judge drawn digits: `ddpm_sample RUN --n 2000 --npz drawn.npz && python tools/judge_digits.py drawn.npz`.

A small classifier, trained on the real training digits alone, says which share of the drawn ones it recognises with
confidence above 0.9, which share it takes for the label asked for, and how far apart its features lie: the Fréchet distance of
the drawn digits, 500 at a time, from those kept aside from all training, in units of what 500 training digits get. And whether
they were copied: the probability that a drawn digit is nearer to the training digits than one kept aside is, in pixels and in
features (1/2: no difference), and the share that has its nearest real digit in the training (80 % on
average over ways to split the digits; on this one split it may be off by far)."""
import sys
import numpy as np
import torch
from ddpm_nb.data import load_data
from ddpm_nb.evaluation import Yardstick, train_judge
from ddpm_nb.metrics import nearest, probability_closer

train, held = load_data("digits"), load_data("digits", "test")
judge = train_judge(train)
levels = lambda x: (8 * x).round() / 8  # the 17 grey levels of real digits
views = {"pixels": lambda x: levels(x).flatten(1), "features": lambda x: judge.features(levels(x))}


def copied(view, x):
    "Probability to be nearer to the training than a digit kept aside is, and the share whose nearest real digit is in the training."
    a, b, c = (nearest(view(some), view(real)).distance for some, real in ((x, train.scaled()), (held.scaled(), train.scaled()), (x, held.scaled())))
    return probability_closer(a, b).value, (a < c).double().mean().item()


print(f"digits kept aside: {judge.recognised(held.scaled()):.3f} recognised, {judge.accuracy(held.scaled(), held.labels):.3f} right")
for name in sys.argv[1:]:
    drawn = np.load(name)
    images = torch.tensor(drawn["images"])
    right = judge.accuracy(images, torch.tensor(drawn["labels"])) if "labels" in drawn and drawn["labels"].max() < 10 else float("nan")
    yardstick = Yardstick(judge, train, held, min(500, len(images)))  # few images are compared with as few real ones
    far, error = yardstick(images[: len(images) // yardstick.size * yardstick.size])
    print(f"{name}: {len(images)} images, {judge.recognised(images):.3f} recognised, {right:.3f} the label asked for, "
          f"Fréchet distance {far:.3f} ± {error:.3f} (1: {yardstick.size} training digits, {yardstick.unit.value:.1f} ± {yardstick.unit.error:.1f})")
    for view_name, view in views.items():
        print("    in {}: nearer to the training than digits kept aside with probability {:.3f}, nearest real digit in the training for {:.3f}".format(view_name, *copied(view, images)))
