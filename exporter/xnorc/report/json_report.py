# SPDX-License-Identifier: Apache-2.0
"""`report.json`: a `Report` for machines.  The schema is numbered; fields are added, never renamed, within a number."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from xnorc.report.results import Report
from xnorc.targets import Target
from xnorc.writing import write_file

SCHEMA = 1


def document(report: Report) -> dict[str, Any]:
    """The report as JSON-able data: shares are 0 to 1, sizes are bytes, what was not measured is null."""
    found = report.classification
    memories = {
        memory.name.lower(): {
            "used": memory.used,
            "total": memory.total or None,
            "parts": [asdict(part) for part in memory.parts],
        }
        for memory in report.memories
    }
    arena = {"bytes": report.arena_bytes, "spans": [asdict(span) for span in report.arena]}
    return {
        "schema": {"name": "xnorc.report", "version": SCHEMA},
        "model": {"name": report.model, "digest": report.digest, "notes": list(report.notes)},
        "target": _target(report.target),
        "data": asdict(report.data),
        "accuracy": asdict(report.accuracy),
        "agreement": asdict(report.agreement),
        "classes": [
            {"label": label, "name": report.data.class_name(label), "precision": _number(p), "recall": _number(r)}
            for label, (p, r) in enumerate(zip(found.precision, found.recall, strict=True))
        ],
        "confusion": found.confusion.tolist(),
        "inference": {
            "unit": report.target.unit,
            "mean": report.count,
            "least": report.spread[0] if report.spread else None,
            "greatest": report.spread[1] if report.spread else None,
        },
        "latency": None if report.latency is None else report.latency.document(),
        "stack": None if report.stack is None else asdict(report.stack),
        "image_proved": report.image_proved,
        "predictions": {"labels": list(report.predictions[0]), "truths": list(report.predictions[1])},
        "layers": [asdict(layer) for layer in report.layers],
        "memory": {"arena": arena, **memories},
        "clipped": [asdict(each) for each in report.clipped],
        "wrong": [{"index": w.index, "truth": w.truth, "label": w.label} for w in report.wrong],
        "versions": dict(sorted(report.versions.items())),
    }


def write_json(report: Report, path: Path) -> None:
    """Write `document(report)`."""
    write_file(path, json.dumps(document(report), indent=2, allow_nan=False) + "\n")


def _target(target: Target) -> dict[str, str]:
    board = "" if target.board is None else target.board.name
    return {
        "kind": target.kind,
        "board": board,
        "title": target.title if board else "",
        "core": target.core,
        "unit": target.unit,
    }


def _number(share: np.floating[Any]) -> float | None:
    return None if math.isnan(share) else float(share)
