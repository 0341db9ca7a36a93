# SPDX-License-Identifier: Apache-2.0
"""What ways with a USB drive share: find the one drive of the board, copy a file there, wait for the serial port.

`--port` may be the drive's folder; a serial port is waited for until the program has come up behind it.
"""

from __future__ import annotations

import contextlib
import os
import time
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from xnorc.errors import FlashError
from xnorc.flash.flasher import Flasher, Progress
from xnorc.flash.image import Image

ROOTS = ("/media/*", "/media/*/*", "/run/media/*/*", "/mnt/*", "/Volumes/*")  # where systems mount drives
PATIENCE = 30.0  # s that a person gets to press the button
BOOT = 15.0  # s until the program's port is there
STEP = 64 * 1024  # bytes written at once


class DriveFlasher(Flasher):
    """A way whose bootloader or probe shows itself as a drive.

    Attributes:
        file: the name under which the image is copied.
        marker: a file that lies on every such drive.
    """

    needs_port: ClassVar[bool] = False
    file: ClassVar[str]
    marker: ClassVar[str]

    @abstractmethod
    def packed(self, image: Image) -> bytes:
        """The content of the file."""

    @abstractmethod
    def is_ours(self, drive: Path, volume: str) -> bool:
        """Whether a drive that has the marker is of the board that `volume` names; may raise OSError."""

    def flash(self, image: Image, progress: Progress) -> str:
        table = self.board.flash
        assert table is not None
        drive, data, done = self.drive(), self.packed(image), 0
        try:
            with (drive / self.file).open("wb") as file:
                for at in range(0, len(data), STEP):
                    done += file.write(data[at : at + STEP])
                    progress("write", done, len(data))
                file.flush()
                with contextlib.suppress(OSError):  # the board has all blocks and is gone: that is how it ends
                    os.fsync(file.fileno())
        except OSError as error:
            if done < len(data) or (drive / self.marker).exists():
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
            found = self.drives(given)
            if len(found) == 1:
                return found[0]
            if found:
                what = f"{len(found)} drives could be it: {', '.join(map(str, found))}"
                raise FlashError(self.board.name, what, "--port FOLDER says which")
            if time.monotonic() >= end:
                what = f"no drive with {self.marker}{f' of {table.volume}' if table.volume else ''} was found"
                raise FlashError(str(given or self.board.name), f"{what}; its flash is as it was", table.words)
            if not told:
                self.say(table.words or "waiting for the board's drive: plug it in")
                told = True
            time.sleep(0.25)

    def drives(self, given: Path | None) -> list[Path]:
        """Every drive that could be the board's."""
        assert self.board.flash is not None
        places = [given] if given else [place for root in ROOTS for place in Path("/").glob(root[1:])]
        found = set()
        for place in places:
            with contextlib.suppress(OSError):
                if (place / self.marker).is_file() and self.is_ours(place, self.board.flash.volume):
                    found.add(place)
        return sorted(found)

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
