"""Judge drawn digits: `ddpm_sample RUN --n 500 --npz drawn.npz && python tools/judge_digits.py drawn.npz`.

A small classifier, trained on the real training digits alone, says which share of the drawn ones it recognises with
confidence above 0.9 (against that share among the held-out real ones), which share it takes for the label asked for, and how
far apart its features lie: the Fréchet distance between 500 drawn digits and the real ones, over that between 500 real digits
and the rest."""
import sys
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from ddpm_nb.data import load_data


def classifier(data, seed=1, steps=900):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2),
                        nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * 16, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for step in range(steps):
        x, y = data.batch(step, 128, seed)
        move = torch.eye(2, 3).repeat(len(x), 1, 1)
        move[:, :, 2] = (torch.rand(len(x), 2) - 0.5) / 2  # up to one pixel each way
        x = F.grid_sample(x, F.affine_grid(move, x.shape, align_corners=False), padding_mode="border", align_corners=False)
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
        rate.step()
    return net.eval()


def frechet(a, b):
    a, b = a.double(), b.double()
    root = torch.linalg.eigvals(a.T.cov() @ b.T.cov()).real.clamp(min=0).sqrt().sum()  # trace of the root of the product
    return float((a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace() - 2 * root)


@torch.no_grad()
def main():
    train, held, whole = load_data("digits"), load_data("digits", "test"), load_data("digits", "all").scaled()
    with torch.enable_grad(): net = classifier(train)
    features, sure = net[:-2], lambda x: (net(x).softmax(1).amax(1) > 0.9).double().mean().item()
    whole = whole[torch.randperm(len(whole), generator=torch.Generator().manual_seed(5))]
    real = frechet(features(whole[:500]), features(whole[500:]))
    print(f"held-out real digits: {sure(held.scaled()):.3f} recognised, {(net(held.scaled()).argmax(1) == held.labels).double().mean():.3f} right")
    for name in sys.argv[1:]:
        drawn = np.load(name)
        images, right = torch.tensor(drawn["images"]), float("nan")
        if "labels" in drawn: right = (net(images).argmax(1) == torch.tensor(drawn["labels"])).double().mean()
        print(f"{name}: {len(images)} images, {sure(images):.3f} recognised ({sure(images) / sure(held.scaled()):.3f} of real), "
              f"{right:.3f} the label asked for, Fréchet distance {frechet(features(images), features(whole[500:])) / real:.2f} times real")


main()
