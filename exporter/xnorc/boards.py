# SPDX-License-Identifier: Apache-2.0
"""boards/*.toml -> a frozen `Board`; everything about a board that the rest of xnorc knows.

`load` takes the name of a board that comes with xnorc or the path of anyone's own TOML.  Every key is checked: what
is unknown, missing or out of range is a `BoardError` that names the file, the key and what would be accepted.  The
schema is told in docs/contracts.md section 5.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

from xnorc.errors import BoardError
from xnorc.resources import folder

CORES = tuple(f"cortex-m{n}" for n in ("0", "0plus", "1", "3", "4", "7", "23", "33", "55"))
ICOUNT_SHIFT = 6  # QEMU: one instruction is 2^6 ns of virtual time (docs/contracts.md section 6)
REQUIRED: Any = object()


@dataclass(frozen=True)
class Region:
    """A range of addresses in bytes."""

    origin: int
    length: int

    @property
    def end(self) -> int:
        return self.origin + self.length


@dataclass(frozen=True)
class Memory:
    """Where code and data go; `stack` bytes of `ram` are reserved for the stack."""

    flash: Region
    ram: Region
    stack: int


@dataclass(frozen=True)
class Clock:
    """Core clock in Hz after reset and the init writes: what SysTick counts on the real board."""

    hz: int


@dataclass(frozen=True)
class Uart:
    """The UART of the link: `ip` names a file in firmware/port/, `hz` is the clock that its baud divider divides."""

    ip: str
    base: int
    baud: int
    hz: int


@dataclass(frozen=True)
class Write:
    """One step of `[[init]]` on a 32-bit register.

    `how` is set (OR), clear (AND NOT), write (store) or wait (until all bits of `value` read 1).
    """

    address: int
    how: str
    value: int


@dataclass(frozen=True)
class Qemu:
    """QEMU's name of the machine, and the Hz that its SysTick counts."""

    machine: str
    hz: int


@dataclass(frozen=True)
class Renode:
    """Renode's platform file, the UART in it, and the Hz that its SysTick counts (the platform's `systickFrequency`).

    Renode is told to carry out as many instructions a virtual second: one instruction is one tick.
    """

    platform: str
    uart: str
    hz: int


@dataclass(frozen=True)
class Board:
    """One board file.  Equal files give equal boards wherever they lie."""

    name: str
    title: str
    core: str
    cflags: tuple[str, ...]
    memory: Memory
    clock: Clock
    uart: Uart
    init: tuple[Write, ...]
    qemu: Qemu | None
    renode: Renode | None

    @property
    def emulators(self) -> tuple[str, ...]:
        """Of `qemu` and `renode`, those that have this board."""
        return tuple(kind for kind in ("qemu", "renode") if getattr(self, kind) is not None)

    def count_unit(self, kind: str) -> str:
        """What SysTick counts on a target: "instructions" on an emulator, "cycles" on a real board, "" on the host."""
        return {"qemu": "instructions", "renode": "instructions", "serial": "cycles"}.get(kind, "")

    def counts(self, kind: str, ticks: int) -> int:
        """Ticks of this board's SysTick on a target (`qemu`, `renode`, `serial`) -> instructions or cycles, rounded."""
        per_tick = Fraction(1)
        if kind == "qemu" and self.qemu is not None:
            per_tick = Fraction(10**9, self.qemu.hz << ICOUNT_SHIFT)
        return round(ticks * per_tick)


def names() -> tuple[str, ...]:
    """The names of the boards that come with xnorc, sorted."""
    return tuple(sorted(path.stem for path in folder("boards").glob("*.toml")))


def all_boards() -> tuple[Board, ...]:
    """Every board that comes with xnorc, by name."""
    return tuple(load(name) for name in names())


def uart_ips() -> tuple[str, ...]:
    """The UART IPs that have a driver: the files of firmware/port/, but for the host's."""
    return tuple(sorted(path.stem for path in (folder("firmware") / "port").glob("*.c") if path.stem != "host"))


