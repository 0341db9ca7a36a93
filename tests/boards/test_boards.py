# SPDX-License-Identifier: Apache-2.0
"""A board file is read strictly: what is wrong is named by file and key, with what would be accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xnorc.boards import (
    Board,
    Region,
    Uart,
    Write,
    all_boards,
    at_baud,
    error_percent,
    load,
    names,
    real_rate,
    uart_ips,
)
from xnorc.cli.boards import table_of
from xnorc.errors import BoardError
from xnorc.render.board import render_board
from xnorc.resources import folder

GOOD = """
name = "mine"
title = "A board of mine"
core = "cortex-m4"
[memory]
flash = { origin = 0x08000000, length = 0x10000 }
ram = { origin = 0x20000000, length = 0x4000 }
stack = 1024
[clock]
hz = 16_000_000
[uart]
ip = "stm32_usart"
base = 0x40011000
[[init]]
address = 0x40023830
set = 0x1
[qemu]
machine = "netduino2"
"""

ASKED = ("mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505", "microbit", "stm32vldiscovery", "netduinoplus2")
SINCE = ("mps3_an547", "netduino2", "lm3s6965evb")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_every_board_that_was_asked_for_is_there() -> None:
    assert set(names()) >= {*ASKED, *SINCE, "stm32f4_discovery"}
    assert all(load(name).qemu is not None for name in ASKED + SINCE)
    assert (load("stm32f4_discovery").qemu, load("mps2_an386").renode) == (None, None)
    assert [board.name for board in all_boards()] == list(names())


def test_the_sizes_of_the_small_boards_are_those_of_their_data_sheets() -> None:
    assert load("stm32vldiscovery").memory.ram == Region(0x20000000, 8 * 1024)
    assert load("stm32vldiscovery").memory.flash == Region(0x08000000, 128 * 1024)
    assert load("microbit").memory.ram.length == 16 * 1024
    assert load("microbit").memory.flash.length == 256 * 1024


def test_a_board_file_may_lie_anywhere_and_leave_out_what_is_optional(tmp_path: Path) -> None:
    board = load(written(tmp_path, GOOD))
    assert board == load(str(tmp_path / "mine.toml"))
    assert (board.uart.baud, board.uart.hz, board.cflags, board.renode) == (115200, 16_000_000, (), None)
    assert board.init == (Write(0x40023830, "set", 1),)
    assert board.qemu is not None
    assert board.qemu.hz == 16_000_000


BROKEN = {
    "core 9": (
        'core = "cortex-m4"',
        'core = "cortex-m44"',
        r"core is 'cortex-m44'; did you mean cortex-m4\?.*cortex-m0plus",
    ),
    "missing": ("stack = 1024", "", r"memory\.stack is missing.*256\.\.16384"),
    "misspelt": ("stack = 1024", "stak = 1024", r"memory\.stack is missing \(is memory\.stak meant for it\?\)"),
    "unknown": ("[clock]", "[clock]\nmhz = 3", r"clock\.mhz is not a key of a board file; did you mean hz\?"),
    "unknown top": (
        'title = "A',
        'tilte = "x"\ntitle = "A',
        r"tilte is not a key of a board file; did you mean title\?",
    ),
    "uart": ('"stm32_usart"', '"stm32_uart"', r"uart\.ip is 'stm32_uart'; did you mean stm32_usart\?.*cmsdk"),
    "text for number": ("hz = 16_000_000", 'hz = "fast"', r"clock\.hz is 'fast'"),
    "true for number": ("hz = 16_000_000", "hz = true", r"clock\.hz is True"),
    "stack 12": ("stack = 1024", "stack = 1020", r"memory\.stack is 1020.*multiple of 8"),
    "huge": ("length = 0x4000 }", "length = 0xF0000000 }", r"memory\.ram\.length is 0xf0000000.*0xe0000000"),
    "odd flash": ("origin = 0x08000000", "origin = 0x08000004", r"memory\.flash\.origin is 0x8000004.*multiple of 128"),
    "overlap": ("origin = 0x20000000", "origin = 0x08000100", r"memory\.ram overlaps memory\.flash"),
    "two steps": ("set = 0x1", "set = 0x1\nclear = 2", r"init\[0\]\.address comes with set and clear.*exactly one"),
    "no step": ("set = 0x1", "", r"init\[0\]\.address comes with nothing to do"),
    "bad step": ("set = 0x1", "set = 0x1\nmask = 3", r"init\[0\]\.mask is not a key"),
    "odd step": ("address = 0x40023830", "address = 0x40023831", r"init\[0\]\.address is 0x40023831.*multiple of 4"),
    "name": ('name = "mine"', 'name = "yours"', r'name is "yours".*"mine", the name of the file'),
    "injected title": ('title = "A board', 'title = "A \\" board', r"title is"),
    "machine": ('"netduino2"', '"netduino2 -S"', r"qemu\.machine is 'netduino2 -S'"),
    "not toml": ("[memory]", "[memory", r"is not TOML"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_in_a_board_file_is_named_by_file_and_key(case: str, tmp_path: Path) -> None:
    old, new, message = BROKEN[case]
    assert GOOD.count(old) == 1
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BoardError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_name_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(BoardError, match=r"mps2_an368: is not a board; did you mean mps2_an38\d\?.*microbit.*TOML"):
        load("mps2_an368")
    with pytest.raises(BoardError, match=r"nowhere/b\.toml: there is no such board file"):
        load("nowhere/b.toml")


@pytest.mark.parametrize("board", all_boards(), ids=lambda b: b.name)
def test_rendering_a_board_twice_gives_the_same_bytes_and_leaves_nothing_open(board: Board) -> None:
    files = render_board(board)
    assert files == render_board(board)
    assert {"board.h", "linker.ld"} <= set(files)
    assert ("run.resc" in files) == (board.renode is not None)
    for text in files.values():
        assert text.startswith(("// SPDX", "/* SPDX", "# SPDX"))
        assert not re.search(r"\{\{|\{%|None|Region\(", text)


def test_steps_become_register_writes_in_order(tmp_path: Path) -> None:
    steps = "[[init]]\naddress = 0x40000000\nwrite = 7\n[[init]]\naddress = 0x40000004\nclear = 0x30\n"
    steps += "[[init]]\naddress = 0x40000008\nwait = 2\n[[init]]\naddress = 0x4000000C\nwait_clear = 3\n"
    steps += "[[init]]\ndelay = 9\n"
    header = render_board(load(written(tmp_path, GOOD + steps)))["board.h"]
    lines = [line.strip() for line in header.splitlines() if "volatile uint32_t" in line]
    assert lines == [
        "(*(volatile uint32_t *)0x40023830u) |= 0x00000001u;",
        "(*(volatile uint32_t *)0x40000000u) = 0x00000007u;",
        "(*(volatile uint32_t *)0x40000004u) &= ~0x00000030u;",
        "while (((*(volatile uint32_t *)0x40000008u) & 0x00000002u) != 0x00000002u) {}",
        "while (((*(volatile uint32_t *)0x4000000cu) & 0x00000003u) != 0u) {}",
        "for (volatile uint32_t turns = 0x00000009u; turns != 0u; turns--) {}",
    ]


def test_every_uart_driver_is_offered_but_not_the_hosts() -> None:
    assert {"cmsdk", "nrf51_uart", "pl011", "stm32_usart"} <= set(uart_ips())
    assert "host" not in uart_ips()


def test_a_driver_is_the_three_functions_of_uart_h_and_nothing_else() -> None:
    port = folder("firmware") / "port"
    declared = set(re.findall(r"^\w[\w ]* (\w+)\(.*\);", (port / "uart.h").read_text(), re.MULTILINE))
    assert declared == {"uart_init", "uart_send", "uart_receive"}
    for ip in uart_ips():
        text = (port / f"{ip}.c").read_text()
        (header,) = re.findall(r'^#include "(.+)"$', text, re.MULTILINE)
        if header != "uart.h":  # the registers that drivers of one family share, with what is the same in each of them
            shared = (port / header).read_text()
            assert set(re.findall(r'^#include "(.+)"$', shared, re.MULTILINE)) == {"uart.h"}, header
            text += shared
        assert set(re.findall(r"^(?!static)\w[\w ]* (\w+)\(.*\) {$", text, re.MULTILINE)) == declared, ip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('title = "x */ INCLUDE /etc/hostname /*"', "title is"),
        ('title = "x\\r#error injected"', "title is"),
        ('title = "x\\u001b[31m"', "title is"),
        ('title = "x\\u202e"', "title is"),
        ('cflags = ["-wrapper", "sh,-c,id"]', "cflags holds '-wrapper'"),
        ('cflags = ["-fplugin=evil.so"]', "-fplugin=evil.so"),
        ('cflags = ["-Wl,-T,other.ld"]', "-Wl,-T,other.ld"),
        ('cflags = ["-specs=evil"]', "-specs=evil"),
        ('cflags = ["@flags"]', "@flags"),
        ('cflags = ["-o", "x"]', "'-o'"),
        ('cflags = ["-DX=system(1)"]', "-DX"),
        ('cflags = ["-I/tmp"]', "-I/tmp"),
    ],
)
def test_a_board_file_is_data_and_runs_nothing(tmp_path: Path, line: str, message: str) -> None:
    text = (folder("boards") / "mps2_an386.toml").read_text()
    key = line.split(" ")[0]
    kept = "\n".join(each for each in text.splitlines() if not each.startswith(f"{key} ="))
    (tmp_path / "mps2_an386.toml").write_text(f"{line}\n{kept}\n")
    with pytest.raises(BoardError) as error:
        load(str(tmp_path / "mps2_an386.toml"))
    assert message in str(error.value)
    assert str(error.value).isprintable()


def test_flags_that_choose_code_are_taken(tmp_path: Path) -> None:
    text = (folder("boards") / "mps2_an386.toml").read_text()
    flags = ["-O3", "-g", "-mtune=cortex-m4", "-fno-lto", "-funroll-loops", "-DNDEBUG", "-DA=1", "-Wno-unused-function"]
    (tmp_path / "mps2_an386.toml").write_text(f"cflags = {flags}\n{text}")
    assert load(str(tmp_path / "mps2_an386.toml")).cflags == tuple(flags)


def test_the_table_of_the_docs_is_that_of_the_board_files() -> None:
    text = (folder("boards").parent / "docs" / "boards.md").read_text(encoding="utf-8")
    assert text.split("<!-- boards -->\n")[1].split("<!-- end -->")[0] == table_of(all_boards())


@pytest.mark.parametrize("board", all_boards(), ids=lambda b: b.name)
def test_every_board_keeps_its_rate_within_two_percent(board: Board) -> None:
    error = error_percent(board.uart)
    assert error is not None
    assert abs(error) <= 2


def test_a_rate_that_the_divider_misses_is_refused(tmp_path: Path) -> None:
    bad = GOOD.replace("base = 0x40011000", "base = 0x40011000\nbaud = 921_600\nhz = 8_000_000")
    with pytest.raises(BoardError, match=r"uart\.baud is 921600, and 8000000 Hz give 888889: -3\.5 % off") as caught:
        load(written(tmp_path, bad))
    assert "\n" not in str(caught.value)
    with pytest.raises(BoardError, match=r"nrf52840dk: uart\.baud is 921600, which this UART does not have"):
        at_baud(load("nrf52840dk"), 921600)
    assert at_baud(load("nucleo_f446re"), 921600).uart.baud == 921600
    assert at_baud(load("nucleo_f446re"), None) == load("nucleo_f446re")


@pytest.mark.parametrize(
    ("ip", "hz", "rate"),
    [
        ("stm32_usart", 45_000_000, 45e6 / 391),
        ("stm32_lpuart", 120_000_000, 120e6 * 256 / 266667),
        ("pl011", 125_000_000, 125e6 * 4 / 4340),
        ("imxrt_lpuart", 80_000_000, 80e6 / 16 / 43),
        ("nrf51_uart", 16_000_000, 0x01D7E000 * 16e6 / 2**32),
        ("nrf_uarte", 16_000_000, 115108),
    ],
)
def test_the_real_rate_is_what_the_drivers_registers_give(ip: str, hz: int, rate: float) -> None:
    found = real_rate(Uart(ip, 0, 115200, hz))  # the dividers are those that test_uarts.py reads out of each driver
    assert found == pytest.approx(rate, rel=1e-9)
