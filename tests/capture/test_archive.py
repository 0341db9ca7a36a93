# SPDX-License-Identifier: Apache-2.0
"""An archive or a checkpoint is data: whatever it holds, nothing in it runs, and one line says why it was refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.capture.one_idiom import Net, example, step
from xnorc.capture import capture, capture_pt2, load_factory, run_logits
from xnorc.capture.factory import load_state
from xnorc.errors import CaptureError


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "net.pt2"
    with torch.no_grad():
        torch.export.save(torch.export.export(Net([step], [torch.sign]).eval(), (example(),)), path)
    return path


def rewritten(
    saved: Path, to: Path, change: Callable[[dict[str, bytes]], None], compress: int = zipfile.ZIP_STORED
) -> Path:
    """A copy of the archive after `change` has edited its records (names without the top folder)."""
    with zipfile.ZipFile(saved) as source:
        root = source.namelist()[0].split("/")[0]
        records = {name[len(root) + 1 :]: source.read(name) for name in source.namelist()}
    change(records)
    with zipfile.ZipFile(to, "w", compress) as target:
        for name, data in records.items():
            target.writestr(name if name.startswith("!") else f"{root}/{name}", data)
    return to


def edit_json(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes]], None]:
    def apply(records: dict[str, bytes]) -> None:
        document = json.loads(records[name])
        change(document)
        records[name] = json.dumps(document).encode()

    return apply


def refused(path: Path, mark: Path) -> str:
    with pytest.raises(CaptureError) as caught:
        capture_pt2(path)
    assert not mark.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_archive_is_captured_like_its_module(saved: Path) -> None:
    module = Net([step], [torch.sign]).eval()
    from_file = capture_pt2(saved)
    x = example(5)
    with torch.no_grad():
        assert torch.equal(run_logits(from_file.graph, x), module(x))
    direct = capture(module, example())
    assert [n.target for n in from_file.graph.graph.nodes if n.op == "call_function"] == [
        n.target for n in direct.graph.graph.nodes if n.op == "call_function"
    ]
    assert "one_idiom.py" in from_file.where(from_file.points[0].node)


def pickled(thing: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def test_code_in_the_sample_inputs_does_not_run(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = rewritten(
        saved, tmp_path / "a.pt2", lambda r: r.update({"data/sample_inputs/model.pt": pickled(Bomb(mark))})
    )
    assert "sample_inputs" in refused(path, mark)
    path = rewritten(
        saved, tmp_path / "b.pt2", lambda r: r.update({"data/sample_inputs/model.pt": pickle.dumps(Bomb(mark))})
    )
    assert "more than plain tensors" in refused(path, mark)


def test_code_in_a_pickled_weight_does_not_run(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    def change(records: dict[str, bytes]) -> None:
        config = json.loads(records["data/weights/model_weights_config.json"])
        payload = next(iter(config["config"].values()))
        payload["use_pickle"] = True
        records["data/weights/model_weights_config.json"] = json.dumps(config).encode()
        records[f"data/weights/{payload['path_name']}"] = pickled(Bomb(mark))

    assert "more than plain tensors" in refused(rewritten(saved, tmp_path / "a.pt2", change), mark)


def test_code_in_legacy_weight_files_does_not_run(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for folder in ("weights", "constants"):
        record = f"data/{folder}/model.pt"

        def change(records: dict[str, bytes], record: str = record) -> None:
            records[record] = pickled({"w": Bomb(mark)})

        path = rewritten(saved, tmp_path / f"{folder}.pt2", change)
        assert "more than plain tensors" in refused(path, mark)


def test_opaque_and_custom_objects_are_refused(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for prefix in ("opaque_obj_0", "custom_obj_0"):

        def change(records: dict[str, bytes], prefix: str = prefix) -> None:
            config = {
                "config": {"x": {"path_name": prefix, "is_param": False, "use_pickle": True, "tensor_meta": None}}
            }
            records["data/constants/model_constants_config.json"] = json.dumps(config).encode()
            records[f"data/constants/{prefix}"] = pickle.dumps(Bomb(mark))

        assert "not a tensor" in refused(rewritten(saved, tmp_path / f"{prefix}.pt2", change), mark)


def graph_of(document: dict[str, Any]) -> dict[str, Any]:
    return document["graph_module"]["graph"]


def rename_input(document: dict[str, Any], mark: Path) -> None:
    evil = f"x=__import__('os').system('touch {mark}')"
    text = json.dumps(document).replace('"name": "x"', json.dumps({"name": evil})[1:-1])
    document.clear()
    document.update(json.loads(text))
    graph_of(document)["tensor_values"][evil] = graph_of(document)["tensor_values"].pop("x")


def test_a_name_that_is_source_code_does_not_run(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = rewritten(saved, tmp_path / "a.pt2", edit_json("models/model.json", lambda d: rename_input(d, mark)))
    assert "no identifier" in refused(path, mark)


HOSTILE_TARGETS = [
    "torch.hub.load", "_operator.call", "math.factorial", "torch.ops.aten.from_file", "os.system", "#xnorc",
    "torch.ops.aten.set_.source_Storage", "torch.ops.aten._cuda_getCurrentBlasHandle", "torch.ops.higher_order.cond",
    "torch.ops.aten.conv2d.__class__", "torch.ops.aten.nothing.default", "torch.ops.xnorc.run",
]  # fmt: skip


@pytest.mark.parametrize("target", HOSTILE_TARGETS)
def test_only_aten_operations_on_tensors_are_called(saved: Path, tmp_path: Path, target: str) -> None:
    def change(document: dict[str, Any]) -> None:
        graph_of(document)["nodes"][0]["target"] = target

    path = rewritten(saved, tmp_path / "a.pt2", edit_json("models/model.json", change))
    assert "calls" in refused(path, tmp_path / "ran")


def test_symbolic_expressions_are_not_evaluated(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    def change(document: dict[str, Any]) -> None:
        evil = {"as_expr": {"expr_str": f"__import__('os').system('touch {mark}')", "hint": None}}
        graph_of(document)["tensor_values"]["x"]["sizes"][0] = evil

    path = rewritten(saved, tmp_path / "a.pt2", edit_json("models/model.json", change))
    assert "symbolic" in refused(path, mark)


def test_guards_in_the_archive_are_dropped(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    def change(document: dict[str, Any]) -> None:
        document["guards_code"] = [f"__import__('os').system('touch {mark}')"]

    capture_pt2(rewritten(saved, tmp_path / "a.pt2", edit_json("models/model.json", change)))
    assert not mark.exists()


def test_a_zip_bomb_is_refused_unread(saved: Path, tmp_path: Path) -> None:
    path = rewritten(saved, tmp_path / "a.pt2", lambda r: r.update(zeros=bytes(10**7)), compress=zipfile.ZIP_DEFLATED)
    assert "compressed" in refused(path, tmp_path / "ran")


def test_claimed_shapes_must_fit_the_bytes(saved: Path, tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        payload = next(p for p in config["config"].values() if len(p["tensor_meta"]["sizes"]) == 4)
        payload["tensor_meta"]["sizes"][0] = {"as_int": 10**6}

    path = rewritten(saved, tmp_path / "a.pt2", edit_json("data/weights/model_weights_config.json", change))
    assert "does not hold" in refused(path, tmp_path / "ran")


@pytest.mark.parametrize("name", ["!/../../evil", "!/etc/passwd", "../evil", "a b", "a\\b", "é"])
def test_names_that_leave_the_archive_are_refused(saved: Path, tmp_path: Path, name: str) -> None:
    path = rewritten(saved, tmp_path / "a.pt2", lambda r: r.update({name: b""}))
    assert "holds" in refused(path, tmp_path / "ran")


def test_damage_is_one_line(saved: Path, tmp_path: Path) -> None:
    data = saved.read_bytes()
    for i, cut in enumerate((b"", b"not a zip", data[: len(data) // 2], data[:-30])):
        path = tmp_path / f"{i}.pt2"
        path.write_bytes(cut)
        refused(path, tmp_path / "ran")
    assert "does not exist" in refused(tmp_path / "absent.pt2", tmp_path / "ran")
    deep = "[" * 100_000
    path = rewritten(saved, tmp_path / "deep.pt2", lambda r: r.update({"models/model.json": deep.encode()}))
    refused(path, tmp_path / "ran")


def test_an_example_of_another_shape_is_refused(saved: Path) -> None:
    with pytest.raises(CaptureError, match="takes"):
        capture_pt2(saved, torch.zeros(1, 2, 5, 5))


FACTORY = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).cuda()

def broken():
    return undefined

number = 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "users_net.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "users_net"


def test_a_factory_builds_and_loads_a_dataparallel_checkpoint(package: str, tmp_path: Path) -> None:
    trained = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    state = {f"module.{k}": v for k, v in trained.state_dict().items() if "num_batches" not in k}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "a.pth")
    notes: list[str] = []
    built = load_factory(f"{package}:build", tmp_path / "a.pth", notes)
    assert torch.equal(built[0].get_parameter("weight"), trained[0].get_parameter("weight"))
    assert any("`module.`" in note for note in notes)
    assert any("`state_dict`" in note for note in notes)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("users_net", "not of the form"),
        ("users_net:absent", "no callable absent"),
        ("users_net:number", "no callable number"),
        ("users_net:broken", r"users_net.py:\d+ `return undefined`: the factory fails: NameError"),
        ("users_nets:build", "not found"),
        ("users_net:torch.zeros", "the factory fails"),
    ],
)
def test_a_factory_that_fails_is_one_line(package: str, spec: str, said: str) -> None:
    with pytest.raises(CaptureError, match=said):
        load_factory(spec)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save({"weight": Bomb(mark)}, tmp_path / "a.pth")
    with pytest.raises(CaptureError, match="nothing in it was run"):
        load_state(nn.Linear(1, 1), tmp_path / "a.pth", [])
    assert not mark.exists()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"weight": torch.zeros(1, 1)}, "lacks 1 .bias."),
        ({"weight": torch.zeros(1, 1), "bias": torch.zeros(1), "more": torch.zeros(1)}, "1 unknown .more."),
        ({"weight": torch.zeros(2, 1), "bias": torch.zeros(1)}, "size mismatch"),
        ([1, 2], "holds a list"),
        ({"weight": 3, "bias": torch.zeros(1)}, "`weight` is not a tensor"),
    ],
)
def test_a_checkpoint_of_another_model_is_one_line(tmp_path: Path, state: object, said: str) -> None:
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(CaptureError, match=said):
        load_state(nn.Linear(1, 1), tmp_path / "a.pth", [])


def test_dynamic_shapes_are_refused(tmp_path: Path) -> None:
    class Any(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3))

    batch = torch.export.Dim("batch", min=2, max=64)
    path = tmp_path / "dynamic.pt2"
    torch.export.save(torch.export.export(Any(), (torch.zeros(4, 3, 2, 2),), dynamic_shapes=({0: batch},)), path)
    assert "symbolic shapes" in refused(path, tmp_path / "ran")
