# SPDX-License-Identifier: Apache-2.0
"""How commands speak: a Rich console for people, one JSON document on standard output for machines."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer
from rich.console import Console

JSON = typer.Option(False, "--json", help="Print the answer as JSON on standard output, and nothing else there.")

# Away from a terminal (a pipe, a log) lines are not folded to 80 columns: tables stay tables for whoever reads them.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
progress_console = Console(stderr=True, highlight=False)  # progress and remarks never mix with an answer


def emit(document: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(document, indent=2, default=str))
