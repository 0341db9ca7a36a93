# SPDX-License-Identifier: Apache-2.0
"""Every kind of target opens as the same stream, says why it cannot, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xnorc.boards import Board, load
from xnorc.build import build_image
from xnorc.cli.arguments import target_of
from xnorc.errors import BoardError, ToolError
from xnorc.targets import Target, emulators, kind_of, kinds
from xnorc.targets.host import Host
from xnorc.targets.qemu import Qemu
from xnorc.targets.renode import Renode
from xnorc.targets.serial import Serial

Need = Callable[..., None]
ECHO = Path(__file__).parents[1] / "boards" / "echo.c"


def test_kinds_are_found_and_say_what_reports_need_of_them() -> None:
    assert list(kinds()) == ["host", "qemu", "renode", "serial"]
    f4, an386, netduino = load("stm32f4_discovery"), load("mps2_an386"), load("netduinoplus2")
    targets: list[Target] = [Host(), Qemu(an386), Renode(f4), Serial(netduino, "/dev/ttyACM0")]
    assert [t.unit for t in targets] == ["", "instructions", "instructions", "cycles"]
    assert [t.name for t in targets] == ["host", "mps2_an386", "stm32f4_discovery", "netduinoplus2"]
    assert [t.label for t in targets][:2] == ["host C", "mps2_an386 on qemu"]
    assert [t.emulated for t in targets] == [False, True, True, False]
    assert [emulators(board) for board in (f4, an386)] == [("renode",), ("qemu",)]


LOOP = """
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from xnorc.targets.target import Target

@dataclass(frozen=True)
class Loop(Target):
    kind: ClassVar[str] = "loop"

    @classmethod
    def emulates(cls, board):
        return board.core == "cortex-m0"

    def open(self, image: Path, timeout=5.0):
        raise NotImplementedError
"""


def test_one_new_file_is_a_new_kind_of_target_for_python_and_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(LOOP)
    program = f"""
import xnorc.targets
xnorc.targets.__path__.append({str(tmp_path)!r})
from xnorc.boards import load
from xnorc.cli.arguments import target_of
from xnorc.targets import emulators, kinds
assert list(kinds()) == ["host", "loop", "qemu", "renode", "serial"], kinds()
assert emulators(load("microbit")) == ("loop", "qemu")
assert target_of("loop", None, "microbit").label == "microbit on loop"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_ticks_become_instructions_on_an_emulator_and_cycles_on_a_board() -> None:
    an386, netduino, discovery = load("mps2_an386"), load("netduinoplus2"), load("stm32f4_discovery")
    assert Qemu(an386).count(16) == 10  # 25 MHz: 1.6 ticks an instruction
    assert Qemu(netduino).count(10752) == 1000  # 168 MHz in QEMU: 10.752
    assert Renode(discovery).count(1234) == 1234
    assert Serial(netduino, "/dev/ttyACM0").count(1234) == 1234
    assert Host().count(1234) is None


@pytest.fixture(scope="session")
def echo(need: Need, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Board], Path]:
    def elf(board: Board) -> Path:
        need("arm-none-eabi-gcc", "qemu-system-arm")
        return build_image(board, [ECHO], tmp_path_factory.mktemp(board.name)).elf

    return elf


Echo = Callable[[Board], Path]


@pytest.mark.emulator
def test_qemu_answers_and_is_gone_after_close(echo: Echo) -> None:
    board = load("mps2_an386")
    stream = Qemu(board).open(echo(board))
    assert stream.read(11) == b"mps2_an386\n"
    pid = stream.process.pid
    stream.close()
    stream.close()
    assert stream.process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ToolError, match="closed"):
        stream.read(1)


