# SPDX-License-Identifier: Apache-2.0
"""Every board boots on its emulator: bytes go round unharmed, faults say where, ticks count instructions."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc.boards import Board, all_boards, load
from xnorc.errors import ToolError
from xnorc.targets.pipe import ProcessStream
from xnorc.targets.qemu import Qemu
from xnorc.toolchain import Image

Built = Callable[[Board, str], Image]

BOARDS = [board for board in all_boards() if board.qemu is not None]
MAINLINE = [board for board in BOARDS if board.core not in ("cortex-m0", "cortex-m0plus", "cortex-m23")]
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda b: b.name)
# QEMU's oldest machines take an access to nothing in silence (ignore_memory_transaction_failures): no fault there.
DEAF = ("lm3s6965evb", "netduino2")
each_that_faults = pytest.mark.parametrize("board", [b for b in BOARDS if b.name not in DEAF], ids=lambda b: b.name)
pytestmark = pytest.mark.emulator

# Boards as a user would write them, with as little as will do: two kinds of UART, and a Cortex-M55.
STRANGERS = {
    "lm3s6965": """
        name = "lm3s6965"
        title = "Stellaris LM3S6965 evaluation board"
        core = "cortex-m3"
        memory.flash = { origin = 0, length = 0x40000 }
        memory.ram = { origin = 0x20000000, length = 0x10000 }
        memory.stack = 1024
        clock = { hz = 12_500_000 }
        uart = { ip = "pl011", base = 0x4000C000 }
        init = [{ address = 0x400FE104, set = 1 }]
        qemu = { machine = "lm3s6965evb" }""",
    "netduino2": """
        name = "netduino2"
        title = "Netduino 2"
        core = "cortex-m3"
        clock = { hz = 120_000_000 }
        uart = { ip = "stm32_usart", base = 0x40011000 }
        qemu = { machine = "netduino2" }
        [memory]
        flash = { origin = 0x08000000, length = 0x100000 }
        ram = { origin = 0x20000000, length = 0x20000 }
        stack = 1024""",
    "mps3_an547": """
        name = "mps3_an547"
        title = "Arm MPS3 AN547"
        core = "cortex-m55"
        memory.flash = { origin = 0, length = 0x80000 }
        memory.ram = { origin = 0x30000000, length = 0x80000 }
        memory.stack = 1024
        clock = { hz = 32_000_000 }
        uart = { ip = "cmsdk", base = 0x59303000 }
        qemu = { machine = "mps3-an547" }""",
}


@pytest.fixture
def boot(need: Callable[..., None], built: Built) -> Callable[[Board, str], ProcessStream]:
    def start(board: Board, program: str) -> ProcessStream:
        need("qemu-system-arm")
        return Qemu(board).open(built(board, program).elf, timeout=20)

    return start


Boot = Callable[[Board, str], ProcessStream]


def echoes(stream: ProcessStream, name: str) -> None:
    assert stream.read(len(name) + 1) == name.encode() + b"\n"
    data = bytes(range(256)) + random.Random(1).randbytes(1000)
    stream.write(data)
    assert stream.read(len(data)) == data


@each_board
def test_a_board_tells_its_name_and_sends_every_byte_back(board: Board, boot: Boot) -> None:
    with boot(board, "echo") as stream:
        echoes(stream, board.name)


@pytest.mark.parametrize("name", STRANGERS)
def test_a_board_of_the_users_own_needs_nothing_but_its_file(name: str, boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text("\n".join(line.strip() for line in STRANGERS[name].splitlines()))
    board = load(path)
    with boot(board, "echo") as stream:
        echoes(stream, name)


def fault(stream: ProcessStream, letter: bytes) -> re.Match[bytes]:
    """Ask for a fault and read its line; the emulator must end by itself with the fault's status."""
    assert stream.read(1) == b">"
    stream.write(letter)
    said = b""
    while said.count(b"\0") < 2 and len(said) < 200 and (more := stream.read(1)):
        said += more
    line = re.fullmatch(rb"\0fault pc=(\S+) lr=(\S+) cfsr=(\S+) hfsr=(\S+)\r\n\0", said)
    assert line, said
    assert stream.wait(10) == 70
    return line


