# SPDX-License-Identifier: Apache-2.0
"""The most stack of a firmware, computed from its machine code: against counts by hand, and on the emulator."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xnorc import zoo
from xnorc.boards import Board, load
from xnorc.build import build_firmware
from xnorc.deploy import running
from xnorc.errors import FitError, ToolError
from xnorc.link.session import stream_samples
from xnorc.program import Program
from xnorc.targets.qemu import Qemu
from xnorc.toolchain.stack import ENTRY_FRAME, CallGraph, Function, read_disassembly, stack_need

DUMP = """
08000040 <reset_handler>:
 8000040:\tb5f0      \tpush\t{r4, r5, r6, r7, lr}
 8000042:\tb083      \tsub\tsp, #12
 8000044:\tf000 f804 \tbl\t8000050 <leaf>
 8000048:\td1fa      \tbne.n\t8000044 <reset_handler+0x4>
 800004a:\t4798      \tblx\tr3
 800004c:\t08000061 \t.word\t0x08000061

08000050 <leaf>:
 8000050:\te92d 4ff0 \tstmdb\tsp!, {r4, r5, r6, r7, r8, r9, sl, fp, lr}
 8000054:\tb508      \tpush\t{r3, lr}
 8000056:\t4770      \tbx\tlr

08000060 <pointed>:
 8000060:\tb5ff      \tpush\t{r0, r1, r2, r3, r4, r5, r6, r7, lr}
 8000062:\tf5ad 7d80 \tsub.w\tsp, sp, #256\t@ 0x100
 8000066:\tf7ff bff3 \tb.w\t8000050 <leaf>
"""


def test_frames_calls_and_pointers_are_read_from_the_disassembly() -> None:
    functions, words = read_disassembly(DUMP)
    assert {f.name: (f.pushed, sorted(f.calls), f.indirect) for f in functions.values()} == {
        "reset_handler": (20 + 12, [0x08000050], True),
        "leaf": (36 + 8, [], False),
        "pointed": (36 + 256, [0x08000050], False),
    }
    graph = CallGraph(functions, {0x08000050: 40}, frozenset(w & ~1 for w in words))
    assert graph.longest(0x08000040) == (32 + 292 + 40, (0x08000040, 0x08000060, 0x08000050))


def test_a_function_that_calls_itself_is_refused() -> None:
    graph = CallGraph({8: Function("a", 8, {16}), 16: Function("b", 8, {8})}, {}, frozenset())
    with pytest.raises(ToolError, match="a: calls itself"):
        graph.longest(8)


def with_stack(board: Board, stack: int) -> Board:
    return dataclasses.replace(board, memory=dataclasses.replace(board.memory, stack=stack))


@pytest.fixture(scope="module")
def digits() -> Program:
    return zoo.program("digits")


@pytest.mark.emulator
@pytest.mark.parametrize("name", ["microbit", "stm32vldiscovery", "mps2_an386", "mps2_an505"])
def test_a_reserve_of_just_that_runs_and_a_smaller_one_is_refused(
    name: str, digits: Program, tmp_path: Path, need: Callable[..., None]
) -> None:
    """MPS2 boards do not notice a stack that leaves RAM: only the computed bound stands between them and wrong bits."""
    need("arm-none-eabi-gcc", "qemu-system-arm")
    board = load(name)
    asked = build_firmware(digits, board, tmp_path / "first").stack
    assert asked.way[:2] == ("reset_handler", "main")
    assert "bnn_model_run" in asked.way
    assert asked.bytes % 8 == 0
    assert asked.bytes > 2 * ENTRY_FRAME
    with pytest.raises(FitError, match=rf"{asked.bytes - 8} bytes of stack, {asked.bytes} are needed"):
        build_firmware(digits, with_stack(board, asked.bytes - 8), tmp_path / "less")
    x = np.random.default_rng(0).integers(0, 256, (3, *digits.input.shape), np.uint8)
    with running(digits, Qemu(board=with_stack(board, asked.bytes)), tmp_path / "run") as device:
        assert np.array_equal(stream_samples(device.client, x, None, digits).logits, digits.run(x))


@pytest.mark.emulator
def test_the_need_is_that_of_the_image_and_found_again(
    digits: Program, tmp_path: Path, need: Callable[..., None]
) -> None:
    need("arm-none-eabi-gcc")
    built = build_firmware(digits, load("mps2_an385"), tmp_path)
    assert stack_need(built.image.elf) == built.stack
