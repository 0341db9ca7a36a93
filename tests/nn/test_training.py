# SPDX-License-Identifier: Apache-2.0
"""Training is deterministic and resumable, follows its recipe, and leaves files that give the network back."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rich.console
import torch
from torch.nn import functional

from xnorc.data import DataSet, digits
from xnorc.errors import XnorcError
from xnorc.nn import checkpoint, make_network
from xnorc.nn.batches import as_floats
from xnorc.nn.borders import replicated
from xnorc.nn.learner import LAYOUTS, Learner, _optimiser, learning_rate
from xnorc.nn.progress import Epoch
from xnorc.nn.recipe import Recipe, Stage, load_recipe
from xnorc.nn.surrogates import Surrogate
from xnorc.nn.train import Machine, train


@pytest.fixture(scope="module")
def few() -> DataSet:
    """200 digits to train on and 50 held out."""
    everything = digits()
    return replace(everything, train=everything.train.take(slice(200)), test=everything.test.take(slice(50)))


def small(**stage: object) -> Recipe:
    stages = (Stage(**{"epochs": 3, "batch": 32, "lr": 5e-3, "crop": 1} | stage),)  # type: ignore[arg-type]
    return Recipe(name="small", network={"name": "digits", "width": 0.25, "binarizer": "design"}, stages=stages)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    held: dict[str, torch.Tensor] = torch.load(folder / "model.pt", weights_only=True)
    return held


def same(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(few: DataSet, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(small(), few, tmp_path / name, seed=seed, progress=False)
    assert same(tmp_path / "a", tmp_path / "b")
    assert not same(tmp_path / "a", tmp_path / "c")


def test_what_was_trained_in_half_precision_is_measured_in_full(few: DataSet, tmp_path: Path) -> None:
    half = train(small(), few, tmp_path / "half", progress=False, machine=Machine("cpu", precision="bf16-mixed"))
    train(small(), few, tmp_path / "full", progress=False, machine=Machine("cpu"))
    assert not same(tmp_path / "half", tmp_path / "full")
    with torch.no_grad():
        images = torch.from_numpy(few.test.x.transpose(0, 3, 1, 2).copy())
        labels = half.network(as_floats(images, None, None)).argmax(1).numpy()
    assert half.accuracy == pytest.approx((labels == few.test.y).mean(), abs=1e-9)
    assert checkpoint.read_run(tmp_path / "half")["precision"] == "bf16-mixed"


def test_the_compiled_step_trains_the_network_itself_in_channels_last(
    few: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.nn.Module] = []
    layouts: list[bool] = []

    def spy(network: torch.nn.Module, **_: Any) -> Any:
        compiled.append(network)

        def step(x: torch.Tensor) -> torch.Tensor:
            maps = [x, *(p for p in network.parameters() if p.dim() == 4)]
            layouts.extend(t.is_contiguous(memory_format=torch.channels_last) for t in maps)
            return network(x)

        return step

    monkeypatch.setattr(torch, "compile", spy)
    with monkeypatch.context() as patch:  # convolutions of another layout add up in another order
        patch.setitem(LAYOUTS, False, torch.channels_last)
        plain = train(small(), few, tmp_path / "plain", progress=False, machine=Machine("cpu"))
    assert not compiled
    fused = train(small(), few, tmp_path / "fused", progress=False, machine=Machine("cpu", compiled=True))
    assert compiled == [fused.network]
    assert layouts
    assert all(layouts)
    assert all(weight.is_contiguous() for weight in weights(tmp_path / "fused").values())
    assert plain.accuracy == fused.accuracy
    assert same(tmp_path / "plain", tmp_path / "fused")


def test_edge_values_are_the_same_inside_torch_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    eager = replicated(x, 2)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    sliced = replicated(x, 2)
    assert torch.equal(eager, sliced)
    slope = torch.randn_like(eager)
    torch.testing.assert_close(*(torch.autograd.grad((y * slope).sum(), x)[0] for y in (eager, sliced)))


def test_an_interrupted_training_resumes_to_the_same_weights(few: DataSet, tmp_path: Path) -> None:
    two = replace(small(), stages=small(real_weights=True).stages + small(epochs=4).stages)
    train(two, few, tmp_path / "whole", progress=False)

    class Killed(Exception):
        pass

    for stop in (("stage 1", 2), ("stage 2", 3)):

        def kill(epoch: Epoch, stop: tuple[str, int] = stop) -> None:
            if (epoch.phase, epoch.epoch) == stop:
                raise Killed

        with pytest.raises(Killed):
            train(two, few, tmp_path / "cut", progress=False, report=kill, resume=True)
        with pytest.raises(XnorcError, match="no finished training"):
            checkpoint.load(tmp_path / "cut")
    train(two, few, tmp_path / "cut", progress=False, resume=True)
    assert same(tmp_path / "whole", tmp_path / "cut")
    logs = [checkpoint.read_log(tmp_path / name) for name in ("whole", "cut")]
    keys = ("phase", "epoch", "loss", "accuracy")
    assert [[e[k] for k in keys] for e in logs[0]] == [[e[k] for k in keys] for e in logs[1]]
    assert [(e["phase"], e["epoch"]) for e in logs[0]] == [("stage 1", i) for i in (1, 2, 3)] + [
        ("stage 2", i) for i in (1, 2, 3, 4)
    ]


def test_binary_weights_start_from_the_real_ones_of_the_stage_before(few: DataSet, tmp_path: Path) -> None:
    first = small(real_weights=True, weight_decay=1e-5, decay="conv").stages
    still = small(lr=0.0, epochs=1, clip=False).stages
    train(replace(small(), stages=first), few, tmp_path / "one", progress=False)
    train(replace(small(), stages=first + still), few, tmp_path / "two", progress=False)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    kept = [key for key in one if key.endswith("weight")]
    assert len([key for key in kept if one[key].dim() > 1]) == 4
    assert all(torch.equal(one[key], two[key]) for key in kept)
    fresh = replace(small(), stages=still)
    train(fresh, few, tmp_path / "none", progress=False)
    assert not any(torch.equal(one[key], weights(tmp_path / "none")[key]) for key in kept)
    network = checkpoint.load(tmp_path / "two")
    seen = network.features[1][0].binarize(network.features[1][0].weight)
    assert set(seen.unique().tolist()) == {-1.0, 1.0}


def test_the_estimator_of_sd_bnn_rises_from_epoch_to_epoch(few: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_network(
        "digits", in_ch=1, size=8, width=0.25, binarizer="asd", weight="wsd", weight_surrogate="ede", ede_start=0.1
    )
    learner = Learner(network, Stage(epochs=5), few.train, 0, None)
    steps = [m for m in network.features.modules() if isinstance(m, Surrogate) and m.name == "ede"]
    assert len(steps) == 5  # three of ASD, two of WSD
    for epoch in range(5):
        monkeypatch.setattr(Learner, "current_epoch", epoch)
        learner.on_train_epoch_start()
        assert [step.steepness for step in steps] == [pytest.approx(10 ** (-1 + 2 * epoch / 5))] * 5


def test_another_training_is_not_resumed(few: DataSet, tmp_path: Path) -> None:
    def kill(epoch: Epoch) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        train(small(), few, tmp_path, progress=False, report=kill)
    with pytest.raises(XnorcError, match="another recipe, seed or data set"):
        train(small(), few, tmp_path, seed=1, progress=False, resume=True)


def test_the_folder_gives_the_network_back(few: DataSet, tmp_path: Path) -> None:
    trained = train(small(), few, tmp_path, progress=False, binarizer="rsign")
    loaded = checkpoint.load(tmp_path)
    x = torch.from_numpy(few.test.floats())
    assert torch.equal(loaded(x), trained.network(x))
    assert torch.equal(torch.export.load(tmp_path / "model.pt2").module()(x[:1]), loaded(x[:1]))
    right = (loaded(x).argmax(1).numpy() == few.test.y).mean()
    run = json.loads((tmp_path / "run.json").read_text())
    assert right == trained.accuracy == run["accuracy"] == checkpoint.read_log(tmp_path)[-1]["accuracy"]
    assert load_recipe(str(tmp_path / "recipe.toml")).network["binarizer"] == "rsign"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["log.jsonl", "model.pt", "model.pt2", "recipe.toml", "run.json"]
    )


def test_a_teacher_is_trained_first_and_teaches(few: DataSet, tmp_path: Path) -> None:
    recipe = replace(
        small(distil=0.9),
        teacher={"name": "digits", "width": 0.25, "real": True},
        teacher_stages=small(clip=False, epochs=2).stages,
    )
    train(recipe, few, tmp_path, progress=False)
    phases = [epoch["phase"] for epoch in checkpoint.read_log(tmp_path)]
    assert phases == ["teacher stage 1"] * 2 + ["stage 1"] * 3
    assert not any("teacher" in key for key in weights(tmp_path))


def test_the_distilled_loss_is_the_weighted_sum(few: DataSet) -> None:
    torch.manual_seed(0)
    student, teacher = (make_network("digits", in_ch=1, size=8, width=0.25, real=r) for r in (False, True))
    stage = Stage(epochs=1, distil=0.75)
    learner = Learner(student, stage, few.train, 0, teacher)
    x, y = torch.from_numpy(few.train.x[:8].transpose(0, 3, 1, 2)), torch.from_numpy(few.train.y[:8])
    logits = learner(x)
    target = teacher(x / 255).softmax(1)
    soft = -(target * logits.log_softmax(1)).sum(1).mean()
    want = 0.75 * soft + 0.25 * functional.cross_entropy(logits, y)
    torch.testing.assert_close(learner.loss(logits, y, x), want)


def test_the_squared_hinge_wants_every_logit_beyond_one(few: DataSet) -> None:
    learner = Learner(torch.nn.Identity(), Stage(epochs=1, loss="squared_hinge"), few.train, 0, None)
    logits, y = torch.tensor([[2.0, -2.0], [0.0, 0.5]]), torch.tensor([0, 1])
    assert learner.label_loss(logits, y).item() == pytest.approx((0 + 0 + 1 + 0.25) / 4)


def test_schedules_warm_up_and_end_where_they_say() -> None:
    linear = Stage(epochs=1, lr=1e-2, lr_last=1e-4, schedule="linear")
    assert [round(learning_rate(linear, s, 0, 100), 4) for s in (0, 50, 100)] == [1.0, 0.505, 0.01]
    cosine = Stage(epochs=1, lr=0.1)
    assert [round(learning_rate(cosine, s, 4, 104), 4) for s in (0, 1, 3, 4, 54, 104)] == [0.25, 0.5, 1, 1, 0.5, 0]
    assert learning_rate(Stage(epochs=1, schedule="constant"), 99, 0, 100) == 1


def test_the_bar_counts_steps_and_shows_the_last_epoch(few: DataSet, tmp_path: Path, monkeypatch: Any) -> None:
    screen = io.StringIO()
    console = rich.console.Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr("xnorc.nn.progress.Console", lambda stderr: console)
    trained = train(small(epochs=2), few, tmp_path)
    shown = screen.getvalue()
    assert "epoch 2/2" in shown
    assert f"held-out {trained.accuracy:.2%}" in shown


def test_training_writes_nothing_to_a_pipe(few: DataSet, tmp_path: Path, capfd: Any) -> None:
    train(small(epochs=1), few, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_folder_is_refused_in_one_line(few: DataSet, tmp_path: Path) -> None:
    train(small(epochs=1), few, tmp_path, progress=False)
    run, held = json.loads((tmp_path / "run.json").read_text()), (tmp_path / "model.pt").read_bytes()
    other = io.BytesIO()
    torch.save(make_network("digits", in_ch=1, size=8, width=0.5, binarizer="design").state_dict(), other)
    listed = io.BytesIO()
    torch.save([1, 2], listed)
    for wrong in (held[:500], b"nothing", b"", other.getvalue(), listed.getvalue()):
        (tmp_path / "model.pt").write_bytes(wrong)
        with pytest.raises(XnorcError, match=r"model\.pt: not the weights of this recipe") as error:
            checkpoint.load(tmp_path)
        assert "\n" not in str(error.value)
    for text in ("{}", "[]", "{", json.dumps({**run, "shape": [8, 8]})):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(XnorcError, match=r"run\.json|no finished training"):
            checkpoint.load(tmp_path)
    (tmp_path / "log.jsonl").write_text("{broken")
    with pytest.raises(XnorcError, match="a line that is no epoch"):
        checkpoint.read_log(tmp_path)


def test_another_binarizer_takes_the_place_of_a_recipes_own(few: DataSet, tmp_path: Path) -> None:
    assert "tile" in load_recipe("digits").network
    recipe = replace(load_recipe("digits"), stages=small(epochs=1).stages)
    train(recipe, few, tmp_path, progress=False, binarizer="rsign", width=0.25)
    kept = load_recipe(str(tmp_path / "recipe.toml")).network
    assert (kept["binarizer"], kept["width"]) == ("rsign", 0.25)
    assert "tile" not in kept


def test_a_network_that_cannot_be_built_costs_no_earlier_training(few: DataSet, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(epoch: Epoch) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(small(), few, tmp_path, progress=False, report=kill)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert before
    with pytest.raises(XnorcError, match="colour"):
        train(small(), few, tmp_path, progress=False, colour="red")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_decay_of_convolutions_leaves_labs_taps_alone() -> None:
    network = make_network("digits", 10, in_ch=1, size=8, width=0.25, binarizer="lab")
    stage = Stage(epochs=1, batch=8, lr=1e-3, weight_decay=0.1, decay="conv")
    decayed, plain = _optimiser(network, stage).param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    taps = {id(p) for name, p in network.named_parameters() if name.endswith("taps")}
    assert taps
    assert taps <= {id(p) for p in plain["params"]}
    convs = {id(p) for name, p in network.named_parameters() if p.dim() == 4} - taps
    assert convs == {id(p) for p in decayed["params"]}
