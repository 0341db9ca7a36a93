# SPDX-License-Identifier: Apache-2.0
"""What the README says is so: its commands run, its board file loads and boots, its tables match the registries."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc import zoo
from xnorc.boards import all_boards, load

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def commands(block: str) -> list[str]:
    return [line.split("  #")[0].strip() for line in block.splitlines() if line.strip()]


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run one line of the README in an empty folder, with `xnorc` on the PATH."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "xnorc"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m xnorc "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "exporter"), os.environ.get("PYTHONPATH", "")])
    work = tmp_path / "work"
    work.mkdir()

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=work, env=environment, capture_output=True, text=True, timeout=280, check=False
        )

    return run


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    two = commands(blocks("sh")[0])
    assert two == ["make demo", "make test"]
    for line in two:
        done = subprocess.run([*line.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tour_runs_from_training_to_report(
    need: Callable[..., None], shell: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    pytest.importorskip("lightning")
    tour = commands(blocks("sh")[1])
    assert [line.split()[1] for line in tour] == [
        "doctor", "train", "export", "verify", "inspect", "build", "run", "report",
    ]  # fmt: skip
    for line in tour:
        done = shell(line)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert "all logits of the program" in done.stdout


@pytest.mark.emulator
def test_the_readmes_board_file_boots(
    need: Callable[..., None], shell: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    path = tmp_path / "my_board.toml"
    path.write_text(blocks("toml")[0])
    assert load(path).core == "cortex-m4"
    program = tmp_path / "digits"
    program.mkdir()
    for name in ("program.json", "constants.npz"):
        (program / name).write_bytes((zoo.folder("digits") / name).read_bytes())
    done = shell(f"xnorc run {program} --board {path} --data digits -n 2 --check")
    assert done.returncode == 0, done.stderr


def test_every_board_is_named() -> None:
    for board in all_boards():
        assert f"`{board.name}`" in README


@pytest.mark.slow
def test_the_training_loop_of_the_docs_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    text = (ROOT / "docs" / "training.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "exporter"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    same, images = map(int, re.findall(r"(\d+) of (\d+) labels", done.stdout)[0])
    assert images == 361
    assert same >= 0.97 * images
    assert (tmp_path / "program" / "model.h").is_file()


def test_the_python_example_is_the_real_signature() -> None:
    pytest.importorskip("torch")
    import dataclasses
    import inspect

    from xnorc.exporting import export
    from xnorc.options import Options

    example = blocks("python")[0]
    names = re.findall(r"\b(\w+)=", example)
    assert names
    options = {field.name for field in dataclasses.fields(Options)}
    assert set(names) <= set(inspect.signature(export).parameters) | options
