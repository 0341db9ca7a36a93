# SPDX-License-Identifier: Apache-2.0
"""The study's pictures: the document and the trained networks in, SVG and PNG files out, the same bytes every time.

maps.png         one layer's maps before and after each binarizer, for one test image
tiles.svg        tiles and LAB kernels
thresholds.svg   where the float networks' and the exported programs' thresholds lie
cost.svg         integer top-1 against flash and against instructions
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tests.bench.binarizers.rows import ROWS, Row
from tests.bench.binarizers.training import folder_of, is_finished
from xnorc.data import DataSet, Samples
from xnorc.errors import DataError

LAYER = 0  # of `features`: the binarizer behind the first convolution, whose maps are largest
CHANNELS = 4  # maps shown of each network: the first ones, whatever they look like
IMAGES = 500  # test images that thresholds computed from the image are taken over
SLICES = 4  # tiles or kernels shown of a row
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "xnorc",
    "svg.fonttype": "none",
    "font.size": 8,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same widths everywhere
    "axes.spines.top": False,
    "axes.spines.right": False,
}

Picture = dict[str, str]
Trained = list[tuple[Row, Path]]


def draw(document: dict[str, Any], data: DataSet, work: Path, scale: str, image: int, out: Path) -> list[Picture]:
    """Write the pictures of a scale's rows into `out`; a row's network is that of its first finished seed.

    Returns:
        what the document says of each: {file, alt, caption}.

    Raises:
        DataError: `image` is none, or no row's training lies in `work`.
    """
    if image >= len(data.test):
        raise DataError("--image", f"there is no test image {image}", f"0 to {len(data.test) - 1}")
    rows = [row for row in document["rows"] if row["scale"] == scale]
    known = {row.name: row for row in ROWS}
    trained: Trained = []
    for entry in rows:
        row = known[entry["row"]]
        seeds = [s for s in entry["seeds"] if is_finished(folder_of(work, row, scale, s), row, scale)]
        if seeds:
            trained.append((row, folder_of(work, row, scale, seeds[0])))
    if not trained:
        raise DataError(str(work), f"holds no training of a row of scale {scale}", "the --work of `row`")
    out.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        drawn = (
            _maps(trained, data.test, image, out),
            _tiles(trained, out),
            _thresholds(trained, data.test, out),
            _cost(rows, document["about"]["board"], out),
        )
    return [picture for picture in drawn if picture is not None]


def _maps(trained: Trained, test: Samples, image: int, out: Path) -> Picture:
    columns = 1 + 2 * CHANNELS
    figure = Figure(figsize=(columns * 0.62 + 1.1, len(trained) * 0.66 + 0.3))
    grid = figure.subplots(len(trained), columns, squeeze=False)
    for axes, (row, folder) in zip(grid, trained, strict=True):
        before, after = _seen(folder, test.take(slice(image, image + 1)))
        _panel(axes[0], test.x[image])
        title = row.title.replace(", ", ",\n").replace("DeSign ", "DeSign\n")
        axes[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=6)
        for channel in range(CHANNELS):
            limit = float(np.abs(before[channel]).max()) or 1.0
            _panel(axes[1 + 2 * channel], before[channel], vmin=-limit, vmax=limit, cmap="gray")
            _panel(axes[2 + 2 * channel], after[channel], vmin=-1, vmax=1, cmap="gray")
    for channel in range(CHANNELS):
        grid[0][1 + 2 * channel].set_title(f"channel {channel}", fontsize=6, pad=2)
        grid[0][2 + 2 * channel].set_title("bits", fontsize=6, pad=2)
    figure.subplots_adjust(left=0.17, right=0.995, top=1 - 0.2 / figure.get_figheight(), bottom=0.005, wspace=0.06)
    _png(figure, out / "maps.png")
    return {
        "file": "maps.png",
        "alt": "maps of the first layer before and after each binarizer",
        "caption": f"Test image {image}, behind the first convolution and batch norm: channels 0 to {CHANNELS - 1} of "
        "each trained network, before its binarizer (mid-grey is 0) and after (white +1, black -1). The networks were "
        "trained apart: equal channel numbers do not mean equal features.",
    }


def _seen(folder: Path, one: Samples) -> tuple[np.ndarray, np.ndarray]:
    """(input, output) of the binarizer of `features[LAYER]`, float (C, H, W)."""
    network = _network(folder)
    held: list[np.ndarray] = []
    binarizer = _binarizers(network.features[LAYER])[0]
    binarizer.register_forward_hook(lambda _, given, made: held.extend((given[0][0].numpy(), made[0].numpy())))
    _run(network, one)
    return held[0], held[1]


def _tiles(trained: Trained, out: Path) -> Picture | None:
    shown = []
    for row, folder in trained:
        binarizer = _binarizers(_network(folder).features[LAYER])[0]
        if hasattr(binarizer, "tile"):
            shown.append((row, binarizer.tile.detach().numpy()))
        elif hasattr(binarizer, "taps"):
            shown.append((row, binarizer.taps.detach().numpy()[:, 0]))
    if not shown:
        return None
    figure = Figure(figsize=(SLICES * 0.95 + 1.9, len(shown) * 0.95 + 0.2))
    grid = figure.subplots(len(shown), SLICES, squeeze=False)
    figure.subplots_adjust(left=0.34, right=0.99, top=0.99, bottom=0.01)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (row, values) in zip(grid, shown, strict=False):
        limit = float(np.abs(values[:SLICES]).max()) or 1.0
        line[0].text(-0.15, 0.5, row.title, transform=line[0].transAxes, ha="right", va="center", fontsize=7)
        for axes, one in zip(line, values, strict=False):
            axes.imshow(one, vmin=-limit, vmax=limit, cmap="RdBu")
            for (y, x), value in np.ndenumerate(one):
                dark = abs(value) > 0.6 * limit
                axes.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=5, color="w" if dark else "k")
    _svg(figure, out / "tiles.svg")
    return {
        "file": "tiles.svg",
        "alt": "DeSign tiles and LAB kernels of the first binarizer",
        "caption": f"Tiles of thresholds (DeSign) and kernels (LAB) of the first binarizer, at most {SLICES} of each: "
        "the slices that a fixed tile cycles through, or the first channels of what was trained. Colours are scaled "
        "row by row.",
    }


def _thresholds(trained: Trained, test: Samples, out: Path) -> Picture:
    real = [(row.title, _float_thresholds(folder, test)) for row, folder in trained]
    whole = [(row.title, _integer_thresholds(folder)) for row, folder in trained]
    figure = Figure(figsize=(7.2, 0.3 * len(trained) + 1.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    _boxes(left, real, "float: threshold on the batch-normalised map")
    _boxes(right, whole, "device: threshold on the sum / fan-in")
    right.set_yticklabels([])
    _svg(figure, out / "thresholds.svg")
    return {
        "file": "thresholds.svg",
        "alt": "distributions of thresholds in the float networks and on the device",
        "caption": "Where the thresholds lie: boxes are quartiles, whiskers the 5th and 95th percentile, over all "
        "channels and places of a tile of all binarizers on maps, one trained network a row. Left: in the float "
        f"network; ASD's and DySign's are computed from the image, and taken over {IMAGES} test images; LAB has none "
        "on this scale. Right: the constants that the exported program compares the sums of binary convolutions with, "
        "batch norm included, divided by the number of terms in a sum; empty where the program compares something "
        "else, or where there is none.",
    }


def _float_thresholds(folder: Path, test: Samples) -> np.ndarray:
    """All thresholds of a network's spatial binarizers, on the scale of their input; empty for LAB."""
    network = _network(folder)
    found: list[np.ndarray] = []
    computed = False

    def take(binarizer: Any, given: Any, made: Any) -> None:
        x = given[0]
        if binarizer.name == "asd":
            found.append(-binarizer.shift(x).numpy().ravel())
        elif binarizer.name == "dysign":
            found.append(binarizer.thresholds(x).numpy().ravel())

    for binarizer in _binarizers(network.features):
        if binarizer.name == "sign":
            found.append(np.zeros(binarizer.channels))
        elif binarizer.name == "rsign":
            found.append(binarizer.threshold.detach().numpy().ravel())
        elif binarizer.name == "design":
            found.append(binarizer.tile.detach().numpy().ravel())
        elif binarizer.name in ("asd", "dysign"):
            binarizer.register_forward_hook(take)
            computed = True
    if computed:
        for first in range(0, min(IMAGES, len(test)), 100):
            _run(network, test.take(slice(first, first + 100)))
    return np.concatenate(found) if found else np.zeros(0)


