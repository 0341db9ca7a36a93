# SPDX-License-Identifier: Apache-2.0
"""The tables of a board file -> `Board`, key by key (docs/contracts.md section 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xnorc.boards.baud import MOST, UARTE, complaint
from xnorc.boards.board import Board, Clock, Flash, Memory, Qemu, Region, Renode, Uart, Write
from xnorc.boards.renode_platforms import contradiction
from xnorc.boards.table import Table, show
from xnorc.inert import is_inert
from xnorc.resources import folder

CORES = tuple(f"cortex-m{n}" for n in ("0", "0plus", "1", "3", "4", "7", "23", "33", "55"))


def uart_ips() -> tuple[str, ...]:
    """The UART IPs that have a driver: the files of firmware/port/, but for the host's."""
    return tuple(sorted(path.stem for path in (folder("firmware") / "port").glob("*.c") if path.stem != "host"))


def parse(data: Mapping[str, Any], where: str, stem: str) -> Board:
    """The tables of a board file -> `Board`.

    `where` is put before every complaint, `stem` is what `name` has to equal.
    """
    top = Table(where, "", data)
    name = top.text("name", r"[A-Za-z][A-Za-z0-9_]*", "letters, digits and _, starting with a letter")
    if name != stem:
        top.fail("name", f'is "{name}"', f'"{stem}", the name of the file')
    core = top.choice("core", CORES)
    board = Board(
        name=name,
        title=title(top),
        core=core,
        cflags=cflags(top),
        memory=memory(top.table("memory")),
        clock=Clock(clock := top.table("clock").only("hz", 1000, 10**10)),
        uart=(wire := uart(top.table("uart"), clock)),
        init=(steps := tuple(write(step) for step in top.tables("init"))),
        qemu=qemu(top.table("qemu", optional=True), clock),
        renode=renode(top.table("renode", optional=True), clock, core, wire.ip, steps),
        flash=flash(top.table("flash", optional=True)),
    )
    top.done()
    return board


# A board file is data, and most compiler flags are commands: -wrapper and -fplugin run programs, -specs and @file read
# flags from files, -Wl and -Xlinker reach the linker, -o and -save-temps write. These do neither.
CFLAG = re.compile(
    r"-O[0-3sgz]?|-g[0-3]?|-m[a-z0-9-]+(=[A-Za-z0-9.+_-]+)?|-W(no-)?[a-z0-9-]+(=[0-9]+)?|-D[A-Za-z_]\w*(=[\w.]+)?"
    r"|-f(no-)?(lto|strict-aliasing|omit-frame-pointer|stack-protector|stack-clash-protection|common"
    r"|unroll-loops|unroll-all-loops|tree-[a-z-]+|ipa-[a-z-]+|inline[a-z-]*|if-conversion2?|gcse[a-z-]*|peel-loops"
    r"|schedule-insns2?|reorder-[a-z-]+|align-(functions|loops|jumps|labels)(=[0-9:]+)?|short-enums|jump-tables)"
)


def cflags(table: Table) -> tuple[str, ...]:
    """More compiler flags: those that choose code for the chip, and no others."""
    flags = table.texts("cflags")
    for flag in flags:
        if not CFLAG.fullmatch(flag):
            table.fail("cflags", f"holds {flag!r}", "-O, -g, -m, -W, -D and flags -f that optimise; docs/security.md")
    return flags


def title(table: Table) -> str:
    """One line of text for people; templates put it into comments of several languages."""
    accepted = 'one line of text without ", \\, */ and control characters'
    text = table.text("title", r'[^"\\]{1,100}', accepted)
    if not is_inert(text) or "*/" in text or "/*" in text:
        table.fail("title", f"is {text!r}", accepted)
    return text


def memory(table: Table) -> Memory:
    flash, ram = region(table.table("flash"), 128), region(table.table("ram"), 8)
    stack = table.integer("stack", 256, ram.length)
    if stack % 8:
        table.fail("stack", f"is {stack}", "a multiple of 8, as the procedure call standard wants the stack pointer")
    if flash.origin < ram.end and ram.origin < flash.end:
        table.fail("ram", "overlaps memory.flash", "two separate regions")
    table.done()
    return Memory(flash, ram, stack)


