# SPDX-License-Identifier: Apache-2.0
"""`make demo` does what it says: the command it runs, in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXPORTER = Path(__file__).resolve().parents[2] / "exporter"


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_trains_exports_boots_and_agrees_everywhere(need: Callable[..., None], tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    pytest.importorskip("lightning")
    environment = {**os.environ, "PYTHONPATH": str(EXPORTER)}
    command = [sys.executable, "-m", "xnorc", "demo", "--out", str(tmp_path / "demo")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=580, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "demo" / "report.json").read_text())
    accuracy = told["accuracy"]
    assert accuracy["pytorch"] == accuracy["program"] == accuracy["host"] == accuracy["device"]
    assert accuracy["device"] >= 0.97
    found = told["agreement"]
    assert found["pytorch_labels"] == found["host_logits"] == found["device_logits"] == found["samples"]
    assert all(layer["count"] > 0 for layer in told["layers"])
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
