# SPDX-License-Identifier: Apache-2.0
"""Where a program runs: this machine, an emulator, a board at a serial port; each is reached as a byte stream."""

from xnorc.targets.stream import Stream
from xnorc.targets.target import Target, emulators, kind_of, kinds

__all__ = ["Stream", "Target", "emulators", "kind_of", "kinds"]