@pytest.mark.emulator
def test_qemu_is_gone_too_when_nobody_closes_the_stream(echo: Echo) -> None:
    board = load("mps2_an386")
    program = f"""
from pathlib import Path
from xnorc.boards import load
from xnorc.targets.qemu import Qemu
print(Qemu(load("mps2_an386")).open(Path({str(echo(board))!r})).process.pid, flush=True)
stream = Qemu(load("mps2_an386")).open(Path({str(echo(board))!r}))
print(stream.process.pid, flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    pids = [int(line) for line in done.stdout.split()]
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.emulator
def test_a_read_ends_with_what_there_is_when_the_time_is_over(echo: Echo) -> None:
    board = load("mps2_an386")
    with Qemu(board).open(echo(board), timeout=0.2) as stream:
        stream.read(11)
        begin = time.monotonic()
        stream.write(b"abc")
        assert stream.read(10) == b"abc"
        assert 0.15 < time.monotonic() - begin < 5
        stream.timeout = 0
        assert stream.read(1) == b""
        assert stream.in_waiting == 0


@pytest.mark.emulator
def test_three_kilobytes_go_round_in_well_under_a_second(echo: Echo) -> None:
    board = load("mps2_an386")
    data = bytes(range(256)) * 12
    with Qemu(board).open(echo(board), timeout=10) as stream:
        stream.read(11)
        begin = time.monotonic()
        stream.write(data)
        assert stream.read(len(data)) == data
        assert time.monotonic() - begin < 3  # 0.15 s on an idle machine


@pytest.mark.emulator
def test_a_core_that_locks_up_is_told_with_its_place(echo: Echo) -> None:
    board = load("microbit")
    less = (
        "-global",
        "nrf51-soc.sram-size=1024",
    )  # the stack's top lies beyond: the first push faults, so does its handler
    with (
        Qemu(board, extra=less).open(echo(board)) as stream,
        pytest.raises(ToolError, match=r"locked up at pc [0-9a-f]{8}"),
    ):
        stream.read(20)


@pytest.mark.emulator
def test_what_qemu_says_about_its_end_is_in_the_error(echo: Echo) -> None:
    board = load("mps2_an386")
    with (
        Qemu(board, extra=("-cpu", "cortex-m99")).open(echo(board)) as stream,
        pytest.raises(ToolError, match=r"qemu-system-arm: ended with status 1: .*cortex-m99"),
    ):
        stream.read(20)


@pytest.mark.emulator
def test_writing_to_a_dead_target_is_an_error_and_no_endless_wait(echo: Echo) -> None:
    board = load("mps2_an386")
    with Qemu(board).open(echo(board)) as stream:
        stream.process.kill()
        with pytest.raises(ToolError, match="ended with status -9"):
            stream.write(bytes(1 << 20))


def test_a_target_that_cannot_be_opened_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    f4, an386 = load("stm32f4_discovery"), load("mps2_an386")
    with pytest.raises(BoardError, match=r"stm32f4_discovery: has no \[qemu\] table"):
        Qemu(f4)
    with pytest.raises(BoardError, match=r"mps2_an386: has no \[renode\] table"):
        Renode(an386)
    with pytest.raises(ToolError, match=r"'hw' is none \(host, qemu, renode, serial\)"):
        kind_of("hw")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"qemu-system-arm: is not on the PATH \(apt-get install qemu-system-arm\)"):
        Qemu(an386).open(tmp_path / "x.elf")
    with pytest.raises(ToolError, match=r"renode: is not on the PATH \(Renode 1\.15\.3"):
        Renode(f4).open(tmp_path / "x.elf")


@pytest.mark.emulator
def test_a_missing_elf_file_is_named(need: Need, tmp_path: Path) -> None:
    need("qemu-system-arm")
    with pytest.raises(ToolError, match=r"there is no .*gone\.elf \(xnorc build\)"):
        Qemu(load("mps2_an386")).open(tmp_path / "gone.elf")


# A serial port


@pytest.fixture
def echo_server() -> Iterator[int]:
    """The port of a TCP server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.close()
    thread.join(5)


def test_a_serial_port_may_be_a_url(echo_server: int) -> None:
    stream = Serial(load("mps2_an386"), f"socket://127.0.0.1:{echo_server}").open(timeout=5)
    try:
        stream.write(b"hello")
        assert stream.read(5) == b"hello"
    finally:
        stream.close()


def test_a_serial_port_may_be_a_device(need: Need) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    tty = pytest.importorskip("tty")
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    try:
        stream = Serial(load("stm32f4_discovery"), os.ttyname(theirs), baud=9600).open(timeout=5)
        stream.write(b"\x00\xff\r\n\x03")
        assert os.read(ours, 5) == b"\x00\xff\r\n\x03"
        os.write(ours, b"\x11\x13\x00")
        assert stream.read(3) == b"\x11\x13\x00"
        stream.close()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("port", ["/dev/no-such-port", "socket://127.0.0.1:1", "nonsense://x", "rfc2217://127.0.0.1:1"])
def test_a_port_that_cannot_be_opened_is_one_line_with_the_ports_there_are(port: str) -> None:
    with pytest.raises(ToolError, match="cannot be opened") as caught:
        Serial(load("mps2_an386"), port).open(timeout=0.5)
    assert str(caught.value).startswith(f"{port}: ")
    assert "ports here: " in str(caught.value)
    assert "\n" not in str(caught.value)


# Renode, played by a shell script around a program that does what Renode does at its edges, and takes its time

