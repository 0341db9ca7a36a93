# SPDX-License-Identifier: Apache-2.0
"""Makes weights/<name>.npz.  In: names of networks.  Out: plain arrays, one file each, and one line of figures each.

    python -m tests.gallery.train 22_bireal_resnet          trains on the digits of data.py (float top-1 on held-out)
    python -m tests.gallery.train --season 02_vgg_sequential leaves the latent weights random, gives every batch norm
                                                             scales of both signs, shifts and statistics from real maps

Both end the same way: large tensors are rounded to 64 or 16 levels per tensor, none of them zero (so that the files
pack well and no sign is lost), small ones to fp16, and batch-norm statistics are taken again with these weights.
What is saved, not what was trained, is what the figure is measured on.
"""

from __future__ import annotations

import argparse
import time
import zlib
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tests import gallery
from tests.gallery.data import digits

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
LARGE = 1500  # tensors with more elements are stored with 64 levels


def scatter_norms(net: nn.Module, dice: torch.Generator, negative: float) -> None:
    """Batch-norm scales of both signs, shifts, and noise on every parameter that its author left constant."""

    def noise(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=dice)

    inside = {id(p) for m in net.modules() if isinstance(m, NORMS) for p in m.parameters(recurse=False)}
    for module in net.modules():
        if isinstance(module, NORMS) and module.affine:
            flip = torch.where(torch.rand(module.weight.shape, generator=dice) < negative, -1.0, 1.0)
            module.weight.data = (0.6 + 0.8 * torch.rand(module.weight.shape, generator=dice)) * flip
            module.bias.data = 0.3 * noise(module.bias)
    for parameter in net.parameters():
        constant = parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all())
        if parameter.requires_grad and constant and id(parameter) not in inside:
            parameter.data = parameter.data + 0.2 * noise(parameter)


def take_statistics(module: ModuleType, net: nn.Module) -> None:
    """Running statistics of every batch norm, accumulated afresh over the training images (half of them noisy)."""
    norms = [m for m in net.modules() if isinstance(m, NORMS)]
    momenta = [m.momentum for m in norms]
    net.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    x = gallery.to_float(module, digits(module.INPUT)[0])
    torch.manual_seed(5)
    for batch in x.split(100):
        gallery.eager(net, batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.eval()


def round_to_store(name: str, value: np.ndarray) -> np.ndarray:
    """64 levels (16 for the largest) without zero for large tensors, else fp16; no nonzero becomes zero."""
    if not np.issubdtype(value.dtype, np.floating):
        return value
    if value.size > LARGE and len(np.unique(value)) > 64:
        half = 8 if value.size > 5 * LARGE else 32
        step = np.abs(value).max() / half
        value = (np.clip(np.floor(value / step), -half, half - 1) + 0.5) * step
    short = value.astype(np.float16)
    lost = (short == 0) & (value != 0)
    short[lost] = np.copysign(np.float16(1e-4), value[lost])
    return short


def store(module: ModuleType, name: str, net: nn.Module) -> None:
    """Round, take the statistics with the rounded weights, round those, write the file."""
    rounded = {k: round_to_store(k, v.numpy()) for k, v in net.state_dict().items()}
    net.load_state_dict({k: torch.from_numpy(v.astype(np.float32)) for k, v in rounded.items()})
    take_statistics(module, net)
    state = {k: rounded[k] if "running" not in k else v.numpy() for k, v in net.state_dict().items()}
    state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")} | {
        k: np.zeros((), np.int64) for k in state if k.endswith("num_batches_tracked")
    }
    adopt = getattr(module, "to_checkpoint", dict)
    target = gallery.HERE / "weights" / f"{name}.npz"
    kept: dict[str, Any] = {k: v if "running" in k else round_to_store(k, v) for k, v in adopt(state).items()}
    np.savez_compressed(target, **kept)


def jitter(x: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
    """Moves a batch of maps by up to one pixel; features stay where they are."""
    if x.ndim != 4:
        return x
    dy, dx = (int(v) for v in torch.randint(-1, 2, (2,), generator=dice))
    return torch.roll(x, (dy, dx), (2, 3))


def train(module: ModuleType, net: nn.Module, epochs: int, rate: float, seconds: float) -> None:
    """Adam with a cosine schedule and cross entropy; stops at the time limit, the schedule notwithstanding."""
    images, labels = digits(module.INPUT)[:2]
    x, y = gallery.to_float(module, images), torch.from_numpy(labels)
    dice = torch.Generator().manual_seed(3)
    optimiser = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    start = time.monotonic()
    batch = 64
    for _ in range(epochs):
        net.train()
        for index in torch.randperm(len(x), generator=dice).split(batch):
            if len(index) < batch // 2:
                continue
            optimiser.zero_grad()
            F.cross_entropy(net(jitter(x[index], dice)), y[index]).backward()
            optimiser.step()
        schedule.step()
        if time.monotonic() - start > seconds:
            print(f"  stopped after {_ + 1} epochs", flush=True)
            break


def top1(module: ModuleType, net: nn.Module) -> float:
    """Per cent of the held-out images whose largest logit is right."""
    x, y = digits(module.INPUT)[2:]
    logits = torch.cat([gallery.eager(net, part) for part in gallery.to_float(module, x).split(500)])
    return 100 * float((logits.argmax(1).numpy() == y).mean())


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="+")
    arguments.add_argument("--season", action="store_true")
    arguments.add_argument("--epochs", type=int, default=40)
    arguments.add_argument("--rate", type=float, default=5e-3)
    arguments.add_argument("--seconds", type=float, default=90)
    arguments.add_argument("--negative", type=float, default=0.25, help="share of negative batch-norm scales at start")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    for name in chosen.names:
        start = time.monotonic()
        module = gallery.load(name)
        with gallery.old_machine():
            net = module.fresh()
        dice = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        scatter_norms(net, dice, chosen.negative)
        season = getattr(module, "season", None)
        if chosen.season:
            if season is None:
                take_statistics(module, net)
            else:
                season(net, gallery.to_float(module, digits(module.INPUT)[0][:200]), dice)
        else:
            with gallery.old_machine():
                train(module, net, chosen.epochs, chosen.rate, chosen.seconds)
        store(module, name, net)
        again = gallery.build(gallery.load(name))
        size = (gallery.HERE / "weights" / f"{name}.npz").stat().st_size
        print(f"{name}: top-1 {top1(module, again):.2f} %, {size} bytes, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
