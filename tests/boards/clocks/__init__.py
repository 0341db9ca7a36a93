# SPDX-License-Identifier: Apache-2.0
"""Models of the clock registers of the chips that board files start up, to run `[[init]]` against.

A model begins with the registers as reset leaves them, carries out the steps and gives the clocks that come out. It
refuses what the chip would not take: a wait that never ends, a PLL changed while it runs, a peripheral touched
without its clock, and after every single step a clock over its limit or flash read too fast. Everything in here is from
the reference manuals; nothing is from a board file.
"""

from tests.boards.clocks.chip import Chip, Pins, Tree
from tests.boards.clocks.nrf52 import Nrf52
from tests.boards.clocks.stm32f0 import Stm32F0
from tests.boards.clocks.stm32f4 import Stm32F4
from tests.boards.clocks.stm32g0 import Stm32G0
from tests.boards.clocks.stm32h7 import Stm32H7
from tests.boards.clocks.stm32l4 import Stm32L4

__all__ = ["Chip", "Nrf52", "Pins", "Stm32F0", "Stm32F4", "Stm32G0", "Stm32H7", "Stm32L4", "Tree"]
