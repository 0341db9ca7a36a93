# SPDX-License-Identifier: Apache-2.0
"""The study of the binarizers: its rows are what they say, its sums are right, its page is that of its data."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.bench.binarizers import measuring, page, results, training
from tests.bench.binarizers.rows import RECIPES, ROWS, SEEDS, Row, row
from xnorc.data import JPEG_NOTE, DataSet, digits
from xnorc.errors import DataError, XnorcError
from xnorc.nn import checkpoint
from xnorc.nn.recipe import Recipe, Stage, load_recipe
from xnorc.nn.train import train

ROOT = Path(__file__).resolve().parents[2]
NAMES = [known.name for known in ROWS]


def record(last: float, integer: float | None, flash: int = 1000, instructions: int = 7000) -> dict[str, Any]:
    """What `measure_seed` returns, with these figures."""
    board = {
        "fits": True,
        "core": "cortex-m4",
        "flash": {"model": flash, "image": flash + 100, "constants_besides_weights": 10},
        "ram": {"arena": 50, "total": 60},
        "instructions": {"mean": instructions, "min": instructions - 1, "max": instructions + 2},
    }
    machine = {"cpu": "a processor", "cores": 2, "gpu": None, "torch": "2"}
    exported: dict[str, Any] = {
        "top1": integer,
        "images": 100,
        "same_labels": 99,
        "bits": 1000,
        "differing_bits": 1,
        "exact_sums": {"same_labels": 100, "differing_bits": 0},
        "compared_images": 20,
        "logits_equal_to_numpy": 50,
        "notes": [],
    }
    return {
        "train": {
            "seconds": 60.0,
            "epochs": 2,
            "machine": machine,
            "torch": "2",
            "threads": 1,
            "precision": "32-true",
            "compiled": False,
        },
        "float_top1": {"last": last, "best_epoch": last + 0.01, "best_at": 1},
        "integer": None if integer is None else exported,
        "boards": {} if integer is None else dict.fromkeys(measuring.BOARDS, board),
        "refused": "f.py:1: no integer form" if integer is None else None,
        "measured": {"xnorc": "0", "commit": "abc", "gcc": "12", "qemu": "", "machine": machine},
    }


def merged(document: results.Document, name: str, runs: dict[int, dict[str, Any]]) -> results.Document:
    recipe = load_recipe(RECIPES["small"])
    network = {**recipe.network, **row(name).network, "binary_weights": 8192, "binarizer_parameters": 3}
    about = {
        **document["about"],
        "note": JPEG_NOTE,
        "test_images": 100,
        "counted_images": 8,
        "board": measuring.BOARDS[0],
        "small_board": measuring.BOARDS[1],
        "recipes": {"small": json.loads(json.dumps(asdict(recipe)))},
    }
    return results.merge({**document, "about": about}, row(name), "small", network, runs)


def entry(document: results.Document, name: str) -> dict[str, Any]:
    return next(found for found in document["rows"] if found["row"] == name)


def test_the_committed_page_is_that_of_the_committed_data() -> None:
    document = results.load(ROOT / "docs" / "binarizers.json")
    assert (ROOT / "docs" / "binarizers.md").read_text(encoding="utf-8") == page.render(document)
    for picture in document["pictures"]:
        assert (ROOT / "docs" / "binarizers" / picture["file"]).is_file()


def test_the_committed_figures_follow_from_the_committed_runs() -> None:
    document = results.load(ROOT / "docs" / "binarizers.json")
    again = {**document, "rows": []}
    for found in document["rows"]:
        runs = {run["seed"]: run for run in found["runs"]}
        again = results.merge(again, row(found["row"]), found["scale"], found["network"], runs)
    assert again == document


def test_committed_files_say_what_the_images_are_and_name_no_folder_of_a_machine() -> None:
    text = (ROOT / "docs" / "binarizers.md").read_text(encoding="utf-8")
    assert JPEG_NOTE in text
    for committed in (text, (ROOT / "docs" / "binarizers.json").read_text(encoding="utf-8")):
        assert not re.search(r"(?<![\w.])/(?:home|root|work|usr|tmp)/", committed)


@pytest.mark.parametrize("known", ROWS, ids=NAMES)
def test_a_row_makes_its_network_and_changes_nothing_but_the_binarizer(known: Row) -> None:
    common = load_recipe(RECIPES["small"]).network
    assert not set(known.network) & set(common), "a row overrides the common recipe"
    network = checkpoint.build_network({**common, **known.network, "width": 0.0625}, 10, (32, 32, 3)).eval()
    kinds = {m.name for m in network.features.modules() if hasattr(m, "at_zero")}
    assert kinds == {known.network["binarizer"]}
    assert network(torch.rand(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("scale", RECIPES)
def test_a_scale_is_a_recipe_on_cifar10_with_one_surrogate_for_all(scale: str) -> None:
    recipe = load_recipe(RECIPES[scale])
    assert recipe.data == "cifar10"
    assert recipe.network["surrogate"]


def test_row_names_are_unique_and_the_controls_are_of_the_row_they_control() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {name for a, b, _ in page.PAIRS for name in (a, b)} <= set(NAMES)
    tile = row("design-2x2v1").network["tile"]
    assert row("design-zeromean").network["tile"] == f"{tile}-zeromean"
    assert row("design-uniform").network["tile"] == f"{tile}-uniform"
    with pytest.raises(KeyError):
        row("none")


def test_mean_and_deviation_are_those_of_a_sample() -> None:
    assert results.summary([0.5, 0.7, 0.9]) == {"mean": 0.7, "std": 0.2}
    assert results.summary([0.5]) == {"mean": 0.5, "std": None}
    assert results.summary([]) == {"mean": None, "std": None}


def test_a_merged_row_keeps_the_others_and_its_own_other_seeds() -> None:
    document = merged(results.empty(), "sign", {0: record(0.5, 0.4), 1: record(0.7, 0.6)})
    before = copy.deepcopy(document)
    document = merged(document, "rsign", {2: record(0.9, None)})
    assert entry(document, "sign") == entry(before, "sign")
    document = merged(document, "sign", {1: record(0.8, 0.5)})
    sign = entry(document, "sign")
    assert sign["seeds"] == [0, 1]
    assert sign["float_top1"]["last"] == [0.5, 0.8]
    assert sign["float_top1"]["best_epoch"] == [0.51, 0.81]
    assert sign["integer_top1"] == {"seeds": [0, 1], "last": [0.4, 0.5], "mean": 0.45, "std": 0.070711}
    assert sign["status"] == "2 of 3 seeds trained"
    assert [found["row"] for found in document["rows"]] == ["sign", "rsign"]


def test_a_refused_export_keeps_the_float_figures_and_the_reason_until_it_is_exported() -> None:
    document = merged(results.empty(), "asd", {seed: record(0.5, None) for seed in SEEDS})
    asd = entry(document, "asd")
    assert asd["status"] == "export refused: f.py:1: no integer form"
    assert asd["float_top1"]["mean"] == 0.5
    assert [asd[key] for key in ("integer_top1", "flash", "ram", "instructions", "threshold")] == [None] * 5
    assert "`f.py:1: no integer form`" in page.render(document)
    document = merged(document, "asd", {seed: record(0.5, 0.5) for seed in SEEDS})
    assert entry(document, "asd")["status"] == "complete"


def test_a_board_that_is_too_small_is_told_and_costs_are_those_of_the_others() -> None:
    tight = record(0.5, 0.5)
    tight["boards"] = {**tight["boards"], measuring.BOARDS[1]: {"fits": False, "why": "features.0: 9 bytes too many"}}
    document = merged(results.empty(), "lab", {0: tight})
    assert entry(document, "lab")["flash"]["model"]["mean"] == 1000
    assert "`features.0: 9 bytes too many`" in page.render(document)


def test_the_cost_of_a_binarizer_is_counted_from_sign_whichever_row_comes_first() -> None:
    runs = {seed: record(0.5, 0.5, flash=1300, instructions=7700) for seed in (0, 1)}
    document = merged(results.empty(), "dysign", runs)
    assert entry(document, "dysign")["threshold"] is None
    document = merged(document, "sign", {0: record(0.5, 0.5)})
    assert entry(document, "dysign")["threshold"] == {
        "constants": 0,
        "model_flash": 300,
        "image_flash": 300,
        "ram": 0,
        "instructions": 700,
    }


def test_a_difference_is_said_to_be_above_the_spread_only_where_it_is() -> None:
    def top(mean: float, std: float | None, seeds: int = len(SEEDS)) -> dict[str, Any]:
        return {"float_top1": {"mean": mean, "std": std, "last": [mean] * seeds}}

    points, spread, says = page.difference(top(0.70, 0.003), top(0.69, 0.004))
    assert (round(points, 6), round(spread or 0, 6), says) == (1.0, 0.5, "above the spread")
    assert page.difference(top(0.690, 0.003), top(0.694, 0.004))[2] == "below the spread"
    assert page.difference(top(0.9, None, 1), top(0.1, 0.01))[1:] == (None, "nothing: a single seed")
    assert page.difference(top(0.9, 0.01, 2), top(0.1, 0.01))[2] == "nothing: fewer than 3 seeds"


def test_a_row_with_fewer_seeds_and_a_row_without_any_are_named_on_the_page() -> None:
    text = page.render(merged(results.empty(), "sign", {0: record(0.5, 0.4)}))
    assert "Rows with fewer than 3 seeds so far: sign (1)." in text
    assert "Rows not measured so far: RSign; " in text
    assert all(f"row {name} " in text for name in NAMES)


def test_seconds_are_added_up_over_interruptions_and_phases() -> None:
    log = [("stage 1", 10.0), ("stage 1", 20.0), ("stage 1", 7.0), ("stage 1", 15.0), ("stage 2", 16.0)]
    assert training.seconds_of([{"phase": phase, "seconds": seconds} for phase, seconds in log]) == 20 + 15 + 16


def test_messages_lose_their_folders_and_nothing_else() -> None:
    assert measuring.without_folders("add at /home/me/net.py:12, 1/2 of x") == "add at net.py:12, 1/2 of x"


@pytest.fixture(scope="module")
def few() -> DataSet:
    """120 digits to train on and 40 held out."""
    everything = digits()
    return replace(everything, train=everything.train.take(slice(120)), test=everything.test.take(slice(40)))


def test_a_training_is_measured_in_floats_and_in_integers(
    few: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Callable[..., None]
) -> None:
    need("gcc")
    stages = (Stage(epochs=2, batch=40, lr=5e-3),)
    recipe = Recipe(name="tiny", network={"name": "digits", "width": 0.25, "binarizer": "rsign"}, stages=stages)
    trained = train(recipe, few, tmp_path / "0", seed=0, progress=False)
    monkeypatch.setattr(measuring, "BOARDS", ())
    steps: list[str] = []
    found = measuring.measure_seed(tmp_path / "0", few, lambda what, done, of: steps.append(what))
    with torch.no_grad():
        labels = trained.network(torch.from_numpy(few.test.floats())).argmax(1).numpy()
    log = checkpoint.read_log(tmp_path / "0")
    assert found["float_top1"]["last"] == round(float((labels == few.test.y).mean()), 6) == round(trained.accuracy, 6)
    assert found["float_top1"]["best_epoch"] == round(max(line["accuracy"] for line in log), 6)
    assert found["train"]["seconds"] == round(log[-1]["seconds"], 1)
    assert found["refused"] is None
    assert found["integer"]["differing_bits"] == 0
    assert found["integer"]["exact_sums"] == {"same_labels": len(few.test), "differing_bits": 0}
    assert found["integer"]["same_labels"] == found["integer"]["logits_equal_to_numpy"] == len(few.test)
    assert found["integer"]["top1"] == found["float_top1"]["last"]
    assert {"float", "export", "host C"} <= set(steps)


def test_calibration_images_are_training_images_and_the_same_ones_every_time(few: DataSet) -> None:
    first, second = measuring.calibration(few.train), measuring.calibration(few.train)
    assert np.array_equal(first, second)
    held = {image.tobytes() for image in few.train.x}
    assert all(image.tobytes() in held for image in first)


def test_a_folder_with_another_training_is_not_taken_for_the_row(few: DataSet, tmp_path: Path) -> None:
    folder = training.folder_of(tmp_path, row("sign"), "small", 0)
    assert folder == tmp_path / "sign" / "0"
    assert training.folder_of(tmp_path, row("sign"), "full", 0) == tmp_path / "full" / "sign" / "0"
    assert not training.is_finished(folder, row("sign"), "small")
    recipe = Recipe(name="tiny", network={"name": "digits", "width": 0.25}, stages=(Stage(epochs=1, batch=60),))
    train(recipe, few, folder, progress=False)
    with pytest.raises(DataError, match="another recipe than sign asks for"):
        training.is_finished(folder, row("sign"), "small")


def test_a_folder_in_which_another_process_trains_is_left_to_it(tmp_path: Path) -> None:
    with training.locked(tmp_path / ".training"), pytest.raises(XnorcError, match="another process trains here"):
        training.locked(tmp_path / ".training").__enter__()


def test_pictures_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    from tests.bench.binarizers import pictures

    document = merged(results.empty(), "sign", {0: record(0.5, 0.4), 1: record(0.6, 0.5)})
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with pictures.matplotlib.rc_context(pictures.STYLE):
            assert pictures._cost(document["rows"], "board", tmp_path / name)
    drawn = [(tmp_path / name / "cost.svg").read_bytes() for name in ("a", "b")]
    assert drawn[0] == drawn[1]
    assert b"<dc:date>" not in drawn[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["row", "nothing", "--work", "w"], "there is none called 'nothing'"),
        (["row", "sign", "--work", "w", "--scale", "huge"], "there is none called 'huge'"),
        (["row", "sign", "--work", "w", "--data", "none.npz"], "none.npz: no such file"),
        (["row", "sign", "--work", "w", "--no-train"], "no seed of sign has finished training"),
        (["page", "--json", "none.json"], "holds no row"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(tmp_path: Path, words: list[str], says: str) -> None:
    from tests.bench.binarizers import command

    command_line = [sys.executable, "-m", "tests.bench.binarizers", *words]
    if words[:2] == ["row", "nothing"]:  # once as a user types it; the others in this process, which has torch already
        done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
        return
    words = [str(tmp_path / word) if word in ("w", "none.json") else word for word in words]
    with pytest.raises(XnorcError, match=re.escape(says)):
        command.app(words, standalone_mode=False)


def test_the_data_is_stored_as_it_was(tmp_path: Path) -> None:
    document = merged(results.empty(), "sign", {0: record(0.5, 0.4)})
    results.store(document, tmp_path / "study.json")
    assert results.load(tmp_path / "study.json") == document
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]
    (tmp_path / "study.json").write_text(json.dumps({"about": {"schema": 0}}))
    with pytest.raises(DataError, match="has schema 0"):
        results.load(tmp_path / "study.json")
