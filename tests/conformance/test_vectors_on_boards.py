# SPDX-License-Identifier: Apache-2.0
"""The cases of tests/cases on every board that QEMU emulates: the same C, the same bits.

Each board takes a share of the vectors, and the larger ones together take all.  With XNORC_EVERY_VECTOR=1 every board
takes all that fit it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance import grid
from xnorc.boards import Board, all_boards
from xnorc.build import build_image
from xnorc.render.vectors import Vector, chunks, render_vectors
from xnorc.resources import folder
from xnorc.targets.qemu import Qemu

CODE = 28 * 1024  # bytes of flash for the runner and the kernels
DATA = 512  # bytes of RAM for guards and variables
AT_ONCE = 3 << 20  # bytes of constants in one image: a compiler's memory, not a board's

EVERYTHING = grid.everything()
BOARDS = [board for board in all_boards() if board.qemu is not None]
ROOMY = [board for board in BOARDS if board.memory.ram.length >= 64 * 1024]


def run_on_board(board: Board, vectors: list[Vector], out: Path) -> str:
    """Build and boot the runner; returns what it printed, up to its last line."""
    out.mkdir(parents=True)
    (out / "vectors.h").write_text(render_vectors(vectors))
    firmware = folder("firmware")
    sources = [firmware / "app" / "vectors.c", *sorted((firmware / "kernels").glob("*.c"))]
    image = build_image(board, sources, out, defines={"PORT_SEMIHOSTING": 1})
    with Qemu(board).open(image.elf, timeout=60) as stream:
        text = b""
        while b"\ndone " not in b"\n" + text or not text.endswith(b"\n"):
            more = stream.read(max(1, stream.in_waiting))
            assert more, f"silent after {text[-200:]!r}"
            text += more
        assert stream.wait(10) == (0 if b" failed=0\n" in text else 1)
    return text.decode()


def room(board: Board) -> int:
    """Bytes of RAM for the runner's buffers."""
    return board.memory.ram.length - board.memory.stack - DATA


def fits(board: Board, vector: Vector) -> bool:
    """Whether the runner has room for a vector, if need be without the kernels that want more scratch."""
    return vector.within(room(board)) is not None


def share(board: Board) -> list[Vector]:
    """The vectors that a board runs: boards with room for all divide them, the others take some; and each takes one
    more for every kernel that it has room for and would not meet."""
    if os.environ.get("XNORC_EVERY_VECTOR"):
        picked = EVERYTHING
    elif board in ROOMY:
        picked = EVERYTHING[ROOMY.index(board) :: len(ROOMY)]
    else:
        picked = EVERYTHING[:: 3 if board.core == "cortex-m0" else 7]  # the only ARMv6-M takes more
    mine = [vector for vector in picked if fits(board, vector)]
    met = functions([cut for vector in mine if (cut := vector.within(room(board)))])
    for vector in EVERYTHING:
        cut = vector.within(room(board))
        if cut is not None and not functions([cut]) <= met:
            mine.append(vector)
            met |= functions([cut])
    return mine


@pytest.mark.emulator
@pytest.mark.parametrize("board", BOARDS, ids=lambda b: b.name)
def test_every_kernel_gives_the_bits_of_numpy_on(board: Board, tmp_path: Path, need: Callable[..., None]) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    flash = min(board.memory.flash.length - CODE, AT_ONCE)
    for at, vectors in enumerate(chunks(share(board), flash, room(board))):
        text = run_on_board(board, vectors, tmp_path / str(at))
        failed = [line for line in text.splitlines() if "status=fail" in line]
        count = sum(len(vector.kernels) for vector in vectors)
        assert text.splitlines()[-1] == f"done passed={count} failed=0", "\n".join(failed[:10] or [text[-300:]])


def test_the_boards_together_run_every_vector_and_each_runs_every_kernel_it_has_room_for() -> None:
    assert {v.name for board in ROOMY for v in share(board)} == {v.name for v in EVERYTHING}
    for board in BOARDS:
        small = [cut for v in EVERYTHING if fits(board, v) and (cut := v.within(room(board)))]
        run = [cut for v in share(board) if (cut := v.within(room(board)))]
        assert functions(run) == functions(small), board.name


def functions(vectors: list[Vector]) -> set[str]:
    return {kernel.function for vector in vectors for kernel in vector.kernels}
