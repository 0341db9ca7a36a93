# SPDX-License-Identifier: Apache-2.0
"""Builds what boards.robot boots: python -m tests.renode.prepare OUT --program DIR

OUT gets a folder for each firmware, with its board.resc and run.resc: echo, faults, vectors_0 and on (the conformance
vectors, as many as the board's flash holds in each), and digits with the program DIR (an exported digits network).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from tests.conformance import grid
from xnorc.boards import Board, load
from xnorc.build import build_firmware, build_image
from xnorc.program import load as load_program
from xnorc.render.vectors import chunks, render_vectors
from xnorc.resources import folder

TESTS = Path(__file__).resolve().parents[1]
BOARD = "stm32f4_discovery"
CODE = 64 * 1024  # bytes of flash for the runner, every kernel and rounding
RAM_AT_MOST = 32 * 1024  # bytes of output and scratch of one vector


def build_small(board: Board, out: Path) -> None:
    for name in ("echo", "faults"):
        source = TESTS / "boards" / f"{name}.c"
        build_image(board, [source], out / name, defines={"BAD_ADDRESS": f"{board.memory.ram.origin - 0x100:#x}u"})


def build_vectors(board: Board, out: Path) -> int:
    """Returns the number of images."""
    firmware = folder("firmware")
    sources = [firmware / "app" / "vectors.c", *sorted((firmware / "kernels").glob("*.c"))]
    count = 0
    for vectors in chunks(grid.everything(), board.memory.flash.length - CODE, RAM_AT_MOST):
        here = out / f"vectors_{count}"
        here.mkdir(parents=True, exist_ok=True)
        (here / "vectors.h").write_text(render_vectors(vectors))
        build_image(board, sources, here)
        count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--program", type=Path, help="folder made by `xnorc export` from a digits network")
    arguments = parser.parse_args()
    board, out = load(BOARD), arguments.out
    shutil.rmtree(out, ignore_errors=True)
    build_small(board, out)
    images = build_vectors(board, out)
    if arguments.program is not None:
        build_firmware(load_program(arguments.program), board, out / "digits")
        shutil.copytree(arguments.program, out / "digits" / "program")
    print(f"{out}: echo, faults, {images} images of vectors" + (", digits" if arguments.program else ""))


if __name__ == "__main__":
    main()
