# SPDX-License-Identifier: Apache-2.0
"""What `flash` and `deploy` share: an image into a board, with a bar for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xnorc.cli.output import heard, progress_console

if TYPE_CHECKING:
    from xnorc.boards import Board
    from xnorc.flash import Image


def flash_live(
    image: Image, board: Board, port: str | None, baud: int | None, unprotect: bool = False, by: str | None = None
) -> str:
    """Flash with a progress bar; what proved the image on the board, in words.

    Raises:
        FlashError, ToolError: see `Flasher.flash`; there is no port, or the image is not the board's.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from xnorc.errors import ToolError
    from xnorc.flash import flasher_of
    from xnorc.targets.port import ports

    kind = flasher_of(board, by)
    if port is None and kind.needs_port:
        raise ToolError("--port", "is missing: where is the board?", ports())
    image.check(board.memory.flash, board.name)
    columns = (TextColumn("{task.description:6}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=progress_console) as bar:
        tasks: dict[str, TaskID] = {}

        def seen(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done)

        return kind(board, port or "", baud, unprotect, heard).flash(image, seen)
