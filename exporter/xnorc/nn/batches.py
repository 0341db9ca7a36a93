# SPDX-License-Identifier: Apache-2.0
"""Batches from images held in memory: a data set that is indexed by whole batches, and augmentation on tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Sampler

from xnorc.data import Samples


class Images(Dataset[tuple[Tensor, Tensor]]):
    """uint8 images (N, C, H, W) and labels (N,); `__getitems__` gathers a whole batch at once."""

    def __init__(self, samples: Samples) -> None:
        self.x = torch.from_numpy(samples.x.transpose(0, 3, 1, 2).copy())
        self.y = torch.from_numpy(samples.y)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]

    def __getitems__(self, index: list[int]) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]


class EpochOrder(Sampler[int]):
    """A permutation that depends on (seed, epoch) alone, so that a resumed training sees what it would have seen.

    Lightning calls `set_epoch` ahead of every epoch, and puts a DistributedSampler in its place under DDP.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        order = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return iter(torch.randperm(self.count, generator=order).tolist())


def loader(samples: Samples, batch: int, *, seed: int | None = None) -> DataLoader[Any]:
    """Batches (uint8 (B, C, H, W), int64 (B,)): in order, or shuffled by `seed` without the incomplete last one."""
    held = Images(samples)
    if seed is None:
        return DataLoader(held, batch, collate_fn=_as_is)
    drop = len(held) > batch  # note: one sample left over would break batch norm
    return DataLoader(held, batch, sampler=EpochOrder(len(held), seed), drop_last=drop, collate_fn=_as_is)


def _as_is(batch: Any) -> Any:
    return batch


def as_floats(x: Tensor, mean: Tensor | None, std: Tensor | None) -> Tensor:
    """uint8 (B, C, H, W) -> float32, (x / 255 - mean) / std, as `Samples.floats`."""
    out = x.to(torch.float32) / 255
    return out if mean is None or std is None else (out - mean) / std


def augment(x: Tensor, flip: bool, crop: int, random: torch.Generator) -> Tensor:
    """uint8 (B, C, H, W): each image mirrored with probability 1/2, then cropped after `crop` zeros on each side.

    `random` lives on the device of x."""
    b, _, h, w = x.shape
    if flip:
        x = torch.where(torch.rand(b, 1, 1, 1, device=x.device, generator=random) < 0.5, x.flip(3), x)
    if not crop:
        return x
    padded = functional.pad(x, (crop,) * 4)
    top, left = (torch.randint(2 * crop + 1, (b, 1), device=x.device, generator=random) for _ in range(2))
    rows = (top + torch.arange(h, device=x.device))[:, None, :, None]  # (B, 1, h, 1)
    cols = (left + torch.arange(w, device=x.device))[:, None, None, :]
    image = torch.arange(b, device=x.device)[:, None, None, None]
    channel = torch.arange(x.shape[1], device=x.device)[None, :, None, None]
    return padded[image, channel, rows, cols]
