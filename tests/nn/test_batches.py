# SPDX-License-Identifier: Apache-2.0
"""What a training step is fed: the order of an epoch, crops and flips, normalised floats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from xnorc.data import digits
from xnorc.nn.batches import EpochOrder, as_floats, augment


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = EpochOrder(50, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert sorted(order(1, 2)) == list(range(50))
    assert len({tuple(order(s, e)) for s in (0, 1) for e in (0, 1, 2)}) == 6


def test_a_crop_is_a_window_of_the_zero_padded_image() -> None:
    torch.manual_seed(0)
    x = torch.randint(1, 256, (20, 2, 5, 5), dtype=torch.uint8)
    out, padded = (
        augment(x, False, 2, torch.Generator().manual_seed(0)),
        np.pad(x.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2))),
    )
    for image in range(20):
        windows = [padded[image, :, t : t + 5, q : q + 5] for t in range(5) for q in range(5)]
        assert any(np.array_equal(out[image].numpy(), window) for window in windows)
    flipped = augment(x, True, 0, torch.Generator().manual_seed(0))
    mirrored = [torch.equal(flipped[i], x[i].flip(2)) for i in range(20)]
    assert 0 < sum(mirrored) < 20
    assert all(m or torch.equal(flipped[i], x[i]) for i, m in enumerate(mirrored))


def test_batches_are_normalised_as_the_samples_say() -> None:
    normal = replace(digits().train.take(slice(50)), mean=(0.3,), std=(0.2,))
    x = torch.from_numpy(normal.x.transpose(0, 3, 1, 2).copy())
    mean, std = torch.tensor([[[0.3]]]), torch.tensor([[[0.2]]])
    np.testing.assert_array_equal(as_floats(x, mean, std).numpy(), normal.floats())
