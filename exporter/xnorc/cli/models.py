# SPDX-License-Identifier: Apache-2.0
"""What `export` and `verify` share: a MODEL argument -> a captured and lowered network (torch, loaded late).

Reading a stranger's model can kill the interpreter (torch's strict export does, on some), so commands that read one run
again in a child process: `isolated()` is the parent's half.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xnorc.cli.arguments import numbers
from xnorc.cli.output import progress_console
from xnorc.errors import CaptureError, DataError

if TYPE_CHECKING:
    from xnorc.capture import Traced
    from xnorc.cli.wanted import Wanted
    from xnorc.data import Samples
    from xnorc.explaining import Stages
    from xnorc.exporting import Exported
    from xnorc.lower import Lowered
    from xnorc.options import Options

CHILD = "XNORC_CHILD"  # set in the child process


def isolated() -> bool:
    """Carry the running command out in a child process: True in the parent, once the child has done it well.

    Raises:
        SystemExit: with the child's exit code, if that is not 0.
        CaptureError: the child was killed by a signal.
    """
    if os.environ.get(CHILD):
        return False
    child = subprocess.run([sys.executable, "-m", "xnorc", *sys.argv[1:]], env={**os.environ, CHILD: "1"}, check=False)
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise CaptureError(
            "model", f"reading it killed the Python interpreter ({name})", "simplify how forward changes parameters"
        )
    if child.returncode:
        sys.exit(child.returncode)
    return True


def read_model(wanted: Wanted, samples: Samples | None) -> Traced:
    """Trace the network that MODEL names.

    Raises:
        CaptureError, DataError: it cannot be read, or its input shape is not known.
    """
    import torch

    from xnorc.capture import load_factory, read_archive, read_module

    if wanted.model.endswith(".pt2"):
        for option, given in (("--state", wanted.state), ("--shape", wanted.shape)):
            if given is not None:
                raise DataError(option, f"was given with the archive {wanted.model}", "an archive holds its own")
        return read_archive(Path(wanted.model), output=wanted.logits)
    if ":" not in wanted.model:
        raise DataError(
            wanted.model, "is neither a .pt2 archive nor module:factory", "torch.export.save writes archives"
        )
    notes: list[str] = []
    module = load_factory(wanted.model, wanted.state, notes)
    example = torch.zeros(_example_shape(wanted, samples))
    if samples is not None and wanted.shape is None:
        example = torch.from_numpy(_normalised(samples, wanted).take(slice(0, 1)).floats())
    return replace(read_module(module, example, output=wanted.logits), notes=tuple(notes))


def export_model(wanted: Wanted, samples: Samples | None, stages: Stages | None = None) -> Exported:
    """Trace, lower and judge; `samples` calibrate the streams.

    Raises:
        CaptureError, LowerError, DataError, Fault: see `xnorc.export`.
    """
    from xnorc.exporting import export_traced

    with stages or _nowhere() as kept, steps() as say:
        say("reading the network")
        traced = read_model(wanted, samples)
        return export_traced(traced, _options(wanted, samples, traced), _name(wanted), kept, say)


def lower_model(wanted: Wanted, samples: Samples | None) -> Lowered:
    """The same without the judge.

    Raises:
        CaptureError, LowerError, DataError, Fault: see `xnorc.export`.
    """
    from xnorc.exporting import lower_traced

    with steps() as say:
        say("reading the network")
        traced = read_model(wanted, samples)
        return lower_traced(traced, _options(wanted, samples, traced), _name(wanted), on_step=say)


def _nowhere() -> Stages:
    from xnorc.explaining import Stages

    return Stages(None)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """What is being done, on one line that goes away; on a terminal only."""
    with progress_console.status("") as status:
        yield status.update


def _options(wanted: Wanted, samples: Samples | None, traced: Traced) -> Options:
    from xnorc.options import Options

    mean, std = normalisation(wanted, samples)
    calibration = None if samples is None else samples.x
    chosen = {**wanted.options, "mean": mean, "std": std, "calibration": calibration}
    return Options.of(traced.example.shape, chosen)


def normalisation(wanted: Wanted, samples: Samples | None) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """mean and std: as typed, else those of the data file.

    Raises:
        DataError: only one of them was given.
    """
    mean, std = (numbers(wanted.options.get(name), f"--{name}") for name in ("mean", "std"))
    if (mean is None) != (std is None):
        raise DataError("--mean", "and --std come together", "give both or neither")
    if mean is None and samples is not None:
        return samples.mean, samples.std
    return mean, std


def _normalised(samples: Samples, wanted: Wanted) -> Samples:
    mean, std = normalisation(wanted, samples)
    return replace(samples, mean=mean, std=std)


def _example_shape(wanted: Wanted, samples: Samples | None) -> tuple[int, ...]:
    if wanted.shape is not None:
        sizes = numbers(wanted.shape, "--shape") or ()
        if not sizes or any(size != int(size) or size < 1 for size in sizes) or len(sizes) not in (1, 3):
            raise DataError("--shape", f"{wanted.shape!r}", "C,H,W as 3,32,32, or the number of features")
        return (1, *(int(size) for size in sizes))
    if samples is None:
        raise DataError(wanted.model, "the shape of its input is not known", "give --shape 3,32,32 or --data")
    h, w, c = samples.shape
    return 1, c, h, w


def _name(wanted: Wanted) -> str:
    from xnorc.exporting import identifier

    default = Path(wanted.model).stem if wanted.model.endswith(".pt2") else wanted.model.partition(":")[2]
    return identifier(wanted.name or default)