def load(name_or_path: str | Path) -> Board:
    """A board by its name (`mps2_an386`) or by the path of its TOML file (anything with a slash or `.toml`).

    Raises:
        BoardError: no such board, or the file breaks the schema; names file and key.
    """
    text = str(name_or_path)
    own = isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text
    path = Path(text) if own else folder("boards") / f"{text}.toml"
    if not path.is_file():
        if own:
            raise BoardError(text, "there is no such board file")
        known = f"boards: {', '.join(names())}, or the path of a TOML file"
        raise BoardError(text, f"is not a board{closest(text, names())}", known)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BoardError(str(path), f"is not TOML: {error}") from error
    return parse(data, str(path), path.stem)


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
        title=top.text("title", r'[^"\\\n]+', "one line of text"),
        core=core,
        cflags=top.texts("cflags"),
        memory=memory(top.table("memory")),
        clock=Clock(clock := top.table("clock").only("hz", 1000, 10**10)),
        uart=uart(top.table("uart"), clock),
        init=tuple(write(step) for step in top.tables("init")),
        qemu=qemu(top.table("qemu", optional=True), clock),
        renode=renode(top.table("renode", optional=True), clock),
    )
    top.done()
    return board


class Table:
    """One table of the file; remembers which keys were read, so that `done` can name those that nobody knows."""

    def __init__(self, where: str, prefix: str, data: Mapping[str, Any]) -> None:
        self.where, self.prefix, self.data = where, prefix, data
        self.known: list[str] = []

    def fail(self, key: str, what: str, accepted: str) -> NoReturn:
        raise BoardError(self.where, f"{self.prefix}{key} {what}", f"accepted: {accepted}")

    def get(self, key: str, accepted: str, default: Any = REQUIRED) -> Any:
        self.known.append(key)
        if key not in self.data and default is REQUIRED:
            near = difflib.get_close_matches(key, [k for k in self.data if k not in self.known], cutoff=0.7)
            self.fail(key, "is missing" + (f" (is {self.prefix}{near[0]} meant for it?)" if near else ""), accepted)
        return self.data.get(key, default)

    def integer(self, key: str, low: int, high: int, default: Any = REQUIRED) -> int:
        accepted = f"a whole number {show(low)}..{show(high)}"
        value = self.get(key, accepted, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail(key, f"is {value!r}", accepted)
        if not low <= value <= high:
            self.fail(key, f"is {show(value)}", accepted)
        return int(value)

    def text(self, key: str, pattern: str, accepted: str) -> str:
        value = self.get(key, accepted)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.fail(key, f"is {value!r}", accepted)
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, "a list of strings", [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, f"is {value!r}", "a list of strings")
        return tuple(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.get(key, ", ".join(choices))
        if value not in choices:
            self.fail(key, f"is {value!r}{closest(str(value), choices)}", ", ".join(choices))
        return str(value)

    def table(self, key: str, optional: bool = False) -> Table:
        value = self.get(key, f"a table [{self.prefix}{key}]", None if optional else REQUIRED)
        if value is None:
            return Table(self.where, f"{self.prefix}{key}.", {})
        if not isinstance(value, dict):
            self.fail(key, f"is {value!r}", f"a table [{self.prefix}{key}]")
        return Table(self.where, f"{self.prefix}{key}.", value)

    def tables(self, key: str) -> list[Table]:
        value = self.get(key, f"tables [[{key}]]", [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(key, "is not a list of tables", f"tables [[{key}]]")
        return [Table(self.where, f"{key}[{at}].", item) for at, item in enumerate(value)]

    def only(self, key: str, low: int, high: int) -> int:
        value = self.integer(key, low, high)
        self.done()
        return value

    def done(self) -> None:
        for key in self.data:
            if key not in self.known:
                self.fail(key, f"is not a key of a board file{closest(key, self.known)}", ", ".join(self.known))


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
    )
    if found.base % 4:
        table.fail("base", f"is {show(found.base)}", "a multiple of 4")
    table.done()
    return found


def write(table: Table) -> Write:
    kinds = ("set", "clear", "write", "wait")
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


def renode(table: Table, clock: int) -> Renode | None:
    if not table.data:
        return None
    found = Renode(
        platform=table.text("platform", r"[\w./-]+\.repl", "a .repl file, as platforms/cpus/stm32f4.repl"),
        uart=table.text("uart", r"sysbus(\.\w+)+", "a UART of that platform, as `sysbus.usart2`"),
        hz=table.integer("hz", 10**6, 10**9, clock),
    )
    if found.hz % 10**6:
        table.fail("hz", f"is {found.hz}", "whole MHz: Renode takes the instructions of a second in millions")
    table.done()
    return found


def closest(word: str, known: Any) -> str:
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def show(value: int) -> str:
    """Addresses are read in hexadecimal, small numbers in decimal."""
    return hex(value) if value >= 0x10000 else str(value)
