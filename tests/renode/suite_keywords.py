# SPDX-License-Identifier: Apache-2.0
"""Keywords of our own for boards.robot: a UART read over its socket, and Renode's log read for complaints.

Renode's terminal tester compares after every character: the vectors' lines take it half an hour, the socket seconds.
renode-test has a Python of its own: nothing but the standard library is imported here.
"""

from __future__ import annotations

import re
import select
import socket
import time
from pathlib import Path

# What a sound run complains of: platform files that want a register description from the network, and the cycle counter
# that the firmware looks for (DEMCR and the DWT, which 1.15.3's STM32F4 has not).
EXPECTED = re.compile(
    r"svd|download|fetch|dl\.antmicro\.com|resolv|0x(E000E)?DFC\b|0xE0001[0-9A-F]{3}\b", re.IGNORECASE
)
COMPLAINT = re.compile(r"\[(WARNING|ERROR)\]")

_open: list[socket.socket] = []


def connect_to_uart(port: str, timeout: float = 30) -> None:
    """Open the socket terminal on this TCP port of this machine, and close an earlier one."""
    while _open:
        _open.pop().close()
    end = time.monotonic() + float(timeout)
    while True:
        try:
            _open.append(socket.create_connection(("127.0.0.1", int(port)), timeout=1))
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def wait_for_line_over_socket(pattern: str, timeout: float = 600) -> str:
    """The first line that the pattern is found in.

    Raises:
        AssertionError: it does not come; says the last lines.
    """
    link, text, end = _open[-1], b"", time.monotonic() + float(timeout)
    while time.monotonic() < end:
        if not select.select([link], [], [], 1)[0]:
            continue
        got = link.recv(65536)
        text += got
        *lines, text = text.split(b"\n") if got else (text, b"")
        for line in lines:
            shown = line.decode("ascii", "replace").strip()
            if "status=fail" in shown:
                print(shown)
            if re.search(pattern, shown):
                return shown
        if not got:
            break
    raise AssertionError(f"no line with {pattern}; the last bytes: {text[-200:]!r}")


def log_should_hold_no_complaint(path: str) -> None:
    """Fail on the first lines with WARNING or ERROR in Renode's log, but for those that are expected."""
    found = complaints(Path(path).read_text(errors="replace"))
    if found:
        raise AssertionError("\n".join([f"{len(found)} complaints in {path}", *found[:20]]))


def complaints(log: str) -> list[str]:
    """Lines with WARNING or ERROR that no sound run has."""
    return [line for line in log.splitlines() if COMPLAINT.search(line) and not EXPECTED.search(line)]
