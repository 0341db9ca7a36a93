# SPDX-License-Identifier: Apache-2.0
"""What Renode's platform files emulate, as far as a `[renode]` table can be wrong about it.

From the files of Renode 1.15.3 under platforms/.  A platform that is not listed (one's own .repl) is taken as it comes.
SysTick's frequency is no such fact: board.resc sets it to `renode.hz`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STM32_UART, STM32F7_USART, NRF52840_UART = "STM32_UART", "STM32F7_USART", "NRF52840_UART"
# Renode's model of a UART -> the drivers that speak to it, and what is to be known of the model
MODELS = {
    STM32_UART: (("stm32_usart",), "SR and DR"),
    STM32F7_USART: (("stm32_usart_v2", "stm32_lpuart"), "ISR, RDR and TDR"),
    NRF52840_UART: (("nrf_uarte",), "easyDMA only"),
}


@dataclass(frozen=True)
class Platform:
    """One platform file.

    Attributes:
        core: Renode's `cpuType`.
        model: Renode's class of its UARTs.
        uarts: their names.
        never: register -> bits that a board's `[[init]]` may not wait for, because they never read as 1.
    """

    core: str
    model: str
    uarts: tuple[str, ...]
    never: tuple[tuple[int, int], ...] = ()


def _numbered(word: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{word}{number}" for number in numbers)


# RCC_CR of the STM32F0 reads as 0 and 0x83 in turns: no PLL is ever ready.
_F0 = Platform("cortex-m0", STM32F7_USART, _numbered("usart", 1, 2, 3, 4, 5, 6, 7), ((0x40021000, 0xFFFFFF7C),))
_F4 = Platform("cortex-m4", STM32_UART, (*_numbered("usart", 1, 2, 3), *_numbered("uart", 4, 5)))
_F7 = Platform("cortex-m7", STM32F7_USART, _numbered("usart", 1, 2, 3, 6))
_H7 = Platform("cortex-m7", STM32F7_USART, ("lpuart1", *_numbered("usart", 1, 2, 3, 6), *_numbered("uart", 4, 5, 7, 8)))
_L0 = Platform("cortex-m0+", STM32F7_USART, ("lpuart1", *_numbered("usart", 1, 2, 4, 5)))
_L1 = Platform("cortex-m3", STM32_UART, _numbered("usart", 1, 2, 3))
_NRF52840 = Platform("cortex-m4", NRF52840_UART, ("uart0", "uart1"))

PLATFORMS = {
    "platforms/boards/nrf52840dk_nrf52840.repl": _NRF52840,
    "platforms/boards/stm32f072b_discovery.repl": _F0,
    "platforms/boards/stm32f4_discovery-kit.repl": _F4,
    "platforms/boards/stm32f4_discovery.repl": _F4,
    "platforms/boards/stm32f7_discovery-bb.repl": _F7,
    "platforms/cpus/nrf52840.repl": _NRF52840,
    "platforms/cpus/stm32f0.repl": _F0,
    "platforms/cpus/stm32f042.repl": _F0,
    "platforms/cpus/stm32f072.repl": _F0,
    "platforms/cpus/stm32f103.repl": Platform("cortex-m3", STM32_UART, _numbered("usart", 1, 2, 3, 4, 5)),
    "platforms/cpus/stm32f4.repl": _F4,
    "platforms/cpus/stm32f412.repl": Platform("cortex-m4f", STM32_UART, (*_F4.uarts, "usart6")),
    "platforms/cpus/stm32f429.repl": _F4,
    "platforms/cpus/stm32f746.repl": _F7,
    "platforms/cpus/stm32g0.repl": Platform("cortex-m0", STM32F7_USART, _numbered("usart", 1, 2, 3, 4, 5, 6)),
    "platforms/cpus/stm32h743.repl": _H7,
    "platforms/cpus/stm32h753.repl": _H7,
    "platforms/cpus/stm32l071.repl": _L0,
    "platforms/cpus/stm32l072.repl": _L0,
    "platforms/cpus/stm32l151.repl": _L1,
    "platforms/cpus/stm32l552.repl": Platform(
        "cortex-m33", STM32F7_USART, ("lpuart1", *_numbered("usart", 1, 2, 3), *_numbered("uart", 4, 5))
    ),
}
# Cores with one instruction set go by one name: Renode's stm32g0 calls its Cortex-M0+ a Cortex-M0.
ALIKE = {"cortex-m0+": "cortex-m0", "cortex-m0plus": "cortex-m0", "cortex-m1": "cortex-m0", "cortex-m4f": "cortex-m4"}


def contradiction(
    platform: str, uart: str, core: str, ip: str, waits: Sequence[tuple[int, int]] = ()
) -> tuple[str, str, str] | None:
    """What a `[renode]` table says that its platform is not: key, what is wrong, what would be right; None: nothing.

    Args:
        platform, uart: as in the table: platforms/cpus/stm32f4.repl, sysbus.usart2.
        core: of the board, as gcc names it.
        ip: the driver of `uart.ip`.
        waits: register and bits of each step that waits for ones.
    """
    known = PLATFORMS.get(platform)
    if known is None:
        return None
    if ALIKE.get(core, core) != ALIKE.get(known.core, known.core):
        return "platform", f"is {platform}, a {known.core}; the board is a {core}", f"a platform with a {core}"
    name = uart.removeprefix("sysbus.")
    if name not in known.uarts:
        return "uart", f"is {uart}, which {platform} has not", ", ".join(f"sysbus.{each}" for each in known.uarts)
    drivers, registers = MODELS[known.model]
    if ip not in drivers:
        what = f"is {uart}, Renode's {known.model} ({registers}); uart.ip is {ip}"
        return "uart", what, f"uart.ip = {' or '.join(drivers)}, or a platform whose UART is one"
    for address, bits in waits:
        for register, never in known.never:
            if address == register and bits & never:
                what = f"is {platform}, where bits {bits & never:#010x} of {address:#010x} never read as 1"
                return "platform", what, "steps of [[init]] that do not wait for them, or a platform file of your own"
    return None
