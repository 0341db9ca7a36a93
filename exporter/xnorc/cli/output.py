# SPDX-License-Identifier: Apache-2.0
"""How commands speak: a Rich console for people, one JSON document on standard output for machines."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer
from rich.console import Console

from xnorc.inert import inert

JSON = typer.Option(False, "--json", help="Print the answer as JSON on standard output, and nothing else there.")

# Away from a terminal (a pipe, a log) lines are not folded to 80 columns: tables stay tables for whoever reads them.
# No markup: names and notes come from files, and "[/x]" in one of them is text. Our own colours are given as `style`.
console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)
progress_console = Console(stderr=True, highlight=False, markup=False)  # remarks never mix with an answer


def heard(text: str) -> None:
    """Show a line of text that a device printed; nothing in it is obeyed."""
    progress_console.print(inert(text), soft_wrap=True)


def emit(document: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(document, indent=2, default=str))