def region(table: Table, align: int) -> Region:
    """`align`: the vector table (16 words, at the start of flash) needs 128 bytes by VTOR's rule, the stack 8."""
    origin = table.integer("origin", 0, 0xFFFFFFFF)
    if origin % align:
        table.fail("origin", f"is {show(origin)}", f"a multiple of {align}")
    found = Region(origin, table.integer("length", 1024, 0x100000000 - origin))
    table.done()
    return found


def uart(table: Table, clock: int) -> Uart:
    found = Uart(
        ip=table.choice("ip", uart_ips()),
        base=table.integer("base", 0, 0xFFFFFFFC),
        baud=table.integer("baud", 300, 10**7, 115200),
        hz=table.integer("hz", 1000, 10**10, clock),
        pins=table.text("pins", r"[\w .,:()-]{0,60}", "where TX and RX come out, as `PA2, PA3: ST-LINK`", ""),
    )
    if found.base % 4:
        table.fail("base", f"is {show(found.base)}", "a multiple of 4")
    if wrong := complaint(found):
        rates = ", ".join(map(str, UARTE)) if found.ip == "nrf_uarte" else f"a rate that is off by at most {MOST:g} %"
        table.fail("baud", wrong, rates)
    table.done()
    return found


def write(table: Table) -> Write:
    if "delay" in table.data:  # of no register
        turns = table.integer("delay", 1, 10**6)
        table.done()
        return Write(0, "delay", turns)
    kinds = ("set", "clear", "write", "wait", "wait_clear")
    address = table.integer("address", 0, 0xFFFFFFFC)
    if address % 4:
        table.fail("address", f"is {show(address)}", "a multiple of 4: every write has 32 bits")
    found = [kind for kind in kinds if kind in table.data]
    if len(found) != 1:
        comes = " and ".join(found) or "nothing to do"
        table.fail("address", f"comes with {comes}", f"exactly one of {', '.join(kinds)}")
    value = table.integer(found[0], 0, 0xFFFFFFFF)
    table.known.extend(kinds)
    table.done()
    return Write(address, found[0], value)


def qemu(table: Table, clock: int) -> Qemu | None:
    if not table.data:
        return None
    found = Qemu(
        machine=table.text("machine", r"[a-z0-9][a-z0-9.-]*", "a machine of `qemu-system-arm -machine help`"),
        hz=table.integer("hz", 1000, 10**9, clock),
    )
    table.done()
    return found


def renode(table: Table, clock: int, core: str, ip: str, steps: tuple[Write, ...]) -> Renode | None:
    if not table.data:
        return None
    found = Renode(
        platform=table.text("platform", r"[\w./-]+\.repl", "a .repl file, as platforms/cpus/stm32f4.repl"),
        uart=table.text("uart", r"sysbus(\.\w+)+", "a UART of that platform, as `sysbus.usart2`"),
        hz=table.integer("hz", 10**6, 10**9, clock),
    )
    if found.hz % 10**6:
        table.fail("hz", f"is {found.hz}", "whole MHz: Renode takes the instructions of a second in millions")
    waits = [(step.address, step.value) for step in steps if step.how == "wait"]
    wrong = contradiction(found.platform, found.uart, core, ip, waits)
    if wrong is not None:
        table.fail(*wrong)
    table.done()
    return found


LINES = ("rts", "dtr", "-rts", "-dtr")


def flash(table: Table) -> Flash | None:
    """Which ways there are is the business of `xnorc.flash`, which says so where it meets an unknown one."""
    if not table.data:
        return None
    found = Flash(
        by=table.text("by", r"[a-z][a-z0-9_]*", "a way to flash: stm32, uf2, probe"),
        chips=table.integers("chips", 0, 0xFFFF),
        entry=table.choice("entry", ("dtr_rts", "button"), "button"),
        reset=table.choice("reset", LINES, "rts"),
        boot0=table.choice("boot0", LINES, "dtr"),
        words=table.text("words", r"[^\n\x00-\x1f]*", "one line of text", ""),
        bootloader=table.integer("bootloader", 0, 0xFFFFFFFC, 0),
        family=table.integer("family", 0, 0xFFFFFFFF, 0),
        volume=table.text("volume", r"[\x20-\x7e]*", "the Board-ID of the drive's INFO_UF2.TXT", ""),
        target=table.text("target", r"\w*", "a target of `pyocd list --targets`", ""),
    )
    if found.reset.lstrip("-") == found.boot0.lstrip("-"):
        table.fail("boot0", "is the line of flash.reset", "two different modem lines")
    table.done()
    return found
