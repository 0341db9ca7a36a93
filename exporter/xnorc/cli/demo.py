# SPDX-License-Identifier: Apache-2.0
"""`xnorc demo`: the whole way on scikit-learn's digits: train, export, build, boot, stream, report."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xnorc.cli.arguments import BoardName, Emulator, target_of
from xnorc.cli.output import console
from xnorc.cli.place import Group, Place
from xnorc.errors import XnorcError

PLACE = Place(Group.START, 1)

if TYPE_CHECKING:
    from xnorc.targets import Target


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything the demo makes.")] = Path(
        "build/demo"
    ),
    board: BoardName = "mps2_an386",
    emulator: Emulator = None,
    seed: Annotated[int, typer.Option(help="Of the training.")] = 0,
) -> None:
    """Train a dithered network on 8x8 digits, put it on an emulated board and read its accuracy back over the UART.

    Exit code 1 if a logit differs between integer program, host and device, or a label from PyTorch's.

    [bold]Example[/bold]: xnorc demo --board microbit
    """
    from xnorc.cli.measuring import agrees, finish, measure_live
    from xnorc.extras import need

    need("train", "xnorc demo")
    import torch

    from xnorc.data import digits
    from xnorc.exporting import export
    from xnorc.nn.train import train_digits

    samples = digits().test
    target = target_of(emulator, None, board)
    console.print(
        "[bold]1. train[/] a binary network with DeSign's dithered sign (tile 2x2) on the digits", markup=True
    )
    with _compiling_ahead(target):
        trained = train_digits(out, seed=seed)
    floats = torch.from_numpy(samples.floats())
    with torch.no_grad():
        pytorch = trained.network(floats).argmax(dim=1).numpy()
    console.print("[bold]2. export[/] it to an integer program and a C header", markup=True)
    program = export(trained.network, floats[:1], out=out / "program", name="digits")
    console.print(program.dump(), end="", soft_wrap=True)
    console.print(f"[bold]3. build, boot and stream[/] the {len(samples)} held-out samples over the UART", markup=True)
    report = measure_live(program, samples, target, out, "digits (held out)", pytorch)
    finish(report, out, as_json=False)
    if not agrees(report) or report.agreement.pytorch_labels != len(samples):
        raise typer.Exit(1)


@contextlib.contextmanager
def _compiling_ahead(target: Target) -> Iterator[None]:
    """Meanwhile, kernels are compiled for this machine and for the target: the builds to come find the objects kept.

    The shipped digits stand in for the network that is being trained: kernels do not depend on the program.
    """

    def work() -> None:
        from xnorc import zoo
        from xnorc.build import build_firmware, build_host
        from xnorc.toolchain.objects import store

        if store() is None:
            return
        program = zoo.program("digits")
        # What is wrong here, the build itself tells.
        with contextlib.suppress(XnorcError), tempfile.TemporaryDirectory() as folder:
            if target.board is not None:
                build_firmware(program, target.board, Path(folder) / "board")
            build_host(program, Path(folder) / "host")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join()
