# SPDX-License-Identifier: Apache-2.0
"""The rate that a UART really runs at: what its divider makes of `uart.hz`, as the driver in firmware/port/ sets it.

A receiver samples the middle of the tenth bit: the two ends together may be off by less than half a bit in ten, 5 %, of
which one end gets 2.
"""

from __future__ import annotations

from collections.abc import Callable

from xnorc.boards.board import Uart

MOST = 2.0  # percent that a rate may be off

# nRF52840 Product Specification 1.7, UARTE, BAUDRATE: the rates of its table -> what they really are.
UARTE = {
    9600: 9598,
    19200: 19208,
    38400: 38369,
    57600: 57554,
    115200: 115108,
    230400: 231884,
    250000: 250000,
    460800: 457143,
    1000000: 1000000,
}


def divided(scale: float) -> Callable[[int, int], float]:
    """A divider in units of 1/`scale` of the UART's clock, rounded to the nearest."""

    def rate(hz: int, baud: int) -> float:
        return hz * scale / max(1, (int(hz * scale) + baud // 2) // baud)

    return rate


def nrf51(hz: int, baud: int) -> float:
    """BAUDRATE = baud * 2^32 / hz, of which the upper 20 bits count."""
    return (((baud << 32) // hz + 0x800) & 0xFFFFF000) * hz / 2**32


# UART IP -> (hz, baud) -> the real rate. An IP that is not here shows no figure and is not judged.
RATES: dict[str, Callable[[int, int], float]] = {
    "cmsdk": divided(1),
    "imxrt_lpuart": divided(1 / 16),
    "nrf51_uart": nrf51,
    "nrf_uarte": lambda _, baud: float(UARTE.get(baud, 0)),
    "pl011": divided(4),
    "stm32_lpuart": divided(256),
    "stm32_usart": divided(1),
    "stm32_usart_v2": divided(1),
}


def real_rate(uart: Uart) -> float | None:
    """Bits a second that the UART runs at; 0 for a rate that it does not have, None for an IP without a rule."""
    rate = RATES.get(uart.ip)
    return None if rate is None else rate(uart.hz, uart.baud)


def error_percent(uart: Uart) -> float | None:
    """How far the real rate is from `uart.baud`, in percent of it; None for an IP without a rule."""
    rate = real_rate(uart)
    return None if rate is None else 100 * (rate - uart.baud) / uart.baud


def complaint(uart: Uart) -> str | None:
    """What is wrong with the rate, if it is off by more than `MOST` percent."""
    error = error_percent(uart)
    if error is None or abs(error) <= MOST:
        return None
    if uart.ip == "nrf_uarte":
        return f"is {uart.baud}, which this UART does not have"
    return f"is {uart.baud}, and {uart.hz} Hz give {real_rate(uart):.0f}: {error:+.1f} % off"
