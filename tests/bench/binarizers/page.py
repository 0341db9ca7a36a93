# SPDX-License-Identifier: Apache-2.0
"""docs/binarizers.json in, docs/binarizers.md out.

The prose is page.md.j2; here are the tables, and every sentence that depends on a figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from tests.bench.binarizers.rows import RECIPES, ROWS, SEEDS

Entry = dict[str, Any]
COMMAND = "python -m tests.bench.binarizers"
PAIRS = (  # (row, control, what the difference is)
    *((row.name, "sign", "the binarizer as a whole") for row in ROWS if row.name != "sign"),
    ("design-2x2v1", "design-zeromean", "the tile's offset, the pattern being the same"),
    ("design-2x2v1", "design-uniform", "the tile's pattern, the offset being the same"),
    ("design-learned", "design-zeromean", "training the tile, one a channel, from this start"),
    ("design-learned", "rsign", "a threshold per place beyond one per channel, both trained"),
    ("dysign", "rsign", "thresholds from the image beyond trained ones"),
    ("lab-centre", "lab", "LAB's start"),
)


def render(document: dict[str, Any]) -> str:
    """The page as Markdown."""
    here = jinja2.FileSystemLoader(Path(__file__).parent)
    strict = jinja2.StrictUndefined
    environment = jinja2.Environment(loader=here, trim_blocks=True, lstrip_blocks=True, undefined=strict)
    scales = [scale for scale in RECIPES if any(row["scale"] == scale for row in document["rows"])]
    text = environment.get_template("page.md.j2").render(
        about=document["about"],
        command=COMMAND,
        full=RECIPES["full"],
        full_was_run="full" in scales,
        pictures=document["pictures"],
        rows=[row.name for row in ROWS],
        scales=[_scale(document, scale) for scale in scales],
        seeds=", ".join(map(str, SEEDS[:-1])) + f" and {SEEDS[-1]}",
        thousands="{:,}".format,
    )
    return text + "\n"


def _scale(document: dict[str, Any], scale: str) -> dict[str, str]:
    rows = [row for row in document["rows"] if row["scale"] == scale]
    about, recipe = document["about"], document["about"]["recipes"][scale]
    weights = rows[0]["network"]["binary_weights"]
    return {
        "scale": scale,
        "recipe": recipe["name"],
        "network": ", ".join(f"{key} {value}" for key, value in recipe["network"].items()),
        "weights": f"{weights / 8192:.1f} KiB",
        "stages": "; then ".join(map(_stage, recipe["stages"])),
        "accuracy": _accuracy(rows),
        "missing": _missing(rows),
        "controls": _controls(rows),
        "cost": _cost(rows, about["small_board"]),
        "refused": _refused(rows),
        "threshold": _threshold(rows),
        "agreement": _agreement(rows),
        "compared": " or ".join(sorted({str(n) for row in rows for n in _compared(row)})),
        "hours": f"{sum(sum(row['train_seconds']) for row in rows) / 3600:.1f}",
        "times": _times(rows),
        "measured": _measured([run["measured"] for row in rows for run in row["runs"]]),
    }


def _stage(stage: dict[str, Any]) -> str:
    words = f"{stage['epochs']} epochs of batches of {stage['batch']}, {stage['optimiser']}, "
    words += f"peak learning rate {stage['lr']:g}, {stage['schedule']} schedule"
    words += ", mirrored at random" if stage["flip"] else ""
    return words + (f", crops after {stage['crop']} pixels of padding" if stage["crop"] else "")


def _accuracy(rows: list[Entry]) -> str:
    lines = []
    for row in rows:
        top, integer = row["float_top1"], row["integer_top1"]
        lines.append(
            [
                row["title"],
                row["asks"],
                ", ".join(map(str, row["seeds"])),
                _percent(top["mean"], top["std"]),
                " / ".join(f"{100 * share:.2f}" for share in top["last"]),
                _percent(top["best_mean"], top["best_std"]),
                _percent(integer["mean"], integer["std"]) if integer else "-",
            ]
        )
    heads = ("binarizer", "asks", "seeds", "float, last, %", "each seed", "float, best epoch, %", "integer, last, %")
    return _table(heads, lines, "llrrrrr")


def _missing(rows: list[Entry]) -> str:
    few = [f"{row['title']} ({len(row['seeds'])})" for row in rows if len(row["seeds"]) < len(SEEDS)]
    absent = [row.title for row in ROWS if row.name not in {found["row"] for found in rows}]
    words = [f"Rows with fewer than {len(SEEDS)} seeds so far: {'; '.join(few)}."] if few else []
    words += [f"Rows not measured so far: {'; '.join(absent)}."] if absent else []
    return " ".join(words)


def difference(row: Entry, control: Entry) -> tuple[float, float | None, str]:
    """(points, spread, what may be said) of two rows' float top-1, in percentage points.

    Points: difference of the means of the last epoch.  Spread: root of the sum of both variances over seeds; None where
    a row has one seed.
    """
    a, b = row["float_top1"], control["float_top1"]
    points = 100 * (a["mean"] - b["mean"])
    if a["std"] is None or b["std"] is None:
        return points, None, "nothing: a single seed"
    spread = 100 * math.hypot(a["std"], b["std"])
    if min(len(a["last"]), len(b["last"])) < len(SEEDS):
        return points, spread, f"nothing: fewer than {len(SEEDS)} seeds"
    return points, spread, "above the spread" if abs(points) > spread else "below the spread"


def _controls(rows: list[Entry]) -> str:
    known = {row["row"]: row for row in rows}
    lines = []
    for name, control, what in PAIRS:
        if name in known and control in known:
            points, spread, says = difference(known[name], known[control])
            titles = [known[name]["title"], known[control]["title"]]
            lines.append([*titles, what, f"{points:+.2f}", "-" if spread is None else f"{spread:.2f}", says])
    heads = ("row", "minus", "the difference is", "points", "spread", "what it says")
    return _table(heads, lines, "lllrrl") if lines else ""


def _cost(rows: list[Entry], small: str) -> str:
    lines = []
    for row in rows:
        cells, other = [row["title"], *["-"] * 8], row["other_boards"][small]
        if row["flash"]:
            flash, ram, count = row["flash"], row["ram"], row["instructions"]
            means = (flash["model"], flash["image"], ram["arena"], ram["total"], count)
            cells[1:7] = [*map(_mean, means), f"{count['max'] - count['min']:,}"]
        if other and "instructions" in other:
            cells[7:] = [_mean(other["ram"]["total"]), _mean(other["instructions"])]
        elif other:
            cells[7:] = ["does not fit", "-"]
        lines.append(cells)
    heads = ("binarizer", "flash: model, B", "flash: image, B", "RAM: arena, B", "RAM: all, B", "instructions")
    return _table((*heads, "max - min", f"{small}: RAM, B", f"{small}: instructions"), lines, "lrrrrrrrr")


def _refused(rows: list[Entry]) -> str:
    lines = []
    for row in rows:
        lines += [f"- {row['title']}: `{why}`" for why in sorted({run["refused"] or "" for run in row["runs"]}) if why]
        for board, found in row["other_boards"].items():
            if found and not found["fits"]:
                lines.append(f"- {row['title']} on {board}: `{found.get('why', 'not every seed fits')}`")
    return "\n".join(lines)


def _threshold(rows: list[Entry]) -> str:
    lines = []
    for row in rows:
        cells = [row["title"], f"{row['network']['binarizer_parameters']:,}", *["-"] * 5]
        if row["threshold"]:
            cost = row["threshold"]
            over = [f"{cost[key]:+,.0f}" for key in ("model_flash", "image_flash", "ram", "instructions")]
            cells[2:] = [_mean(row["flash"]["constants_besides_weights"]), *over]
        lines.append(cells)
    heads = ("binarizer", "parameters", "tables, B", "over sign: model, B", "image, B", "RAM, B", "instructions")
    return _table(heads, lines, "lrrrrrr")


def _agreement(rows: list[Entry]) -> str:
    lines = []
    for row in rows:
        if found := row["agreement"]:
            equal = sum(run["integer"]["logits_equal_to_numpy"] for run in row["runs"] if run["integer"])
            images = found["images"]
            labels = f"{images - found['same_labels']:,} of {images:,}"
            bits = f"{found['differing_bits']:,} of {found['bits']:,}"
            exact = found["exact_sums"]
            left = [f"{images - exact['same_labels']:,}", f"{exact['differing_bits']:,}"] if exact else ["-", "-"]
            lines.append([row["title"], labels, bits, *left, f"{equal:,} of {equal:,}"])
    heads = (
        "binarizer",
        "labels other than PyTorch's",
        "bits other than PyTorch's",
        "labels, its sums exact",
        "bits, its sums exact",
        "logits of C that are numpy's, images",
    )
    return _table(heads, lines, "lrrrrr") if lines else ""


def _compared(row: Entry) -> set[int]:
    return {run["integer"]["compared_images"] for run in row["runs"] if run["integer"]}


def _times(rows: list[Entry]) -> str:
    lines = []
    for row in rows:
        for run in row["runs"]:
            train, machine = run["train"], run["train"]["machine"]
            where = f"{machine['gpu'] or machine['cpu']}, {machine['cores']} cores" if machine else "not recorded"
            how = f"{train['precision']}{', compiled' if train['compiled'] else ''}, threads {train['threads']}"
            cells = [f"{train['seconds'] / 60:.1f}", str(train["epochs"]), how, f"torch {train['torch']}", where]
            lines.append([row["title"], str(run["seed"]), *cells])
    return _table(("binarizer", "seed", "minutes", "epochs", "how", "with", "machine"), lines, "lrrrlll")


def _measured(found: list[dict[str, Any]]) -> str:
    """Tools and machines, each once, with the commits that were measured on them."""
    commits: dict[str, set[str]] = {}
    for one in found:
        machine, qemu = one["machine"], one["qemu"].partition(" (")[0].removeprefix("QEMU emulator version ")
        tools = f"xnorc {one['xnorc']}, gcc {one['gcc'] or '-'}, QEMU {qemu or '-'}, torch {machine['torch']}"
        commits.setdefault(f"{tools}, {machine['cpu']}, {machine['cores']} cores", set()).add(one["commit"] or "-")
    return "; ".join(f"{tools}, at {', '.join(sorted(at))}" for tools, at in sorted(commits.items()))


def _table(heads: Sequence[str], lines: list[list[str]], align: str) -> str:
    rule = ["---:" if side == "r" else "---" for side in align]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in ([*heads], rule, *lines))


def _percent(mean: float, std: float | None) -> str:
    return f"{100 * mean:.2f}" + ("" if std is None else f" ± {100 * std:.2f}")


def _mean(found: dict[str, float]) -> str:
    return f"{found['mean']:,.0f}"
