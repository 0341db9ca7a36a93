# SPDX-License-Identifier: Apache-2.0
"""`by = "uf2"`: a bootloader that shows itself as a USB drive; a file copied there is flashed and started.

`--port` may be the drive's folder; a serial port is waited for until the program has come up behind it.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import ClassVar

from xnorc.errors import FlashError
from xnorc.flash.flasher import Flasher, Progress
from xnorc.flash.image import Image
from xnorc.flash.uf2 import uf2

ROOTS = ("/media/*", "/media/*/*", "/run/media/*/*", "/mnt/*", "/Volumes/*")  # where systems mount drives
PATIENCE = 30.0  # s that a person gets to press the button
BOOT = 15.0  # s until the program's port is there
STEP = 64 * 1024  # bytes written at once
LIMIT = 4096  # bytes of INFO_UF2.TXT that are read


class Uf2(Flasher):
    """See the module."""

    kind: ClassVar[str] = "uf2"
    needs_port: ClassVar[bool] = False

    def flash(self, image: Image, progress: Progress) -> str:
        table = self.board.flash
        assert table is not None
        drive = self.drive()
        data = uf2(image, table.family)
        target = drive / "xnorc.uf2"
        done = 0
        try:
            with target.open("wb") as file:
                for at in range(0, len(data), STEP):
                    done += file.write(data[at : at + STEP])
                    progress("write", done, len(data))
                file.flush()
                with contextlib.suppress(OSError):  # the board has all blocks and is gone: that is how it ends
                    os.fsync(file.fileno())
        except OSError as error:
            if done < len(data) or (drive / "INFO_UF2.TXT").exists():
                what = f"{done:,} of {len(data):,} bytes could be copied: {error.strerror or error}"
                state = "the board may hold half a program: run the same command again"
                raise FlashError(str(drive), f"{what}; {state}", table.words) from error
        self.await_port()
        return ""

    def drive(self) -> Path:
        """The one drive of this board, waited for while a person presses the button.

        Raises:
            FlashError: there is none, or more than one.
        """
        table = self.board.flash
        assert table is not None
        given = Path(self.port) if self.port and Path(self.port).is_dir() else None
        end, told = time.monotonic() + PATIENCE, False
        while True:
            found = drives(table.volume, given)
            if len(found) == 1:
                return found[0]
            if found:
                listed = ", ".join(map(str, found))
                raise FlashError(
                    self.board.name, f"{len(found)} drives could be it: {listed}", "--port FOLDER says which"
                )
            if time.monotonic() >= end:
                what = f"no drive with INFO_UF2.TXT{f' and Board-ID {table.volume}' if table.volume else ''} was found"
                raise FlashError(str(given or self.board.name), f"{what}; its flash is as it was", table.words)
            if not told:
                self.say(table.words or "start the board's bootloader")
                told = True
            time.sleep(0.25)

    def await_port(self) -> None:
        """Wait until the serial port is (again) there.

        Raises:
            FlashError: it does not come.
        """
        if not self.port.startswith("/dev/"):
            return
        end = time.monotonic() + BOOT
        while not os.path.exists(self.port):
            if time.monotonic() >= end:
                what = f"{self.port} has not come back {BOOT:g} s after flashing"
                raise FlashError(self.board.name, what, "the program may have started: see `xnorc run --port`")
            time.sleep(0.1)


def drives(volume: str, given: Path | None) -> list[Path]:
    """Folders with an INFO_UF2.TXT whose Board-ID starts with `volume`."""
    places = [given] if given else [place for root in ROOTS for place in Path("/").glob(root[1:])]
    found = []
    for place in places:
        try:
            with (place / "INFO_UF2.TXT").open("rb") as file:
                text = file.read(LIMIT).decode("ascii", "replace")
        except OSError:
            continue
        ids = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Board-ID:")]
        if any(id.startswith(volume) for id in ids) or not volume:
            found.append(place)
    return sorted(set(found))
