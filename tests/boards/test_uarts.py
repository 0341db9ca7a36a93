# SPDX-License-Identifier: Apache-2.0
"""UART drivers against models of their registers: what init leaves, that no byte is lost, doubled or sent too early.

The driver's own file is compiled for this machine; tests/boards/registers.h turns each access into a call.
"""

from __future__ import annotations

import ctypes
import random
import shutil
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc.boards import uart_ips
from xnorc.resources import folder

HERE = Path(__file__).parent
READ, WRITE = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32), ctypes.CFUNCTYPE(None, *[ctypes.c_uint32] * 2)


class Registers:
    """A UART with flags in a status register, one byte deep each way; `rest` are the registers without a behaviour."""

    status, into, out, ready, came, errors = 0, 0, 0, 0, 0, 0

    def __init__(self) -> None:
        self.rest: dict[int, int] = {}
        self.order: list[tuple[int, int]] = []
        self.sent: list[int] = []
        self.waiting: deque[int] = deque()
        self.full = self.broken = False
        self.kept: tuple[object, ...] = ()  # callbacks live as long as their model

    def state(self) -> int:
        return (0 if self.full else self.ready) | (self.came if self.waiting else 0) | self.broken * self.errors

    def read(self, offset: int) -> int:
        if offset == self.status:
            return self.state()
        if offset == self.into:
            assert self.waiting, "a byte was read that has not come"
            return self.waiting.popleft()
        return self.rest.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self.order.append((offset, value))
        if offset == self.out and self.enabled():
            assert not self.full, "a byte was written over one that is being sent"
            self.sent.append(value)
            self.full = True
        else:
            self.rest[offset] = value
            self.cleared(offset, value)

    def enabled(self) -> bool:
        return True

    def cleared(self, offset: int, value: int) -> None:
        pass


class UsartV2(Registers):
    status, into, out, ready, came, errors = 0x1C, 0x24, 0x28, 1 << 7, 1 << 5, 1 << 3

    def enabled(self) -> bool:
        return self.rest.get(0, 0) & 0xD == 0xD

    def cleared(self, offset: int, value: int) -> None:
        if offset == 0x0C:
            assert self.rest.get(0, 0) & 1 == 0, "BRR is read-only while UE is set"
        if offset == 0x20 and value & self.errors:
            self.broken = False


class ImxrtLpuart(Registers):
    status, into, out, ready, came, errors = 0x14, 0x1C, 0x1C, 1 << 23, 1 << 21, 1 << 19

    def enabled(self) -> bool:
        return self.rest.get(0x18, 0) == 3 << 18

    def cleared(self, offset: int, value: int) -> None:
        if offset == 0x10:
            assert self.rest.get(0x18, 0) == 0, "BAUD changes only with both directions off"
        if offset == 0x14 and value & self.errors:
            self.broken = False


class Usart(Registers):
    status, into, out, ready, came = 0x00, 0x04, 0x04, 1 << 7, 1 << 5


class Cmsdk(Registers):
    status, into, out, came = 0x04, 0x00, 0x00, 2

    def state(self) -> int:
        return self.full | (self.came if self.waiting else 0)


class Pl011(Registers):
    status, into, out = 0x18, 0x00, 0x00

    def state(self) -> int:
        return (self.full << 5) | ((not self.waiting) << 4)

    def cleared(self, offset: int, value: int) -> None:
        if offset in (0x24, 0x28, 0x2C):
            assert self.rest.get(0x30, 0) == 0, "the divider is written while the UART is off"


class Uarte(Registers):
    """EasyDMA: `high` is what a pointer of this machine has above the 32 bits that the register takes."""

    high = 0
    armed = False  # a transfer of one byte was started and has not ended

    def read(self, offset: int) -> int:
        if offset == 0x110 and self.waiting and self.armed:
            self.memory(0x534)[0] = self.waiting.popleft()
            self.rest[0x110], self.armed = 1, False
        if offset == 0x120:
            return int(not self.full and bool(self.sent))
        return self.rest.get(offset, 0)

    def memory(self, register: int) -> ctypes.Array[ctypes.c_uint8]:
        assert self.rest[register + 4] == 1
        return (ctypes.c_uint8 * 1).from_address(self.high | self.rest[register])

    def write(self, offset: int, value: int) -> None:
        self.order.append((offset, value))
        self.rest[offset] = value
        if offset in (0x000, 0x008):
            assert self.rest.get(0x500) == 8, "a task was started on a UARTE that is off"
        if offset == 0x000:
            self.armed = True
        if offset == 0x008:
            assert not self.full
            self.sent.append(self.memory(0x544)[0])
            self.full = True


