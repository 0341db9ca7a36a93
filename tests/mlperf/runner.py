# SPDX-License-Identifier: Apache-2.0
"""The other end of the text protocol, by hand: bytes out, bytes in up to and with `m-ready`."""

from __future__ import annotations

from pathlib import Path

from tests.link.fake_device import HERE
from xnorc.boards import Board
from xnorc.build import MLPERF_APP, build_image
from xnorc.resources import folder
from xnorc.targets import Stream
from xnorc.toolchain import Image, build_host

READY = b"m-ready\r\n"


def build_fake(out: Path, **defines: str | int) -> Path:
    """firmware/app/mlperf around the link tests' model, for this machine, under sanitizers."""
    firmware = folder("firmware")
    includes = [HERE / "device", firmware / "include", firmware / "port", firmware / "app" / "mlperf"]
    return build_host([*sources(), firmware / "port" / "host.c"], includes, {"MLPERF_TASK": "ic01", **defines}, out)


def build_fake_firmware(board: Board, out: Path) -> Image:
    includes = [HERE / "device", folder("firmware") / "app" / "mlperf"]
    return build_image(board, sources(), out, includes=includes, defines={"MLPERF_TASK": "ic01"})


def sources() -> list[Path]:
    app = folder("firmware") / "app" / "mlperf"
    return [*(app / name for name in MLPERF_APP), HERE / "device" / "fake_model.c"]


def answer(stream: Stream) -> bytes:
    """What comes up to `m-ready`, with it."""
    got = b""
    while not got.endswith(READY):
        byte = stream.read(1)
        assert byte, f"silence after {got!r}"
        got += byte
    return got


def ask(stream: Stream, command: str | bytes) -> bytes:
    """The answer to one command, without the line `m-ready`."""
    stream.write((command.encode() if isinstance(command, str) else command) + b"%")
    return answer(stream).removesuffix(READY)


def load(stream: Stream, image: bytes, at_once: int = 31) -> bytes:
    """Send an image as the runner does; the answer to the last command."""
    said = ask(stream, f"db load {len(image)}")
    assert said == f"m-[Expecting {len(image)} bytes]\r\n".encode()
    for at in range(0, len(image), at_once):
        assert said.startswith(b"m-[") or said == b""
        said = ask(stream, f"db {image[at : at + at_once].hex()}")
    return said
