# SPDX-License-Identifier: Apache-2.0
"""`xnorc doctor`: what is installed, what is missing, the command that installs it, and where objects are kept."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import shutil
import subprocess
from typing import Annotated

import typer

from xnorc.cli.output import JSON, console, emit
from xnorc.cli.place import Group, Place

PLACE = Place(Group.START, 2)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    name: str
    used_for: str
    found: str | None  # its version, or None
    install: str
    required: bool = True


PROGRAMS = (
    # name, what for, Debian packages or a remark, required
    ("gcc", "the host target", "apt-get install gcc libc6-dev", True),
    ("arm-none-eabi-gcc", "building firmware", "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi", True),
    ("qemu-system-arm", "emulated boards", "apt-get install qemu-system-arm", True),
    ("renode", "the board stm32f4_discovery without a board", "see renode.io, release 1.15.3", False),
    (
        "renode-test",
        "the Robot tests",
        "comes with Renode; for the python3 that it calls: pip install robotframework==6.1 robotframework-retryfailed "
        "psutil pyyaml",
        False,
    ),
)
DISTRIBUTIONS = (
    ("torch", "capturing and training networks", "pip install 'xnorc[export]' torch==2.13.0", False),
    ("lightning", "training", "pip install 'xnorc[train]'", False),
    ("scikit-learn", "the digits data", "pip install 'xnorc[train]'", False),
    ("pyserial", "the wire", "pip install pyserial", True),
    ("numpy", "the integer program", "pip install numpy", True),
)


def command(
    clear_cache: Annotated[bool, typer.Option("--clear-cache", help="Remove the kept objects.")] = False,
    as_json: bool = JSON,
) -> None:
    """Say what is installed, what is missing, how to install it, and where compiled objects are kept.

    Exit code 1 if something that every user needs is missing.

    [bold]Examples[/bold]: xnorc doctor
    xnorc doctor --clear-cache
    """
    if clear_cache:
        _clear(as_json)
        return
    findings = examine()
    if as_json:
        emit([dataclasses.asdict(finding) for finding in findings])
    else:
        _table(findings)
    if any(f.found is None and f.required for f in findings):
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Look for everything; nothing is changed."""
    findings = [Finding("python", "xnorc itself", platform.python_version(), "")]
    for name, used_for, install, required in PROGRAMS:
        findings.append(Finding(name, used_for, _program_version(name), install, required))
    for name, used_for, install, required in DISTRIBUTIONS:
        try:
            version: str | None = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = None
        findings.append(Finding(name, used_for, version, install, required))
    return [*findings, _kept_objects()]


def _kept_objects() -> Finding:
    """Where compiled objects are kept, how many and how large; absent where XNORC_CACHE is empty."""
    from xnorc.toolchain.objects import store

    kept = store()
    if kept is None:
        hint = "unset XNORC_CACHE, or set it to a folder"
        return Finding("kept objects", "quicker builds", None, hint, required=False)
    count, size = kept.size()
    found = f"{count} ({size / 2**20:.1f} of {kept.limit >> 20} MiB)"
    return Finding("kept objects", f"quicker builds: {kept.folder}", found, "", required=False)


def _clear(as_json: bool) -> None:
    from xnorc.toolchain.objects import store

    kept = store()
    removed = 0 if kept is None else kept.clear()
    if as_json:
        emit({"removed": removed})
    else:
        console.print(f"{removed} objects removed" + ("" if kept is None else f" from {kept.folder}"))


def _program_version(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "present"
    first = (answer.stdout or answer.stderr).strip().splitlines()
    numbers = [word.strip("(),v") for word in (first[0].split() if first else []) if word.strip("(),v")[:1].isdigit()]
    return numbers[0] if numbers else "present"


def _table(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("", "tool", "version"):
        table.add_column(heading, no_wrap=True)
    for heading in ("used for", "install with"):
        table.add_column(heading, overflow="fold")
    for f in findings:
        mark = Text("ok", "green") if f.found else Text("missing", "red") if f.required else Text("absent", "yellow")
        table.add_row(mark, f.name, f.found or "-", f.used_for, "" if f.found else f.install)
    console.print(table)
