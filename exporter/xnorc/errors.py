# SPDX-License-Identifier: Apache-2.0
"""The one exception family of xnorc: where it went wrong, what was found, what to do about it."""

from __future__ import annotations

from xnorc.inert import inert


class XnorcError(Exception):
    """A user-facing error that prints as one line and ends a command with exit code 2.

    Args:
        where: the place in the user's world: a file and line, a layer, a board field, a port.
        what: what was found there.
        hint: what would be accepted, or the command that helps.  May be empty.

    Any of them may quote a file or a device: what a terminal would obey is escaped.
    """

    exit_code = 2

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        self.where, self.what, self.hint = where, what, hint
        super().__init__(inert(f"{where}: {what}" + (f" ({hint})" if hint else "")))


class CaptureError(XnorcError):
    """The model cannot be read as a graph of ATen operations."""


class LowerError(XnorcError):
    """The graph was read, but has no equal among integer programs."""


class ProgramError(XnorcError):
    """An integer program is malformed: a shape, a kind, a range or a file."""


class FitError(XnorcError):
    """The program does not fit the board's flash, RAM or stack."""


class BoardError(XnorcError):
    """A board file is missing, malformed or contradicts itself."""


class ToolError(XnorcError):
    """A compiler, emulator or flashing tool is missing or failed."""


class FlashError(XnorcError):
    """A board could not be flashed, or an image file cannot be; the hint says what state the board is in."""


class LinkError(XnorcError):
    """The device did not answer, or answered with an error."""


class DataError(XnorcError):
    """A data file is missing, malformed or does not fit the model."""


class Fault(XnorcError):
    """xnorc itself is wrong: what it made is not the network, or code of ours failed on it.

    Args:
        where: the pass, node or tensor at which it shows.
        what: what was found there.
    """

    exit_code = 3

    def __init__(self, where: str, what: str, hint: str = "a fault of xnorc, please report it with the model") -> None:
        super().__init__(where, what, hint)
