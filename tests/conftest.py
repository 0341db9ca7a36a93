# SPDX-License-Identifier: Apache-2.0
"""What all tests share: the rule for missing tools.

A test that needs a tool says `need("qemu-system-arm")`.  On a laptop a missing tool skips the test and names the
tool; with `--strict-tools` (what CI and `make test` pass) it fails, except for tools that no registry carries.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

# Two test processes share two cores: more threads a process would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

NOT_IN_A_REGISTRY = {"renode-test", "renode"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-tools", action="store_true", help="a missing tool fails a test instead of skipping it")
    parser.addoption("--serial", metavar="URL", help="port of a real board for tests marked `hardware`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long starts first, so that no process is left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def need(request: pytest.FixtureRequest) -> Callable[..., None]:
    """need("arm-none-eabi-gcc", "qemu-system-arm"): go on only if every tool is on the PATH."""

    def check(*tools: str) -> None:
        missing = [tool for tool in tools if shutil.which(tool) is None]
        if not missing:
            return
        reason = f"not on the PATH: {', '.join(missing)}"
        if request.config.getoption("--strict-tools") and not set(missing) <= NOT_IN_A_REGISTRY:
            pytest.fail(reason + " (--strict-tools)")
        pytest.skip(reason)

    return check


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory, need: Callable[..., None]) -> list[Path]:
    """Objects of all kernels for this machine, under sanitizers."""
    from tests.conformance.traced import compile_kernels  # not above: numpy reads OMP_NUM_THREADS when it is imported

    need("gcc")
    return compile_kernels(tmp_path_factory.mktemp("kernels"))
