# SPDX-License-Identifier: Apache-2.0
"""Networks by strangers, exported unmodified: bit for bit where they have no stream, in accuracy where they have one.

A network without a stream must differ from PyTorch in zero bits over 1,000 images, half noise and half digits.  One
with streams must reach the float model's top-1 on the 2,995 held-out images within 0.3 points.  Every program must give
the same tensors as C, on this machine under sanitizers and on an emulated Cortex-M4.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests import gallery
from tests.gallery.data import digits
from xnorc.boards import load as load_board
from xnorc.deploy import running
from xnorc.exporting import lower_module
from xnorc.link.session import Verify, stream_samples
from xnorc.lower import Lowered
from xnorc.oracle.compare import compare
from xnorc.program import Program
from xnorc.targets import Target
from xnorc.targets.host import Host
from xnorc.targets.qemu import Qemu

NAMES = gallery.names()
IMAGES = 1000
POINTS = 0.003


@cache
def lowered(name: str) -> tuple[ModuleType, Lowered]:
    """The author's own module, exported with what an author would pass: an example, images, the normalisation."""
    module = gallery.load(name)
    # An exact network may still end in a real linear layer, whose stream saturates beyond what it was calibrated on:
    # it is tested on noise too, so it is calibrated on other noise and digits.
    train = as_images(gallery.images(module, 200, seed=1) if is_exact(name) else digits(module.INPUT)[0][:300])
    example = gallery.to_float(module, gallery.images(module, 2)[:1])
    options = {"calibration": train, "mean": module.MEAN, "std": module.STD, "tie": module.TIE}
    return module, lower_module(gallery.build(module), example, name=name, **options)


def as_images(x: np.ndarray) -> np.ndarray:
    """uint8 (N, h, w, c); features become (N, 1, 1, features)."""
    return x if x.ndim == 4 else x[:, None, None, :]


def is_exact(name: str) -> bool:
    return "STREAM = False" in gallery.path_of(name).read_text()


def together(names: Iterable[str]) -> list[Any]:
    """Parameters whose tests of one network run in one process, one after the other: they share its export."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(f"gallery {name}")) for name in names]


@pytest.mark.parametrize("name", together(filter(is_exact, NAMES)))
def test_no_bit_differs_from_pytorch_over_a_thousand_images(name: str) -> None:
    module, made = lowered(name)
    found = compare(made, as_images(gallery.images(module, IMAGES, seed=7)))
    assert found.differing_bits == 0, [row for row in found.rows if row.free]
    assert found.same_labels == IMAGES


@pytest.mark.parametrize("name", together(itertools.filterfalse(is_exact, NAMES)))
def test_streams_cost_at_most_three_tenths_of_a_point(name: str) -> None:
    module, made = lowered(name)
    _, _, x, y = digits(module.INPUT)
    net = gallery.build(module)
    with torch.no_grad():
        floats = [gallery.eager(net, gallery.to_float(module, x[i : i + 100])).argmax(1) for i in range(0, len(x), 100)]
    float_top1 = float((torch.cat(floats).numpy() == y).mean())
    integer_top1 = float((made.program.predict(as_images(x)) == y).mean())
    assert float_top1 > 0.9, "the author's network is not trained"
    assert integer_top1 >= float_top1 - POINTS, f"PyTorch {float_top1:.4f}, integer program {integer_top1:.4f}"


@pytest.mark.host
@pytest.mark.parametrize("name", together(NAMES))
def test_host_c_equals_the_program_in_every_tensor(name: str, need: Callable[..., None], tmp_path: Path) -> None:
    need("gcc")
    module, made = lowered(name)
    check(made.program, Host(), as_images(gallery.images(module, 8, seed=8)), tmp_path)


@pytest.mark.emulator
@pytest.mark.parametrize("name", together(NAMES))
def test_an_emulated_board_equals_the_program_in_every_tensor(
    name: str, need: Callable[..., None], tmp_path: Path
) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    module, made = lowered(name)
    check(made.program, Qemu(load_board("mps2_an386")), as_images(gallery.images(module, 4, seed=9)), tmp_path)


def check(program: Program, target: Target, x: np.ndarray, folder: Path) -> None:
    with running(program, target, folder, sanitize=True) as device:
        stream_samples(device.client, x, None, program, Verify.TENSORS)  # raises at the first differing bit
