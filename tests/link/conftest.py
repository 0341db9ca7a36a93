# SPDX-License-Identifier: Apache-2.0
"""The application of firmware/app with a model that has no kernels, compiled for this machine under ASan and UBSan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.link.fake_device import build_fake
from xnorc.targets.host import HostStream
from xnorc.targets.pipe import ProcessStream


@pytest.fixture(scope="session")
def device(tmp_path_factory: pytest.TempPathFactory, need: Callable[..., None]) -> Path:
    need("gcc")
    return build_fake(tmp_path_factory.mktemp("device") / "fake")


@pytest.fixture
def stream(device: Path) -> Iterator[ProcessStream]:
    with HostStream(device) as opened:
        yield opened
