# SPDX-License-Identifier: Apache-2.0
"""The signatures of the Renode 1.15.3 keywords that boards.robot calls, for Robot's dry run: nothing here acts.

Names and arguments are those of Renode's UartKeywords.cs and RenodeKeywords.cs (RobotFrameworkEngine).
"""

from __future__ import annotations


def reset_emulation() -> None: ...


def start_emulation() -> None: ...


def execute_command(command: str, machine: str | None = None) -> None: ...


def execute_script(path: str) -> None: ...


def create_terminal_tester(uart: str, timeout: float | None = None, machine: str | None = None) -> None: ...


def wait_for_line_on_uart(
    content: str, timeout: float | None = None, testerId: int | None = None, treatAsRegex: bool = False
) -> None: ...


def wait_for_prompt_on_uart(
    prompt: str, testerId: int | None = None, timeout: float | None = None, treatAsRegex: bool = False
) -> None: ...


def write_to_uart(content: str, testerId: int | None = None) -> None: ...


def write_line_to_uart(content: str = "", testerId: int | None = None, waitForEcho: bool = True) -> None: ...
