# SPDX-License-Identifier: Apache-2.0
"""Seconds and peak memory of exporting a ResNet-18-shaped binary network of CIFAR size (tests/gallery/big_resnet18.py).

Run as `python -m tests.bench.export_resnet18`.  The bars are 60 s and 4 GB on two cores.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from tests import gallery
from tests.gallery.data import digits
from xnorc.exporting import export


def main() -> None:
    """Export once and print one line."""
    module = gallery.load("big_resnet18")
    net = gallery.build(module)
    train = digits(module.INPUT)[0][:32]
    example = gallery.to_float(module, train[:1])
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        program = export(
            net, example, out=Path(folder) / "out", calibration=train, mean=module.MEAN, std=module.STD, tie=module.TIE
        )
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    macs = sum(node.macs(*(program.tensors[name] for name in node.inputs)) for node in program.nodes)
    print(
        f"{len(program.nodes)} nodes, {macs / 1e6:.0f} M MACs: exported in {seconds:.1f} s, peak memory {peak:.2f} GB"
    )


if __name__ == "__main__":
    main()
