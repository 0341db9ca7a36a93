# SPDX-License-Identifier: Apache-2.0
"""The application of firmware/app with a model that has no kernels, compiled for this machine under ASan and UBSan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xnorc.resources import folder
from xnorc.targets.host import HostStream
from xnorc.toolchain import build_host

HERE = Path(__file__).parent
APP = ("main.c", "link.c", "session.c", "frame.c", "reply.c", "crc32.c")


def build_fake(out: Path, sanitize: bool = True, **defines: int) -> Path:
    firmware = folder("firmware")
    sources = [*(firmware / "app" / name for name in APP), firmware / "kernels" / "argmax.c"]
    sources += [firmware / "port" / "host.c", HERE / "device" / "fake_model.c"]
    includes = [HERE / "device", firmware / "include", firmware / "port", firmware / "app"]
    return build_host(sources, includes, defines, out, sanitize=sanitize)


@pytest.fixture(scope="session")
def device(tmp_path_factory: pytest.TempPathFactory, need: Callable[..., None]) -> Path:
    need("gcc")
    return build_fake(tmp_path_factory.mktemp("device") / "fake")


@pytest.fixture
def stream(device: Path) -> Iterator[HostStream]:
    with HostStream(device) as opened:
        yield opened
