# SPDX-License-Identifier: Apache-2.0
"""UF2 files (github.com/microsoft/uf2, README "File format"): an image in blocks of 512 bytes that a bootloader takes
as they come.

Family ids are those of that repository's utils/uf2families.json: RP2040 0xe48bff56, RP2350 (Arm, secure) 0xe48bff59,
nRF52840 0xada52840.
"""

from __future__ import annotations

import struct

from xnorc.flash.image import ERASED, Image

MAGIC = (0x0A324655, 0x9E5D5157)
END = 0x0AB16F30
FAMILY_GIVEN = 0x00002000
PAYLOAD = 256  # bytes of flash a block: what every bootloader takes, and a page of RP2040's flash
ROOM = 476  # bytes of a block's data field


def uf2(image: Image, family: int) -> bytes:
    """The image as a UF2 file; pages of 256 bytes that it only touches are filled with 0xFF."""
    pages: dict[int, bytearray] = {}
    for start, data in image.parts:
        for at, byte in enumerate(data, start):
            page = at - at % PAYLOAD
            pages.setdefault(page, bytearray([ERASED]) * PAYLOAD)[at - page] = byte
    blocks = []
    for number, (address, page_data) in enumerate(sorted(pages.items())):
        head = (*MAGIC, FAMILY_GIVEN, address, PAYLOAD, number, len(pages), family)
        blocks.append(struct.pack("<8I", *head) + bytes(page_data).ljust(ROOM, b"\0") + struct.pack("<I", END))
    return b"".join(blocks)
