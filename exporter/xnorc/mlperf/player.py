# SPDX-License-Identifier: Apache-2.0
"""The host's end of the text protocol: loads inputs, asks for inferences, reads scores and lap times."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from xnorc.errors import LinkError
from xnorc.mlperf.task import Task
from xnorc.targets import Stream

READY = "m-ready"
AT_ONCE = 31  # bytes in one `db` command, as many as the open runner's
LINE_BYTES = 8192  # no line of a device that speaks the protocol is longer


@dataclass(frozen=True)
class Inference:
    """The answer to one `infer`.

    Attributes:
        scores: as the device gives them, none negative.
        microseconds: between its two time stamps; of a board's clock, on an emulator instructions in disguise.
    """

    scores: tuple[float, ...]
    microseconds: int

    @property
    def label(self) -> int:
        """The first of the greatest scores."""
        return self.scores.index(max(self.scores))


class Player:
    """Commands to a device and its answers.

    Args:
        stream: to the device; its `timeout` is set.
        patience: seconds without a byte after which the device counts as silent.

    Every method raises `LinkError` where the device is silent, refuses, or says what the protocol has not.
    """

    def __init__(self, stream: Stream, task: Task, name: str = "device", patience: float = 30.0) -> None:
        self.task, self.name, self._patience = task, name, patience
        self._stream = stream
        self._rest = b""
        stream.timeout = 0.05

    def connect(self) -> str:
        """Find the end of what the device still says, and check what it is for; its own name.

        The lines of a start that come now are read past: the answer wanted is the one with the name in it.
        """
        self._stream.write(b"%name%")  # the first ends half a command that an earlier host left
        end = time.monotonic() + self._patience
        found = None
        while found is None and time.monotonic() < end:
            found = next((m for line in self._answer() if (m := re.fullmatch(r"m-name-dut-\[([^]]*)\]", line))), None)
        if found is None:
            raise LinkError(self.name, "says no name", "was it built with --mlperf?")
        said = self.ask("profile")
        if f"m-model-[{self.task.name}]" not in said:
            raise LinkError(self.name, f"is not built for {self.task.name}: {said}", f"--mlperf {self.task.name}")
        return found[1]

    def ask(self, command: str) -> list[str]:
        """The lines of the answer to a command, without `m-ready`.

        Raises:
            LinkError: also where a line says that the command was refused.
        """
        self._stream.write(command.encode("ascii") + b"%")
        lines = self._answer()
        refused = next((line for line in lines if line.startswith("e-")), None)
        if refused is not None:
            raise LinkError(self.name, f"refused `{command[:20]}`: {refused}")
        return lines

    def load(self, image: bytes) -> None:
        """Send one input, as the runner would: values of a signed task as they are."""
        said = self.ask(f"db load {len(image)}")
        for at in range(0, len(image), AT_ONCE):
            said = self.ask(f"db {image[at : at + AT_ONCE].hex()}")
        if said != ["m-load-done"]:
            raise LinkError(self.name, f"did not take an input of {len(image)} bytes: {said}")

    def infer(self, runs: int = 1, warmups: int = 0) -> Inference:
        """Run the model on the input that was loaded, `warmups` times and then `runs` times with the clock."""
        said = self.ask(f"infer {runs} {warmups}")
        laps = [int(m[1]) for line in said if (m := re.fullmatch(r"m-lap-us-([0-9]{1,18})", line))]
        found = [m[1] for line in said if (m := re.fullmatch(r"m-results-\[([0-9.,]+)\]", line))]
        try:
            (text,), (first, second) = found, laps
            scores = tuple(float(field) for field in text.split(","))
        except ValueError:
            raise LinkError(self.name, f"gave no result: {said}") from None
        if len(scores) != self.task.scores:
            raise LinkError(self.name, f"gave {len(scores)} scores, {self.task.name} has {self.task.scores}")
        return Inference(scores, second - first)

    def _answer(self) -> list[str]:
        lines: list[str] = []
        while not lines or lines[-1] != READY:
            lines.append(self._line())
        return lines[:-1]

    def _line(self) -> str:
        heard = time.monotonic()
        while b"\n" not in self._rest:
            got = self._stream.read(max(1, self._stream.in_waiting))
            if got:
                heard = time.monotonic()
            elif time.monotonic() - heard > self._patience:
                raise LinkError(self.name, f"no answer within {self._patience:g} s", "was it built with --mlperf?")
            self._rest += got
            if len(self._rest) > LINE_BYTES and b"\n" not in self._rest:
                raise LinkError(self.name, "does not speak MLPerf Tiny's protocol", "was it built with --mlperf?")
        line, self._rest = self._rest.split(b"\n", 1)
        return "".join(chr(c) if 32 <= c < 127 else "." for c in line.rstrip(b"\r").lstrip(b"\0"))