def function(image: Image, address: bytes) -> str:
    pc = int(address, 16)
    found = [name for name, at in image.addresses.items() if at <= pc < at + image.symbols[name]]
    assert len(found) == 1
    return found[0]


@each_board
def test_an_undefined_instruction_is_reported_with_its_place(board: Board, boot: Boot, built: Built) -> None:
    with boot(board, "faults") as stream:
        pc, lr, cfsr, hfsr = fault(stream, b"u").groups()
    image = built(board, "faults")
    assert function(image, pc) == "undefined_instruction"
    assert function(image, lr) == "main"
    expected = (b"0x00010000", b"0x40000000") if board in MAINLINE else (b"-", b"-")  # UNDEFINSTR, escalated (FORCED)
    assert (cfsr, hfsr) == expected


@each_that_faults
def test_a_store_to_nowhere_is_reported_with_its_place(board: Board, boot: Boot, built: Built) -> None:
    with boot(board, "faults") as stream:
        pc, _, cfsr, _ = fault(stream, b"a").groups()
    assert function(built(board, "faults"), pc) == "bad_address"
    assert cfsr == (b"0x00008200" if board in MAINLINE else b"-")  # PRECISERR and BFARVALID


@each_that_faults
def test_a_stack_that_overflows_ends_in_a_fault_line(board: Board, boot: Boot) -> None:
    with boot(board, "faults") as stream:
        pc, _, cfsr, _ = fault(stream, b"o").groups()
    if board.core in ("cortex-m33", "cortex-m55"):  # the stack limit register catches it in the act: STKOF
        assert cfsr == b"0x00100000"
        assert pc != b"-"


def test_an_unaligned_store_faults_on_the_cortex_m0_alone(boot: Boot, built: Built) -> None:
    board = load("microbit")
    with boot(board, "faults") as stream:
        assert function(built(board, "faults"), fault(stream, b"m")[1]) == "bad_address"


def test_mains_return_value_is_the_emulators_exit_status(boot: Boot) -> None:
    with boot(load("mps2_an386"), "faults") as stream:
        stream.read(1)
        stream.write(b"e")
        assert stream.wait(10) == 7
        with pytest.raises(ToolError, match="ended with status 7"):
            stream.read(1)


def ask(stream: ProcessStream, letter: bytes, n: int, answers: int = 1) -> tuple[int, ...]:
    stream.write(letter + struct.pack("<I", n))
    return struct.unpack(f"<{answers}I", stream.read(4 * answers))


@each_board
def test_ticks_count_the_instructions_of_a_known_loop(board: Board, boot: Boot) -> None:
    assert board.qemu is not None
    with boot(board, "ticks") as stream:
        stream.read(1)
        stream.write(b"h")
        assert struct.unpack("<I", stream.read(4))[0] == board.clock.hz
        short, double, long = (ask(stream, b"l", n)[0] for n in (10_000, 20_000, 12_000_000))
        assert abs(Qemu(board).count(double - short) - 20_000) <= 1  # two instructions a turn, exact to a tick
        wraps = long >> 24
        assert wraps >= 1
        extra = Qemu(board).count(long - short) - 2 * (12_000_000 - 10_000)
        assert 0 <= extra <= 10 * (wraps + 1)  # the wrap's interrupt is all that is added
        assert extra > 0


@each_board
def test_ticks_never_run_backwards_and_never_jump(board: Board, boot: Boot) -> None:
    assert board.qemu is not None
    per_instruction = board.qemu.hz * 64 / 1e9
    with boot(board, "ticks") as stream:
        stream.read(1)
        least, greatest = ask(stream, b"m", 1_000_000, 2)  # some 25 million instructions: at least one wrap
    assert 10 * per_instruction < least <= greatest < 80 * per_instruction
