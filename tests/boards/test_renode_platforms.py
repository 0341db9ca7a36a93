# SPDX-License-Identifier: Apache-2.0
"""A [renode] table that its platform contradicts is refused before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from xnorc.boards import all_boards, load
from xnorc.boards.renode_platforms import MODELS, PLATFORMS, contradiction
from xnorc.errors import BoardError

F4 = "platforms/cpus/stm32f4.repl"


@pytest.mark.parametrize(
    ("fact", "other", "complaint"),
    [
        ("sysbus.usart2", "sysbus.usart6", "renode.uart is sysbus.usart6, which .* has not"),
        ('core = "cortex-m4"', 'core = "cortex-m3"', "renode.platform is .*, a cortex-m4; the board is a cortex-m3"),
        (
            "platforms/boards/stm32f4_discovery-kit.repl",
            "platforms/cpus/stm32f746.repl",
            "renode.platform is .*, a cortex-m7",
        ),
        ('ip = "stm32_usart"', 'ip = "pl011"', r"renode.uart is .*STM32_UART \(SR and DR\); uart.ip is pl011"),
    ],
)
def test_what_a_platform_is_not_is_refused(tmp_path: Path, fact: str, other: str, complaint: str) -> None:
    text = Path(__file__).parents[2].joinpath("boards", "stm32f4_discovery.toml").read_text()
    assert fact in text
    (tmp_path / "stm32f4_discovery.toml").write_text(text.replace(fact, other))
    with pytest.raises(BoardError, match=complaint):
        load(str(tmp_path / "stm32f4_discovery.toml"))


def test_cores_with_one_instruction_set_are_alike_and_unknown_platforms_are_taken() -> None:
    assert contradiction("platforms/cpus/stm32g0.repl", "sysbus.usart2", "cortex-m0plus", "stm32_usart_v2") is None
    assert contradiction(F4, "sysbus.usart2", "cortex-m4", "stm32_usart") is None
    assert contradiction("mine.repl", "sysbus.any", "cortex-m55", "pl011") is None
    assert contradiction("platforms/cpus/stm32l072.repl", "sysbus.lpuart1", "cortex-m0plus", "stm32_lpuart") is None
    assert contradiction("platforms/cpus/nrf52840.repl", "sysbus.uart0", "cortex-m4", "nrf51_uart") is not None


def test_every_platform_has_a_known_uart_model_and_no_board_of_ours_contradicts_its_own() -> None:
    assert {platform.model for platform in PLATFORMS.values()} == set(MODELS)
    for board in all_boards():
        if board.renode is not None:
            assert board.renode.platform in PLATFORMS


def test_a_step_that_would_wait_for_ever_is_refused(tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("boards", "stm32f072b_disco.toml").read_text()
    table = '\n[renode]\nplatform = "platforms/cpus/stm32f072.repl"\nuart = "sysbus.usart1"\n'
    (tmp_path / "stm32f072b_disco.toml").write_text(text + table)
    complaint = r"renode.platform is .*, where bits 0x02000000 of 0x40021000 never read as 1 \(accepted: "
    with pytest.raises(BoardError, match=complaint):
        load(str(tmp_path / "stm32f072b_disco.toml"))
