# SPDX-License-Identifier: Apache-2.0
"""Every binarizer in every reference network trains, exports, and gives the program's tensors as C.

In the suite each pair runs on one target, in turn: this machine under sanitizers, and emulated Cortex-M0, M3 and M4; of
the deep networks, whose capture takes long, some binarizers only.  XNORC_EVERY_PAIR=1 runs every pair on every target.
The Cortex-M0 has 16 KB of RAM: what does not fit there must be said by the planner, not found out by the linker.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from xnorc.boards import Board
from xnorc.boards import load as load_board
from xnorc.deploy import running
from xnorc.errors import FitError
from xnorc.exporting import lower_module
from xnorc.link.session import Verify, stream_samples
from xnorc.lower import Lowered
from xnorc.nn import all_binarizers, all_networks, make_network
from xnorc.oracle.compare import compare
from xnorc.plan import plan
from xnorc.program import Program
from xnorc.targets import Target
from xnorc.targets.host import Host
from xnorc.targets.qemu import Qemu

NETWORKS, BINARIZERS = sorted(all_networks()), sorted(all_binarizers())
DEEP = {"resnet18": ("design", "dysign"), "reactnet": ("asd", "lab"), "resnet20": ("asd", "dysign", "lab_pair")}
TARGETS = ("host", "microbit", "mps2_an385", "mps2_an386")  # sanitizers, Cortex-M0, M3, M4
EVERYTHING = bool(os.environ.get("XNORC_EVERY_PAIR"))
WIDTH = 0.0625
ROUNDED = ("asd", "dysign", "lab", "lab_pair")  # weights of their own, stored in 8 bits: a bit in 300 may differ


@cache
def exported(network: str, binarizer: str) -> tuple[Lowered, np.ndarray]:
    """A network after three steps of training on random labels, lowered, and images to try it on."""
    torch.manual_seed(1)
    size = min(all_networks()[network].sizes)
    model = make_network(network, 4, in_ch=1, size=size, width=WIDTH, binarizer=binarizer)
    rng = np.random.default_rng(2)
    x = rng.integers(0, 256, (64, size, size, 1)).astype(np.uint8)
    x[::2] //= 4
    y = torch.from_numpy(rng.integers(0, 4, len(x)))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(3):
        part = slice(20 * step, 20 * step + 20)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(_floats(x[part])), y[part]).backward()
        optimiser.step()
    example = _floats(x[:1])
    return lower_module(model.eval(), example, calibration=x, name=f"{network}_{binarizer}"), x


def _floats(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255


def turns() -> list[tuple[str, str, tuple[str, ...]]]:
    """(network, binarizer, targets): a Latin square, so that every network and binarizer meets every target."""
    return [
        (network, binarizer, TARGETS if EVERYTHING else (TARGETS[(n + b) % len(TARGETS)],))
        for n, network in enumerate(NETWORKS)
        for b, binarizer in enumerate(BINARIZERS)
        if EVERYTHING or binarizer in DEEP.get(network, BINARIZERS)
    ]


@pytest.mark.host
@pytest.mark.emulator
@pytest.mark.parametrize(("network", "binarizer", "targets"), turns())
def test_c_equals_the_program_in_every_tensor(
    network: str, binarizer: str, targets: tuple[str, ...], need: Callable[..., None], tmp_path: Path
) -> None:
    made, x = exported(network, binarizer)
    for target in targets:
        where: Target = Host() if target == "host" else Qemu(load_board(target))
        need("gcc") if where.board is None else need("arm-none-eabi-gcc", "qemu-system-arm")
        if target == "microbit" and not _fits(made.program, where.board):
            if len(targets) > 1:
                continue
            where = Host()  # its turn is not lost
        with running(made.program, where, tmp_path / target, sanitize=True) as device:
            stream_samples(device.client, x[:2], None, made.program, Verify.TENSORS)  # raises at the first other bit
    rows = [row for row in compare(made, x[:6]).rows if row.kind == "bit"]
    assert rows
    wrong, bits = sum(row.forced for row in rows), sum(row.elements for row in rows)
    assert wrong <= (0.003 * bits if binarizer in ROUNDED or _has_stream(made.program) else 0), f"{wrong} of {bits}"


def _fits(program: Program, board: Board | None) -> bool:
    """Whether the planner says so."""
    try:
        plan(program, board).check()
    except FitError:
        return False
    return True


def _has_stream(program: Program) -> bool:
    return any(node.output.scale is not None and node.output.name != program.output for node in program.nodes)
