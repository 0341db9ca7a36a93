# SPDX-License-Identifier: Apache-2.0
"""What a board is to the rest of xnorc: frozen facts."""

from __future__ import annotations

from dataclasses import dataclass


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
    """The UART of the link: `ip` names a file in firmware/port/, `hz` is the clock that its baud divider divides.

    `pins` are for people: where its two lines come out.
    """

    ip: str
    base: int
    baud: int
    hz: int
    pins: str = ""


@dataclass(frozen=True)
class Write:
    """One step of `[[init]]` on a 32-bit register.

    `how` is set (OR), clear (AND NOT), write (store), wait (until all bits of `value` read 1), wait_clear (until all
    read 0) or delay (of no register: at least `value` core cycles).
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
    """Renode's platform file, the UART in it, and the Hz that its SysTick counts.

    Renode is told to count as much, and to carry out as many instructions a virtual second: one instruction is one
    tick.
    """

    platform: str
    uart: str
    hz: int


@dataclass(frozen=True)
class Flash:
    """How the board is flashed.

    Attributes:
        by: a way of `xnorc.flash`: a file of its folder ways/.
        chips: product ids that the chip's own bootloader may give; empty: any that is known.
        entry: how its bootloader is entered: "dtr_rts" or "button".
        reset, boot0: the modem line that acts on each ("rts", "dtr"; with "-" before it, when it is not asserted).
        bootloader: where the vector table of the chip's ROM bootloader lies; 0: a running firmware cannot go there.
        words: what a person is to do, in the words printed on the board.
        family: UF2 family id; 0 without.
        volume: what the drive's INFO_UF2.TXT calls the board (`Board-ID`); empty: any.
        target: the name that a debugger has for the chip.
    """

    by: str
    chips: tuple[int, ...] = ()
    entry: str = "button"
    reset: str = "rts"
    boot0: str = "dtr"
    words: str = ""
    bootloader: int = 0
    family: int = 0
    volume: str = ""
    target: str = ""


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
    flash: Flash | None = None
