# SPDX-License-Identifier: Apache-2.0
"""Builds the application of firmware/app around device/fake_model.c, without kernels, to run here or on a board."""

from __future__ import annotations

from pathlib import Path

from xnorc.boards import Board
from xnorc.build import build_image
from xnorc.resources import folder
from xnorc.toolchain import Image, build_host

HERE = Path(__file__).parent
APP = ("main.c", "link.c", "session.c", "frame.c", "reply.c", "crc32.c", "facts.c", "kept.c", "reboot.c")


def build_fake(out: Path, sanitize: bool = True, **defines: int) -> Path:
    firmware = folder("firmware")
    sources = [*(firmware / "app" / name for name in APP), firmware / "kernels" / "argmax.c"]
    sources += [firmware / "port" / "host.c", HERE / "device" / "fake_model.c"]
    includes = [HERE / "device", firmware / "include", firmware / "port", firmware / "app"]
    return build_host(sources, includes, defines, out, sanitize=sanitize)


def build_fake_firmware(board: Board, out: Path) -> Image:
    firmware = folder("firmware")
    sources = [*(firmware / "app" / name for name in APP), firmware / "kernels" / "argmax.c"]
    includes = [HERE / "device", firmware / "app"]
    return build_image(board, [*sources, HERE / "device" / "fake_model.c"], out, includes=includes)
