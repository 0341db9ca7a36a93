# SPDX-License-Identifier: Apache-2.0
"""Frames of the link (docs/contracts.md section 4): payloads to wire bytes and, however the stream is cut up, back.

The wire carries `COBS(payload || CRC-32(payload)) || 0x00`.  What lies between two 0x00 and is no frame is either
damage, which is counted, or plain text that the device printed (a fault line), which is handed on for the user to see.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from cobs import cobs

MAX_PAYLOAD = 1 << 17  # bytes; no reply of the protocol is longer
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


def encode(payload: bytes) -> bytes:
    """payload -> one frame, its closing 0x00 included."""
    return bytes(cobs.encode(payload + zlib.crc32(payload).to_bytes(4, "little"))) + b"\0"


def decode(chunk: bytes) -> bytes | None:
    """What lay between two 0x00 -> the payload, or None where it is no undamaged frame."""
    try:
        raw = bytes(cobs.decode(chunk))
    except cobs.DecodeError:
        return None
    payload, check = raw[:-4], raw[-4:]
    return payload if len(check) == 4 and zlib.crc32(payload).to_bytes(4, "little") == check else None


class Decoder:
    """Payloads out of a byte stream, in whatever pieces it comes.

    Args:
        on_text: called with each line of plain text found between frames.
        limit: a payload longer than this is damage; no more than its encoding is ever held.

    Attributes:
        damaged: chunks that were neither frame nor text.
    """

    def __init__(self, on_text: Callable[[str], None] | None = None, limit: int = MAX_PAYLOAD) -> None:
        self.damaged = 0
        self._on_text = on_text or (lambda line: None)
        self._limit = limit + 4 + (limit + 4) // 254 + 1
        self._held = bytearray()
        self._dropping = False  # beyond the limit: up to the next 0x00

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes from the wire; yields the payload of every frame that ends in them."""
        *chunks, rest = data.split(b"\0")
        for chunk in chunks:
            self._hold(chunk)
            if not self._dropping:
                payload = self._close()
                if payload is not None:
                    yield payload
            self._held.clear()
            self._dropping = False
        self._hold(rest)

    def flush_text(self) -> None:
        """Hand on whole lines of text that no 0x00 has ended: call when the device has gone quiet."""
        if self._held.endswith(b"\n") and _is_text(self._held):
            self._say(bytes(self._held))
            self._held.clear()

    def _hold(self, piece: bytes) -> None:
        if self._dropping:
            return
        self._held += piece
        if len(self._held) > self._limit:
            self.damaged += 1
            self._dropping = True
            self._held.clear()

    def _close(self) -> bytes | None:
        chunk = bytes(self._held)
        if not chunk:
            return None
        payload = decode(chunk)
        if payload is None and _is_text(chunk):
            self._say(chunk)
        elif payload is None:
            self.damaged += 1
        return payload

    def _say(self, text: bytes) -> None:
        for line in text.decode("ascii").splitlines():
            if line.strip():
                self._on_text(line.strip())


def _is_text(chunk: bytes | bytearray) -> bool:
    return len(chunk) > 0 and _PRINTABLE.issuperset(chunk)
