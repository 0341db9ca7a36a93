# SPDX-License-Identifier: Apache-2.0
"""Which calibration measures better: top-1 of the gallery's stream networks by percentile.

Run as `python -m tests.bench.calibration [name ...]`.  Percentile 100 is the simple maximum.  Weights are scaled by
the maximum of their output channel, which is what a symmetric per-channel min-max observer does.
"""

from __future__ import annotations

import sys
import warnings

import torch

from tests import gallery
from tests.gallery.data import digits
from xnorc.exporting import lower_module

PERCENTILES = (100.0, 99.99, 99.9, 99.0)


def main(names: list[str]) -> None:
    """Print one line a network."""
    warnings.simplefilter("ignore")
    streams = [name for name in gallery.names() if "STREAM = True" in gallery.path_of(name).read_text()]
    print(f"{'network':28}{'float':>8}" + "".join(f"{p:>9g}" for p in PERCENTILES))
    for name in names or streams:
        module = gallery.load(name)
        train, _, x, y = digits(module.INPUT)
        net, example = gallery.build(module), gallery.to_float(module, x[:1])
        parts = [gallery.eager(net, gallery.to_float(module, x[i : i + 100])) for i in range(0, len(x), 100)]
        row = [float((torch.cat(parts).argmax(1).numpy() == y).mean())]
        for percentile in PERCENTILES:
            options = {"mean": module.MEAN, "std": module.STD, "tie": module.TIE, "percentile": percentile}
            network = gallery.build(module)
            program = lower_module(network, example, name=name, calibration=train[:300], **options).program
            row.append(float((program.predict(x) == y).mean()))
        print(f"{name:28}" + "".join(f"{100 * share:8.2f} " for share in row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
