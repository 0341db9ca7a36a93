# SPDX-License-Identifier: Apache-2.0
"""The client of the STM32 bootloader against the simulated one: what reaches the flash, what is refused, and how."""

from __future__ import annotations

import pytest

from tests.flash.simulator import KINDS, Chip, Fault, HostGone, Wire
from xnorc.errors import FlashError
from xnorc.flash.image import Image
from xnorc.flash.stm32.an3155 import Bootloader, Refused
from xnorc.flash.stm32.chips import CHIPS, FLASH
from xnorc.flash.stm32.writing import blocks, identify, write_image

DATA = bytes((7 * i + i // 256) & 0xFF for i in range(1500))
BOARD = "some board"


def image(data: bytes = DATA, start: int = FLASH) -> Image:
    return Image.of("firmware.bin", [(start, data)])


def chip_of(id: int, **more: bool) -> Chip:
    extended = id not in (0x410, 0x420)
    return Chip(id, CHIPS[id].units, extended, **more)


def flash(chip: Chip, what: Image, expected: tuple[int, ...] = ()) -> list[tuple[str, int, int]]:
    seen: list[tuple[str, int, int]] = []
    loader = Bootloader(Wire(chip), "port")
    write_image(loader, identify(loader, expected, BOARD), what, lambda *at: seen.append(at))
    return seen


@pytest.mark.parametrize("id", sorted(CHIPS))
def test_an_image_reaches_every_chip_and_nothing_but_its_pages_is_erased(id: int) -> None:
    chip = chip_of(id)
    seen = flash(chip, image(), (id,))
    assert chip.started == FLASH
    assert chip.memory[: len(DATA)] == DATA
    end, units = 0, []
    for number, size in enumerate(chip.units):
        if end < len(DATA):
            units.append(number)
        end += size
    assert chip.erased == units
    last = sum(chip.units[: len(units)])
    assert set(chip.memory[last:]) <= {0xA5}
    assert [at for at in seen if at[1] == at[2]] == [
        ("erase", last, last),
        ("write", len(DATA), len(DATA)),
        ("verify", len(DATA), len(DATA)),
    ]


def test_parts_at_odd_addresses_are_filled_up_with_erased_bytes() -> None:
    found = Image.of("x", [(FLASH + 0x801, b"ab"), (FLASH + 0x1FE, b"cd" * 3)])
    chip = chip_of(0x413)
    flash(chip, found)
    assert chip.memory[0x800:0x804] == b"\xffab\xff"
    assert chip.memory[0x1FC:0x204] == b"\xff\xffcdcdcd"
    assert all(len(data) % 4 == 0 and at % 4 == 0 for at, data in blocks(found))


def test_the_vector_table_is_erased_first_and_written_last() -> None:
    chip = chip_of(0x448)
    chip.fault = Fault("disconnect", 900)
    with pytest.raises(FlashError, match="partly written and starts nothing: run the same command again"):
        flash(chip, image())
    assert set(chip.memory[:256]) == {0xFF}
    assert DATA[256:512] in chip.memory


def test_a_missing_erase_shows() -> None:
    chip = chip_of(0x413)
    chip._erase = lambda units: chip._say(b"\x79")  # type: ignore[method-assign]
    with pytest.raises(FlashError, match=r"reads .* where .* was written"):
        flash(chip, image())


def test_a_protected_chip_is_told_and_left_alone() -> None:
    chip = chip_of(0x421, protected=True)
    before = bytes(chip.memory)
    with pytest.raises(FlashError, match=r"read-out protected .*as it was.*--unprotect.*ALL"):
        flash(chip, image())
    assert bytes(chip.memory) == before
    assert chip.protected
    loader = Bootloader(Wire(chip), "port")
    loader.sync()
    loader.readout_unprotect()
    flash(chip, image())


def test_another_chip_than_the_boards_is_told_and_left_alone() -> None:
    chip = chip_of(0x420)
    with pytest.raises(FlashError, match=r"STM32F100 medium density \(0x420\), some board has STM32F446 \(0x421\)"):
        flash(chip, image(), (0x421,))
    assert not chip.erased
    with pytest.raises(FlashError, match="nothing is known of the flash of chip 0x999"):
        flash(Chip(0x999, (1024,) * 4), image())


def test_an_image_that_is_too_large_is_refused_before_anything_is_erased() -> None:
    chip = chip_of(0x444)
    with pytest.raises(FlashError, match=r"32,768 bytes of flash.*as it was"):
        flash(chip, image(bytes(32769)))
    assert not chip.erased


@pytest.mark.parametrize("said", [b"\x55", b"hello, world\r\n"])
def test_a_device_that_says_something_else_is_no_bootloader(said: bytes) -> None:
    class Other(Wire):
        def write(self, data: bytes, /) -> int:
            self.waiting += said
            return len(data)

    with pytest.raises(FlashError, match="where a bootloader says 79"):
        Bootloader(Other(chip_of(0x421)), "port").sync()


def test_a_port_with_nothing_behind_it_ends() -> None:
    chip = chip_of(0x421)
    chip.dead = True
    with pytest.raises(FlashError, match="no STM32 bootloader answers"):
        Bootloader(Wire(chip), "port").sync()


SMALL = bytes(range(60))


def session() -> int:
    """Bytes of a whole session with a small image, over both directions."""
    chip = chip_of(0x410)
    flash(chip, image(SMALL))
    return chip.counted


def outcome(chip: Chip) -> str | None:
    """None where flashing succeeded, "" where the host was killed, else what the error says."""
    try:
        flash(chip, image(SMALL), (0x410,))
    except HostGone:
        return ""
    except FlashError as error:
        return error.what
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_fault_at_any_byte_a_retry_succeeds_and_the_error_says_what_the_board_holds(kind: str) -> None:
    total = session()
    assert total > 200
    failed = 0
    for at in range(total):
        chip = chip_of(0x410)
        chip.fault = Fault(kind, at)
        told = outcome(chip)
        failed += told is not None
        assert "\n" not in (told or "")
        if told is None:  # the fault did no harm: then the flash is right, whatever was lost
            assert chip.memory[: len(SMALL)] == SMALL, f"{kind} at {at}"
        elif told:
            assert told.endswith(("as it was", "run the same command again", "reset it")), told
            assert not (told.endswith("as it was") and chip.erased), f"{kind} at {at}: {told}"
            proved = told.endswith("reset it")
            assert not proved or chip.memory[: len(SMALL)] == SMALL, f"{kind} at {at}: {told}"
        if kind != "host gone" or chip.started is not None:
            chip.reset()  # what a person does, or the modem lines; after "host gone" nobody did
        chip.fault = None
        assert outcome(chip) is None, f"{kind} at {at}: the retry"
        assert chip.memory[: len(SMALL)] == SMALL
        assert chip.started == FLASH
    assert failed > total // 2


def test_refused_is_one_line() -> None:
    chip = chip_of(0x421)
    loader = Bootloader(Wire(chip), "port")
    loader.sync()
    with pytest.raises(Refused, match=r"^port: the bootloader refused READ \("):
        loader.read(0x20000000, 4)
