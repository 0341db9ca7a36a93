# SPDX-License-Identifier: Apache-2.0
"""`by = "uf2"`: a bootloader that shows itself as a USB drive and takes UF2 files (github.com/microsoft/uf2)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from xnorc.flash.drives import DriveFlasher
from xnorc.flash.image import Image
from xnorc.flash.uf2 import uf2

LIMIT = 4096  # bytes of INFO_UF2.TXT that are read


class Uf2(DriveFlasher):
    """See the module.  `volume` of the board file is how the drive's Board-ID begins."""

    kind: ClassVar[str] = "uf2"
    file: ClassVar[str] = "xnorc.uf2"
    marker: ClassVar[str] = "INFO_UF2.TXT"

    def packed(self, image: Image) -> bytes:
        assert self.board.flash is not None
        return uf2(image, self.board.flash.family)

    def is_ours(self, drive: Path, volume: str) -> bool:
        with (drive / self.marker).open("rb") as file:
            text = file.read(LIMIT).decode("ascii", "replace")
        ids = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Board-ID:")]
        return not volume or any(id.startswith(volume) for id in ids)