WRAPPER = f"""#!/bin/sh
{sys.executable} "$0-child" "$@"
"""
RENODE = """
import os, re, socket, sys, threading, time
assert sys.argv[1:4] == ["--disable-xwt", "--console", "--plain"] and sys.argv[4] == "-e", sys.argv
if "BROKEN" in os.environ:
    sys.exit("There was an error executing command")
elf, port, script = re.fullmatch(r"\\$elf=@(.+); \\$port=(\\d+); i @(.+)", sys.argv[5]).groups()
for path in (elf, script):
    assert os.path.isfile(path.replace("\\\\ ", " ")), path
scratch = os.environ["TMPDIR"]
assert os.path.basename(scratch).startswith("xnorc-") and not os.listdir(scratch)
print("00:00:01.5 [WARNING] sysbus: ReadDoubleWord from non existing peripheral at 0x4.", flush=True)
print("00:00:01.5 [INFO] cpu: nothing", flush=True)
if "SLOW" in os.environ:
    open(os.environ["SLOW"], "w").write(str(os.getpid()))
    time.sleep(100)

def leave():
    sys.stdin.read()
    time.sleep(0.3)
    open(scratch + "/crash", "w").write("the folder is still there")
    os._exit(0)

threading.Thread(target=leave).start()
server = socket.create_server(("127.0.0.1", int(port)))
connection, _ = server.accept()
connection.sendall(scratch.encode() + b"\\n")
try:
    while data := connection.recv(4096):
        connection.sendall(data)
except OSError:
    pass
"""


@pytest.fixture
def renode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a space in its name that holds firmware.elf and run.resc; `renode` is the script above."""
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "renode"
    program.write_text(WRAPPER)
    (tools / "renode-child").write_text(RENODE)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "a build"
    folder.mkdir()
    (folder / "firmware.elf").write_bytes(b"")
    (folder / "run.resc").write_text("")
    return folder


def test_renode_gets_the_firmware_the_port_and_a_temporary_folder_of_its_own(renode: Path) -> None:
    stream = Renode(load("stm32f4_discovery")).open(renode / "firmware.elf", timeout=5)
    scratch = b""
    while not scratch.endswith(b"\n"):
        scratch += stream.read(1)
    assert Path(scratch.decode().strip()).is_dir()
    stream.write(b"ping")
    assert stream.read(4) == b"ping"
    assert stream.complaint().endswith("non existing peripheral at 0x4.")
    stream.close()
    assert not Path(scratch.decode().strip()).exists()
    assert stream.process.returncode == 0  # by the end of its input, not by force


def gone(pid: int) -> bool:
    """Whether a process has ended, perhaps not yet reaped by whoever took it over."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_renode_that_is_late_is_ended_with_its_child_and_its_warning_is_told(
    renode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xnorc.targets.renode.END_SECONDS", 0.1)
    monkeypatch.setenv("SLOW", str(renode / "pid"))
    with pytest.raises(ToolError, match=r"within 1 s: .*\[WARNING\] sysbus: .* \(--start-timeout gives it longer\)"):
        Renode(load("stm32f4_discovery"), start=1).open(renode / "firmware.elf")
    child = int((renode / "pid").read_text())
    end = time.monotonic() + 5
    while not gone(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert gone(child)


def test_an_interrupt_while_renode_starts_stays_one_and_leaves_nothing(
    renode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xnorc.targets.renode.connect", interrupted)
    monkeypatch.setattr(tempfile, "tempdir", str(renode))
    before = sorted(renode.iterdir())
    with pytest.raises(KeyboardInterrupt):
        Renode(load("stm32f4_discovery")).open(renode / "firmware.elf")
    assert sorted(renode.iterdir()) == before


def test_an_emulator_that_runs_already_counts_instructions(echo_server: int) -> None:
    board = load("mps2_an386")
    target = target_of("qemu", f"socket://127.0.0.1:{echo_server}", "mps2_an386")
    assert (target.kind, target.unit, target.emulated, target.label) == (
        "qemu",
        "instructions",
        True,
        "mps2_an386 on qemu",
    )
    assert target.count(100) == Qemu(board).count(100)
    stream = target.open(Path("unread"), timeout=5)
    stream.write(b"hello")
    assert stream.read(5) == b"hello"
    stream.close()
    at_a_port = target_of(None, "socket://127.0.0.1:1", "mps2_an386")
    assert (at_a_port.kind, at_a_port.unit) == ("serial", "cycles")
    with pytest.raises(ToolError, match="--port: and --emulator host were both given"):
        target_of("host", "/dev/x", "mps2_an386")
    started = target_of("renode", None, "stm32f4_discovery", start=7)
    assert isinstance(started, Renode)
    assert started.start == 7


def test_a_renode_that_dies_at_start_is_told_with_its_words(renode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "1")
    with pytest.raises(ToolError, match=r"renode: ended with status 1: There was an error executing command"):
        Renode(load("stm32f4_discovery")).open(renode / "firmware.elf")


def test_renode_without_its_script_is_refused(renode: Path) -> None:
    (renode / "run.resc").unlink()
    with pytest.raises(ToolError, match=r"there is no .*run\.resc \(xnorc build\)"):
        Renode(load("stm32f4_discovery")).open(renode / "firmware.elf")