def _integer_thresholds(folder: Path) -> np.ndarray:
    """thr / fan-in of the binary convolutions of the exported program; empty where there is none."""
    from xnorc.program import load
    from xnorc.program.thresholds import ALWAYS, NEVER

    where = folder / "export" / "program"
    if not (where / "program.json").is_file():
        return np.zeros(0)
    found = []
    for node in load(where).nodes:
        thresholds = getattr(node, "thresholds", None)
        if node.op == "bconv2d" and thresholds is not None and node.name.startswith("features"):
            thr = thresholds.thr[(thresholds.thr != NEVER) & (thresholds.thr != ALWAYS)]
            found.append(thr / np.prod(node.weights.shape[1:]))
    return np.concatenate(found) if found else np.zeros(0)


def _boxes(axes: Any, named: list[tuple[str, np.ndarray]], title: str) -> None:
    for at, (_, values) in enumerate(reversed(named)):
        if values.size:
            axes.boxplot([values], positions=[at], orientation="horizontal", whis=(5, 95), showfliers=False, widths=0.6)
    axes.axvline(0, color="0.8", zorder=0)
    axes.set_yticks(range(len(named)), [name for name, _ in reversed(named)])
    axes.set_ylim(-0.6, len(named) - 0.4)
    axes.set_title(title, fontsize=8)


