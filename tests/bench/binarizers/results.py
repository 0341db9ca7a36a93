# SPDX-License-Identifier: Apache-2.0
"""docs/binarizers.json: records of single trainings in, the document with its summaries out; other rows stay.

A row of the document is one (row of rows.py, scale).  `runs` holds what was measured, one record a seed; every other
figure of a row is computed from them here, and nowhere else.
"""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path
from typing import Any

from tests.bench.binarizers.measuring import BOARDS
from tests.bench.binarizers.rows import ROWS, SEEDS, Row
from xnorc.errors import DataError

SCHEMA = 1
BASE = "sign"  # the row that costs are measured against

Document = dict[str, Any]


def empty() -> Document:
    """A document without rows."""
    return {"about": {"schema": SCHEMA}, "rows": [], "pictures": []}


def load(path: Path) -> Document:
    """The document in a file, or an empty one where there is no file.

    Raises:
        DataError: not such a document.
    """
    if not path.is_file():
        return empty()
    try:
        document: Document = json.loads(path.read_text(encoding="utf-8"))
        known = document["about"]["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(str(path), f"not a document of this study: {error!r}") from None
    if known != SCHEMA:
        raise DataError(str(path), f"has schema {known}, this program writes {SCHEMA}")
    return document


def store(document: Document, path: Path) -> None:
    """Write the document, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(staged, path)


def merge(
    document: Document, row: Row, scale: str, network: dict[str, Any], runs: dict[int, dict[str, Any]]
) -> Document:
    """The document with the records `runs` (seed -> record of `measure_seed`) put into their row.

    Seeds that are not among `runs` keep their record, other rows keep theirs; summaries are computed anew.

    Args:
        network: the whole [network] table and what else describes the row's network.
    """
    rows = {(entry["row"], entry["scale"]): entry for entry in document["rows"]}
    before = {run["seed"]: run for run in rows.get((row.name, scale), {}).get("runs", [])}
    kept = before | {seed: {"seed": seed, **record} for seed, record in runs.items()}
    rows[row.name, scale] = _entry(row, scale, network, [kept[seed] for seed in sorted(kept)])
    order = {known.name: i for i, known in enumerate(ROWS)}
    found = sorted(rows.values(), key=lambda e: (e["scale"] != "small", order.get(e["row"], len(order))))
    return {**document, "rows": against_base(found)}


def summary(values: list[float], digits: int = 6) -> dict[str, float | None]:
    """{mean, std}: std is the sample's (n - 1), None below two values; mean is None without any."""
    mean = round(statistics.fmean(values), digits) if values else None
    return {"mean": mean, "std": round(statistics.stdev(values), digits) if len(values) > 1 else None}


def _entry(row: Row, scale: str, network: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    exported = [run for run in runs if run["integer"] is not None]
    top1 = [run["integer"]["top1"] for run in exported]
    images = sum(run["integer"]["images"] for run in exported)
    last = [run["float_top1"]["last"] for run in runs]
    best = [run["float_top1"]["best_epoch"] for run in runs]
    main = _board(exported, BOARDS[0]) or {}
    return {
        "row": row.name,
        "binarizer": row.network["binarizer"],
        "title": row.title,
        "asks": row.asks,
        "scale": scale,
        "network": network,
        "seeds": [run["seed"] for run in runs],
        "seeds_asked": list(SEEDS),
        "status": _status(runs),
        "float_top1": {
            "last": last,
            "best_epoch": best,
            **summary(last),
            "best_mean": summary(best)["mean"],
            "best_std": summary(best)["std"],
        },
        "integer_top1": {"seeds": [run["seed"] for run in exported], "last": top1, **summary(top1)} if top1 else None,
        "agreement": {
            "images": images,
            "same_labels": sum(run["integer"]["same_labels"] for run in exported),
            "bits": sum(run["integer"]["bits"] for run in exported),
            "differing_bits": sum(run["integer"]["differing_bits"] for run in exported),
            "exact_sums": _exact_sums(exported),
            "compared_images": sum(run["integer"]["compared_images"] for run in exported),
        }
        if exported
        else None,
        **{what: main.get(what) for what in ("flash", "ram", "instructions")},
        "other_boards": {name: _board(exported, name) for name in BOARDS[1:]},
        "train_seconds": [run["train"]["seconds"] for run in runs],
        "runs": runs,
    }


def _exact_sums(exported: list[dict[str, Any]]) -> dict[str, int] | None:
    """The same counts where PyTorch's own sums are exact; None for networks that are rounded by design."""
    found = [run["integer"].get("exact_sums") for run in exported]
    if not all(found):
        return None
    return {key: sum(one[key] for one in found) for key in ("same_labels", "differing_bits")}


def _status(runs: list[dict[str, Any]]) -> str:
    missing = len(set(SEEDS) - {run["seed"] for run in runs})
    words = [f"{len(runs)} of {len(SEEDS)} seeds trained"] if missing else []
    words += sorted({f"export refused: {run['refused']}" for run in runs if run["refused"]})
    return "; ".join(words) or "complete"


def _board(exported: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """A board's figures over the seeds: {flash, ram, instructions}, each part with mean and std; {fits: False, why}
    where it does not fit; None where nothing was measured."""
    found = [run["boards"][name] for run in exported if name in run["boards"]]
    fitting = [entry for entry in found if entry["fits"]]
    if not fitting:
        return {"fits": False, "why": found[0]["why"]} if found else None
    counts = [entry["instructions"]["mean"] for entry in fitting]
    parts = {"flash": ("model", "image", "constants_besides_weights"), "ram": ("arena", "total")}
    return {
        "fits": len(fitting) == len(found),
        "seeds": len(fitting),
        "core": fitting[0]["core"],
        **{
            what: {part: {**summary([entry[what][part] for entry in fitting], 1)} for part in names}
            for what, names in parts.items()
        },
        "instructions": {
            **summary(counts, 1),
            "min": min(entry["instructions"]["min"] for entry in fitting),
            "max": max(entry["instructions"]["max"] for entry in fitting),
        },
    }


def against_base(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `threshold`: what the binarizer costs beyond the row `sign` of the same scale, means over seeds
    (negative: less); None where either has no program."""
    bases = {row["scale"]: row["flash"] and row for row in rows if row["row"] == BASE}

    def cost(row: dict[str, Any]) -> dict[str, float] | None:
        base = bases.get(row["scale"])
        if not base or not row["flash"]:
            return None

        def over(*path: str) -> float:
            ours, theirs = row, base
            for key in path:
                ours, theirs = ours[key], theirs[key]
            return round(ours["mean"] - theirs["mean"], 1)

        return {
            "constants": over("flash", "constants_besides_weights"),
            "model_flash": over("flash", "model"),
            "image_flash": over("flash", "image"),
            "ram": over("ram", "total"),
            "instructions": over("instructions"),
        }

    return [{**row, "threshold": cost(row)} for row in rows]
