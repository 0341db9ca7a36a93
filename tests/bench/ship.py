# SPDX-License-Identifier: Apache-2.0
"""Put a trained network into the zoo: `python -m tests.bench.ship build/cifar10 cifar10`.

In: a folder that `xnorc train` made.  Out: exporter/xnorc/zoo/NAME with the checkpoint, its recipe and run, and the
program exported from that very checkpoint.  The latent weights of binary layers are kept in half precision: inference
takes nothing but their signs (checked here), and a training that goes on does not need more.  Networks with streams
take 256 images of the training split as calibration, so --data is needed for them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from xnorc import zoo
from xnorc.cli.arguments import calibration
from xnorc.errors import DataError
from xnorc.exporting import export
from xnorc.nn import checkpoint
from xnorc.nn.layers import BinaryConv2d, BinaryLinear
from xnorc.program import save


def main(
    trained: Annotated[Path, typer.Argument(help="Folder made by `xnorc train`.")],
    name: Annotated[str, typer.Argument(help="Name in the zoo.")],
    data: Annotated[str | None, typer.Option("--data", "-d", help="Calibration: cifar10:FILE and the like.")] = None,
) -> None:
    """Copy, export, check; what lay in the zoo under this name is replaced."""
    network, run = checkpoint.load(trained), checkpoint.read_run(trained)
    state = network.state_dict()
    for path, module in network.named_modules():
        if isinstance(module, BinaryConv2d | BinaryLinear):
            half = state[f"{path}.weight"].half()
            if bool(((half >= 0) != (state[f"{path}.weight"] >= 0)).any()):
                raise DataError(path, "a weight changes its sign in half precision", "keep it in full")
            state[f"{path}.weight"] = half
    out = zoo.HERE / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    torch.save(state, out / "model.pt")
    for kept in ("recipe.toml", "log.jsonl"):
        shutil.copy(trained / kept, out / kept)
    (out / "run.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    h, w, c = run["shape"]
    images = calibration(data)
    picks = None if images is None else images.take(np.random.default_rng(0).permutation(len(images))[:256]).x
    example = torch.zeros(1, c, h, w)
    program = export(checkpoint.load(out), example, calibration=picks, mean=run["mean"], std=run["std"], name=name)
    save(program, out)
    total = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {len(program.nodes)} nodes, {total / 2**20:.1f} MiB in all")


if __name__ == "__main__":
    typer.run(main)
