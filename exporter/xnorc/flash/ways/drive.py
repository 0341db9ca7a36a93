# SPDX-License-Identifier: Apache-2.0
"""`by = "drive"`: a board whose debug probe shows itself as a USB drive and flashes the .bin that is copied there.

So do the ST-LINK/V2-1 and V3 of every Nucleo (ST UM1724, "ST-LINK/V2-1", mass storage interface) and Arm's DAPLink.
The probe resets the board afterwards; no button is pressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from xnorc.flash.drives import DriveFlasher
from xnorc.flash.image import Image


class Drive(DriveFlasher):
    """See the module.  `volume` of the board file is a part of the drive's name: F446RE of NODE_F446RE."""

    kind: ClassVar[str] = "drive"
    file: ClassVar[str] = "xnorc.bin"
    marker: ClassVar[str] = "DETAILS.TXT"

    def packed(self, image: Image) -> bytes:
        return image.flat()

    def is_ours(self, drive: Path, volume: str) -> bool:
        return volume in drive.name