def _cost(rows: list[dict[str, Any]], board: str, out: Path) -> Picture | None:
    shown = [row for row in rows if row["flash"] and row["integer_top1"]]
    if not shown:
        return None
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for number, row in enumerate(shown):
        top, colour = row["integer_top1"], matplotlib.colormaps["tab20"](number % 20)
        style = {"fmt": "os^vD<>phX*P"[number % 12], "color": colour, "ms": 4, "capsize": 2, "lw": 0.8}
        style["label"] = row["title"]
        error = None if top["std"] is None else 100 * top["std"]
        for axes, x, unit in ((left, row["flash"]["image"], 1024), (right, row["instructions"], 1e6)):
            wide = None if x["std"] is None else x["std"] / unit
            axes.errorbar(x["mean"] / unit, 100 * top["mean"], error, wide, **style)
    left.set_xlabel("flash: image, KiB")
    right.set_xlabel("million instructions per inference")
    left.set_ylabel("integer top-1, %")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize=6, frameon=False)
    _svg(figure, out / "cost.svg")
    return {
        "file": "cost.svg",
        "alt": "integer top-1 against flash and against instructions",
        "caption": f"Integer top-1 at the last epoch against flash and instructions on `{board}`: means over seeds, "
        "with bars of one standard deviation, none for one seed. Rows without a program are absent.",
    }


def _network(folder: Path) -> Any:
    from xnorc.nn import checkpoint

    return checkpoint.load(folder)


def _binarizers(module: Any) -> list[Any]:
    from xnorc.nn.binarizer import Binarizer

    return [found for found in module.modules() if isinstance(found, Binarizer)]


def _run(network: Any, samples: Samples) -> None:
    import torch

    torch.set_num_threads(1)
    with torch.no_grad():
        network(torch.from_numpy(samples.floats()))


def _panel(axes: Any, values: np.ndarray, **how: Any) -> None:
    axes.imshow(values, interpolation="nearest", **how)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _svg(figure: Figure, path: Path) -> None:
    held = io.StringIO()
    figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", held.getvalue())  # a hundredth of a point
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def _png(figure: Figure, path: Path) -> None:
    """In 64 colours: maps of noise-like grey are several times smaller so."""
    from PIL import Image

    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=110, metadata={"Software": None})
    held.seek(0)
    Image.open(held).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
