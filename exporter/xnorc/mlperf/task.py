# SPDX-License-Identifier: Apache-2.0
"""The tasks of MLPerf Tiny that a firmware of ours can be built for: what the runner sends and expects of each."""

from __future__ import annotations

from dataclasses import dataclass

from xnorc.errors import ProgramError
from xnorc.program import Program


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: the runner's name of the model.
        title: what is recognised.
        input_bytes: of one image (or spectrogram).
        scores: numbers in a result.
        flip: XORed to every byte that comes: 0x80 where the runner's values are signed, whose program takes them plus
            128.
    """

    name: str
    title: str
    input_bytes: int
    scores: int
    flip: int = 0

    @property
    def defines(self) -> dict[str, str | int]:
        """Macros for firmware/app/mlperf."""
        return {"MLPERF_TASK": self.name, "MLPERF_FLIP": self.flip}

    def check(self, program: Program) -> None:
        """Refuse a program whose sizes are not the task's.

        Raises:
            ProgramError: names both.
        """
        found, wanted = program.input.nbytes, self.input_bytes
        if found != wanted:
            what = f"the input has {found} bytes, {self.name} ({self.title}) sends {wanted}"
            raise ProgramError(program.name, what, "a network for this task, or another task")
        if program.logits.size != self.scores:
            what = f"{program.logits.size} logits, {self.name} ({self.title}) wants {self.scores} scores"
            raise ProgramError(program.name, what, "a network for this task, or another task")


TASKS = (
    Task("ic01", "32x32 images, CIFAR-10", 3072, 10),
    Task("kws01", "spoken words, 49x10 signed MFCC", 490, 12, flip=0x80),
    Task("vww01", "96x96 images, with or without a person", 27648, 2),
)


def task(name: str) -> Task:
    """The task with this name.

    Raises:
        ProgramError: there is none; names those there are.
    """
    for known in TASKS:
        if known.name == name:
            return known
    raise ProgramError("--mlperf", f"{name!r} is no task", ", ".join(known.name for known in TASKS))
