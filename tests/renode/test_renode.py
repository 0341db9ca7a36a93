# SPDX-License-Identifier: Apache-2.0
"""The Robot suite for Renode: run by renode-test where there is one, and read closely where there is none."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from robot.api import TestSuite as Suite
from robot.api import get_model

from tests.renode import prepare
from tests.renode.suite_keywords import complaints, connect_to_uart, wait_for_line_over_socket
from xnorc.boards import Board, all_boards, load
from xnorc.render.board import render_board

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUITE = HERE / "boards.robot"
DEMO = ROOT / "build" / "demo" / "program"  # made by `make demo`

RENODE_BOARDS = [board for board in all_boards() if board.renode is not None]


@pytest.mark.renode
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_renode_runs_the_suite(need: Callable[..., None], tmp_path: Path) -> None:
    need("renode-test", "arm-none-eabi-gcc")
    digits = ["--program", str(DEMO)] if DEMO.is_dir() else []
    subprocess.run([sys.executable, "-m", "tests.renode.prepare", tmp_path / "build", *digits], cwd=ROOT, check=True)
    scratch = tmp_path / "tmp"  # Renode deletes what it takes for its own from the temporary folder
    scratch.mkdir()
    command = ["renode-test", "-r", str(tmp_path / "results"), "--variable", f"BUILD:{tmp_path / 'build'}"]
    command += ["--variable", f"XNORC:{Path(sys.executable).with_name('xnorc')}"]
    command += [] if digits else ["--exclude", "digits"]
    done = subprocess.run([*command, str(SUITE)], env={**os.environ, "TMPDIR": str(scratch)}, check=False)
    assert done.returncode == 0


def dry_run(path: Path) -> list[str]:
    """Robot's own check of a suite against the signatures of renode_keywords.py; the messages of what failed."""
    suite = Suite.from_file_system(str(path))
    suite.resource.imports.library(str(HERE / "renode_keywords.py"))
    said = io.StringIO()
    result = suite.run(dryrun=True, output=None, log=None, report=None, stdout=said, stderr=said)
    assert result.suite.all_tests
    return [f"{test.name}: {test.message}" for test in result.suite.all_tests if not test.passed]


def test_robot_finds_nothing_wrong_with_the_suite() -> None:
    assert get_model(SUITE).sections
    assert dry_run(SUITE) == []


def test_the_dry_run_would_notice_a_wrong_keyword_and_a_wrong_argument(tmp_path: Path) -> None:
    text = SUITE.read_text()
    for good, bad in (
        ("Start Emulation", "Begin Emulation"),
        ("treatAsRegex=true", "treatAsRegex=true    a=b    c    d"),
    ):
        broken = tmp_path / "broken.robot"
        broken.write_text(text.replace(good, bad))
        assert dry_run(broken)


def test_what_a_sound_run_complains_of_is_let_pass_and_nothing_else() -> None:
    log = """
16:01:02.1 [ERROR] Failed to download from https://dl.antmicro.com/svd/STM32F40x.svd.gz, reason: NameResolutionFailure
16:01:02.2 [WARNING] sysbus: Could not apply SVD
16:01:02.3 [WARNING] nvic: Unhandled write to offset 0xDFC, value 0x1000000.
16:01:02.3 [INFO] usart2: connected
16:01:02.4 [WARNING] sysbus: [cpu: 0x80001A4] ReadDoubleWord from non existing peripheral at 0x1FFFFF00.
16:01:02.5 [ERROR] cpu: CPU abort [PC=0x0].
"""
    assert [line[:12] for line in complaints(log)] == ["16:01:02.4 [", "16:01:02.5 ["]


def test_a_line_is_read_over_a_socket() -> None:
    def say(*parts: bytes) -> None:
        connection, _ = server.accept()
        with connection:
            for part in parts:
                connection.sendall(part)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for last in (b"d=1 failed=0\r\n", b"d=1 failed=2\r\n"):
            thread = threading.Thread(target=say, args=(b"case name=a sta", b"tus=ok\r\ndone passe", last))
            thread.start()
            connect_to_uart(str(port))
            thread.join(5)
            if last.endswith(b"0\r\n"):
                assert wait_for_line_over_socket("^done passed.1 failed.0$", 5) == "done passed=1 failed=0"
            else:
                with pytest.raises(AssertionError, match="no line with"):
                    wait_for_line_over_socket("^done passed.1 failed.0$", 5)


def variables() -> dict[str, str]:
    return dict(re.findall(r"^\$\{(\w+)\}\s{2,}(\S.*)$", SUITE.read_text(), re.MULTILINE))


def test_the_suite_and_the_board_file_name_the_same_board_and_uart() -> None:
    board = load(variables()["BOARD"])
    assert board in RENODE_BOARDS
    assert board.renode is not None
    assert variables()["UART"] == board.renode.uart


def test_an_expectation_never_looks_like_a_named_argument() -> None:
    for line in SUITE.read_text().splitlines():
        if "On Uart" in line or "In Log" in line:
            content = re.split(r"\s{2,}", line.strip())[1]
            assert not re.match(r"^\w+=", content), line


@pytest.mark.parametrize("board", RENODE_BOARDS, ids=lambda b: b.name)
def test_the_scripts_load_the_platform_connect_its_uart_and_count_one_tick_an_instruction(board: Board) -> None:
    assert board.renode is not None
    files = render_board(board)
    machine, run = files["board.resc"].splitlines(), files["run.resc"].splitlines()
    assert f"machine LoadPlatformDescription @{board.renode.platform}" in machine
    assert f"sysbus.cpu PerformanceInMips {board.renode.hz // 10**6}" in machine
    assert f"sysbus.nvic Frequency {board.renode.hz}" in machine
    assert f"sysbus.cpu VectorTableOffset 0x{board.memory.flash.origin:08x}" in machine
    assert machine.index("sysbus LoadELF $elf") < len(machine) - 1  # the offset above comes last
    assert "start" not in machine
    assert run[-1] == "start"
    assert f"connector Connect {board.renode.uart} link" in run
    assert 'emulation CreateServerSocketTerminal $port "link" false' in run
    assert "i $ORIGIN/board.resc" in run


def test_every_firmware_that_the_suite_boots_is_built_by_prepare(need: Callable[..., None], tmp_path: Path) -> None:
    need("arm-none-eabi-gcc")
    board = load(variables()["BOARD"])
    prepare.build_small(board, tmp_path)
    built = {path.parent.name for path in tmp_path.glob("*/firmware.elf")}
    booted = set(re.findall(r"^    Machine With +(\w+)$", SUITE.read_text(), re.MULTILINE)) - {"digits"}
    assert built == booted
    for name in built:
        assert (tmp_path / name / "run.resc").is_file()


def test_the_workflow_runs_the_makefile_and_the_official_action_and_holds_no_logic() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    commands = re.findall(r"^ +- run: (.+)$", text, re.MULTILINE)
    assert commands.index("make lint") < commands.index("make test")
    assert all(re.fullmatch(r"make \w+|\.venv/bin/python -m tests\.renode\.prepare [\w/ -]+", c) for c in commands)
    assert "antmicro/renode-test-action@" in text
    assert "renode-revision: v1.15.3" in text
    assert f"tests-to-run: {SUITE.relative_to(ROOT)}" in text
    assert "if [" not in text
    assert "run: |" not in text