# What init leaves: the registers of the manual by their offset, worked out by hand for 115200 baud.
DRIVERS: dict[str, tuple[type[Registers], int, dict[int, int]]] = {
    "stm32_usart_v2": (UsartV2, 48_000_000, {0x00: 0x0D, 0x0C: 417}),
    "stm32_lpuart": (UsartV2, 120_000_000, {0x00: 0x0D, 0x0C: 266667}),
    "imxrt_lpuart": (ImxrtLpuart, 80_000_000, {0x10: 0x0F00002B, 0x18: 0xC0000}),
    "nrf_uarte": (Uarte, 16_000_000, {0x500: 8, 0x524: 0x01D60000, 0x548: 1, 0x538: 1}),
    "stm32_usart": (Usart, 45_000_000, {0x0C: 0x200C, 0x08: 391}),
    "cmsdk": (Cmsdk, 25_000_000, {0x08: 3, 0x10: 217}),
    "pl011": (Pl011, 125_000_000, {0x24: 67, 0x28: 52, 0x2C: 0x70, 0x30: 0x301}),  # RP2040: 67 + 52/64
}


@pytest.fixture
def driver(tmp_path: Path) -> Callable[..., tuple[ctypes.CDLL, Registers]]:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")

    def build(ip: str, baud: int = 115200) -> tuple[ctypes.CDLL, Registers]:
        model, hz, _ = DRIVERS[ip]
        out = tmp_path / f"{ip}.so"
        source = folder("firmware") / "port" / f"{ip}.c"
        what = [f"-DBOARD_UART_HZ={hz}u", f"-DBOARD_UART_BAUD={baud}u", "-DBOARD_UART_BASE=0u"]
        flags = ["-x", "c++", "-std=c++17", "-fpermissive", "-w", "-shared", "-fPIC", "-include", "registers.h"]
        subprocess.run([compiler, *flags, f"-I{HERE}", *what, str(source), "-o", str(out)], check=True)
        library, registers = ctypes.CDLL(str(out)), model()
        library.uart_send.restype = ctypes.c_bool
        kept = READ(registers.read), WRITE(registers.write)
        for name, hook in zip(("on_read", "on_write"), kept, strict=True):
            ctypes.c_void_p.in_dll(library, name).value = ctypes.cast(hook, ctypes.c_void_p).value
        registers.kept = kept
        if isinstance(registers, Uarte):
            registers.high = ctypes.addressof(ctypes.c_void_p.in_dll(library, "on_read")) & ~0xFFFFFFFF
        return library, registers

    return build


def test_every_driver_is_tried() -> None:
    assert set(DRIVERS) == set(uart_ips()) - {"nrf51_uart"}  # that one boots in QEMU, byte by byte


@pytest.mark.parametrize("ip", DRIVERS)
def test_init_leaves_what_the_manual_asks_for(ip: str, driver: Callable[..., tuple[ctypes.CDLL, Registers]]) -> None:
    library, registers = driver(ip)
    for _ in range(2):  # a fault calls it again
        library.uart_init()
        wanted = DRIVERS[ip][2]
        assert {offset: registers.rest[offset] for offset in wanted} == wanted


@pytest.mark.parametrize("ip", DRIVERS)
def test_every_byte_goes_out_and_comes_in_once(ip: str, driver: Callable[..., tuple[ctypes.CDLL, Registers]]) -> None:
    library, registers = driver(ip)
    library.uart_init()
    dice = random.Random(1)
    data = list(range(256)) + list(dice.randbytes(200))
    for byte in data:
        assert library.uart_send(byte)
        for _ in range(dice.randrange(3)):
            assert not library.uart_send(byte ^ 0xFF)  # the shifter is busy: refused, and nothing done
        registers.full = False
    assert registers.sent == data
    got: list[int] = []
    for byte in data:
        if dice.randrange(2):
            assert library.uart_receive() == -1
        registers.waiting.append(byte)
        got.append(library.uart_receive())
    assert got == data
    assert library.uart_receive() == -1


@pytest.mark.parametrize("ip", [ip for ip, (model, *_) in DRIVERS.items() if model.errors])
def test_an_overrun_is_cleared_and_reception_goes_on(
    ip: str, driver: Callable[..., tuple[ctypes.CDLL, Registers]]
) -> None:
    library, registers = driver(ip)
    library.uart_init()
    registers.waiting.append(7)
    registers.broken = True
    assert library.uart_receive() == 7
    assert not registers.broken
    assert library.uart_receive() == -1
