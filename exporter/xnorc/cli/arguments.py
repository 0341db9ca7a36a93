# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share, described and read once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xnorc.errors import BoardError, DataError, ToolError

if TYPE_CHECKING:
    import numpy as np

    from xnorc.data import DataSet, Samples
    from xnorc.program import Program
    from xnorc.targets import Target


def program_folder(word: str) -> Path:
    """`zoo:NAME` as the folder of a network that comes with xnorc; any other word as a path.

    Raises:
        ProgramError: there is no such network.
    """
    scheme, colon, name = word.partition(":")
    if not (colon and scheme == "zoo"):
        return Path(word)
    from xnorc import zoo

    return zoo.folder(name)


def results_folder(program_dir: Path) -> Path:
    """Where builds and reports go: beside the program; for one that comes with xnorc, build/NAME of the working
    folder."""
    from xnorc import zoo

    return Path("build") / program_dir.name if program_dir.resolve().parent == zoo.HERE else program_dir


ProgramDir = Annotated[
    Path,
    typer.Argument(
        metavar="PROGRAM",
        parser=program_folder,
        help="Folder made by `xnorc export`, or zoo:digits, zoo:mnist, zoo:cifar10: those that come with xnorc.",
        show_default=False,
    ),
]
BoardName = Annotated[
    str, typer.Option("--board", "-b", help="A board of `xnorc boards`, or the path of a board TOML.")
]
Emulator = Annotated[
    str | None,
    typer.Option(
        "--emulator",
        "-e",
        help="host, qemu or renode (default: what has the board); with --port: one that runs already.",
        show_default=False,
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", help="Flash another way than the board file says: stm32, drive, ...", show_default=False),
]
Unprotect = Annotated[
    bool, typer.Option("--unprotect", help="Lift a read-out protection: erases [bold]all[/] of the chip.")
]
Port = Annotated[
    str | None, typer.Option("--port", "-p", help="Serial port or URL of a flashed board.", show_default=False)
]
StartTimeout = Annotated[
    float | None,
    typer.Option("--start-timeout", min=1, help="Seconds that Renode may take to start.", show_default="180"),
]
BaudRate = Annotated[int | None, typer.Option("--baud", help="Instead of the board's.", show_default=False)]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        help="An .npz with x (uint8, N,H,W,C) and y; a data set: digits, mnist:FILE, cifar10:FILE, cifar100:FILE; or a "
        "folder: of images (train/CLASS/*, test/CLASS/*), or with train.npz and test.npz.",
        show_default=False,
    ),
]
Mlperf = Annotated[
    str | None,
    typer.Option(
        "--mlperf",
        metavar="TASK",
        help="The application that MLPerf Tiny's runner drives: ic01, kws01 or vww01.",
        show_default=False,
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Use only the first N samples.")]


def numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """`0.5,0.4` as floats; None stays None.

    Raises:
        DataError: a field is no number.
    """
    if text is None:
        return None
    try:
        return tuple(float(field) for field in text.split(","))
    except ValueError as error:
        raise DataError(option, f"{text!r} is not a list of numbers", "numbers with commas between") from error


def target_of(
    emulator: str | None, port: str | None, board: str, baud: int | None = None, start: float | None = None
) -> Target:
    """Where the options put the device; without --emulator and --port, the emulator that has the board; with both, an
    emulator that runs already.

    Args:
        start: seconds that Renode may take to start; None: its own.

    Raises:
        ToolError: an unknown emulator, or the host at a port.
        BoardError: no such board, or nothing emulates it.
    """
    from xnorc.boards import load
    from xnorc.targets import emulators, kinds
    from xnorc.targets.host import Host
    from xnorc.targets.renode import Renode
    from xnorc.targets.running import Running
    from xnorc.targets.serial import Serial

    known = {name: kind for name, kind in kinds().items() if kind is not Serial}
    if emulator is not None and emulator not in known:
        raise ToolError("--emulator", f"{emulator!r} is none", ", ".join(known))
    if emulator == Host.kind:
        if port is not None:
            hint = "one says where the board is, the other that there is none"
            raise ToolError("--port", "and --emulator host were both given", hint)
        return Host()
    where = load(board)
    if port is not None and emulator is None:
        return Serial(where, port, baud)
    found = emulators(where)
    if emulator is None and not found:
        raise BoardError(where.name, "has no emulator", "give --port, or --emulator host")
    made = known[emulator or found[0]](where)
    if port is not None:
        return Running(where, made, port, baud)
    return replace(made, start=start) if start is not None and isinstance(made, Renode) else made


def held_out(name: str) -> Samples:
    """The samples that --data names: the held-out split of a data set, or all of an .npz file."""
    from xnorc.data import load_samples

    known = _data_set(name)
    return load_samples(Path(name)) if known is None else known.test


def calibration(name: str | None) -> Samples | None:
    """The samples that `export --data` names: the training split of a data set, or all of an .npz file."""
    from xnorc.data import load_samples

    if name is None:
        return None
    known = _data_set(name)
    return load_samples(Path(name)) if known is None else known.train


def _data_set(name: str) -> DataSet | None:
    """`digits`, `cifar10:FILE` with the data set's local file, or a folder; None for other names."""
    from xnorc.data import NAMED, load

    known, colon, file = name.partition(":")
    if known in NAMED:
        return load(known, Path(file) if colon else None)
    return load(name) if Path(name).is_dir() else None


def samples_for(program: Program, name: str | None, limit: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Images (and labels) for a program: --data, or `limit` random images of a fixed seed.

    Raises:
        DataError: the images do not have the shape that the program takes.
    """
    if name is None:
        import numpy as np

        shape = (limit or 10, *program.input.shape)
        return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8), None
    samples = held_out(name)
    if samples.shape != program.input.shape:
        raise DataError(name, f"images are {samples.shape}", f"{program.name} takes {program.input.shape}")
    if program.normalisation is not None:
        program.normalisation.check(samples.mean, samples.std, name)
    samples = samples.take(slice(limit))
    program.check_labels(samples.y, name)
    return samples.x, samples.y
