# SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it: answers, exit codes, one line for each mistake, nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xnorc import zoo
from xnorc.cli.place import UNPLACED, Group, commands

SOURCE = Path(__file__).resolve().parents[2] / "exporter"


def xnorc(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])}
    environment.pop("XNORC_DEBUG", None)
    command = [sys.executable, "-m", "xnorc", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=280)


def refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """Exit code 2 and one line on standard error that holds every word."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("xnorc: ")
    for word in says:
        assert word in lines[0]


@pytest.fixture(scope="module")
def program() -> Path:
    return zoo.folder("digits")


@pytest.fixture
def copy(program: Path, tmp_path: Path) -> Path:
    """The digits program in a folder of its own, where builds may be written."""
    folder = tmp_path / "digits"
    folder.mkdir()
    for name in ("program.json", "constants.npz"):
        (folder / name).write_bytes((program / name).read_bytes())
    return folder


FILES = {path.stem for path in (SOURCE / "xnorc" / "cli").glob("*.py") if "\ndef command(" in path.read_text()}


def test_a_file_that_defines_a_command_is_one_and_says_where_the_help_shows_it() -> None:
    found = commands()
    assert {command.name for command in found} == FILES
    assert not [command.name for command in found if command.place.number == UNPLACED]
    assert [command.name for command in found][:3] == ["demo", "doctor", "boards"]
    told = xnorc("--help").stdout
    at = [told.index(f"\u2502 {command.name} ") for command in found]
    assert at == sorted(at)
    assert all(group.value in told for group in Group)


def test_one_new_file_is_a_new_command(tmp_path: Path) -> None:
    (tmp_path / "greet_all.py").write_text(
        "from xnorc.cli.place import Group, Place\nPLACE = Place(Group.PROGRAM, 9)\n"
        "def command(name: str) -> None:\n    print('hello', name)\n"
    )
    (tmp_path / "placeless.py").write_text("def command() -> None:\n    print('here too')\n")
    (tmp_path / "run.py").write_text(
        "import importlib.util, sys\nimport xnorc\nfrom importlib.machinery import PathFinder\n"
        "spec = PathFinder.find_spec('xnorc.cli', xnorc.__path__)\n"
        f"spec.submodule_search_locations.append({str(tmp_path)!r})\n"
        "module = importlib.util.module_from_spec(spec)\nsys.modules['xnorc.cli'] = module\n"
        "spec.loader.exec_module(module)\nmodule.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    for words, said in ((["greet-all", "you"], "hello you\n"), (["placeless"], "here too\n")):
        command = [sys.executable, str(tmp_path / "run.py"), *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.stdout == said, done.stderr


@pytest.mark.parametrize("name", sorted(FILES))
def test_help_of_every_command_has_an_example_to_copy(name: str) -> None:
    done = xnorc(name, "--help")
    assert done.returncode == 0
    assert f"xnorc {name}" in done.stdout.split("Example", 1)[1]


def test_the_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "matplotlib", "jinja2", "serial"}
    script = f"import sys, xnorc.cli; sys.exit(len({heavy} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 0


def test_flash_and_report_users_never_load_torch() -> None:
    script = "import sys, xnorc.cli, xnorc.measure, xnorc.build; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 0


def test_without_torch_export_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'torch' else find(name, *rest)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(SOURCE)])}
    command = [sys.executable, "-m", "xnorc", "export", "x.pt2", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    refused(done, "torch", "pip install 'xnorc[export]'")


def test_doctor_finds_what_is_here_and_says_how_to_get_what_is_not() -> None:
    done = xnorc("doctor", "--json")
    found = {row["name"]: row for row in json.loads(done.stdout)}
    assert found["numpy"]["found"] == np.__version__
    assert all(row["install"] for row in found.values() if row["found"] is None)
    assert done.returncode == int(any(row["found"] is None and row["required"] for row in found.values()))


def test_doctor_shows_and_empties_the_kept_objects(
    copy: Path, need: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc")

    def kept() -> dict[str, str]:
        rows = json.loads(xnorc("doctor", "--json").stdout)
        return next(row for row in rows if row["name"] == "kept objects")

    monkeypatch.setenv("XNORC_CACHE", str(tmp_path / "cache"))
    assert kept()["found"].startswith("0 (")
    assert xnorc("run", copy, "--emulator", "host", "-n", 1).returncode == 0
    assert int(kept()["found"].split()[0]) > 20
    assert str(tmp_path / "cache") in kept()["used_for"]
    assert json.loads(xnorc("doctor", "--clear-cache", "--json").stdout)["removed"] > 20
    assert kept()["found"].startswith("0 (")
    monkeypatch.setenv("XNORC_CACHE", "")
    assert kept()["found"] is None


def test_boards_are_listed_for_eyes_and_for_machines() -> None:
    rows = json.loads(xnorc("boards", "--json").stdout)
    assert {row["name"] for row in rows} >= {"mps2_an386", "microbit", "stm32f4_discovery"}
    assert "cortex-m0" in xnorc("boards").stdout


def test_inspect_tells_layers_memory_and_digest(program: Path) -> None:
    told = json.loads(xnorc("inspect", program, "--board", "microbit", "--json").stdout)
    assert told["input"] == [8, 8, 1]
    assert told["macs"] == sum(layer["macs"] for layer in told["layers"])
    assert xnorc("inspect", program, "--dump").stdout == zoo.program("digits").dump()


def test_reports_of_two_boards_lie_side_by_side_and_survive_an_export(need: Callable[..., None], copy: Path) -> None:
    need("gcc")
    pytest.importorskip("torch")
    import torch

    from xnorc.exporting import export
    from xnorc.nn import checkpoint

    assert xnorc("report", copy, "--emulator", "host", "--data", "digits", "-n", 5).returncode == 0
    (copy / "notes.txt").write_text("mine")
    export(checkpoint.load(zoo.folder("digits")), torch.zeros(1, 1, 8, 8), out=copy, name="digits")
    assert (copy / "report" / "host" / "report.json").is_file()
    assert (copy / "notes.txt").read_text() == "mine"
    assert [entry.name for entry in copy.parent.iterdir()] == [copy.name]


def test_a_network_that_comes_with_xnorc_goes_by_name_and_leaves_the_package_as_it_is(tmp_path: Path) -> None:
    before = sorted(zoo.HERE.rglob("*"))
    words = ("report", "zoo:digits", "--emulator", "host", "--data", "digits", "-n", 5)
    assert xnorc(*words, cwd=tmp_path).returncode == 0
    assert (tmp_path / "build" / "digits" / "report" / "host" / "report.json").is_file()
    assert sorted(zoo.HERE.rglob("*")) == before
    refused(xnorc("inspect", "zoo:nothing"), "nothing", "cifar10, digits, mnist")


def test_a_folder_of_samples_is_data_as_in_training(copy: Path, tmp_path: Path) -> None:
    from xnorc.data import digits

    (tmp_path / "mine").mkdir()
    held = digits()
    held.train.take(slice(10)).save(tmp_path / "mine" / "train.npz")
    held.test.take(slice(4)).save(tmp_path / "mine" / "test.npz")
    done = xnorc("run", copy, "--emulator", "host", "--data", tmp_path / "mine", "--json")
    assert [row["truth"] for row in json.loads(done.stdout)["samples"]] == held.test.y[:4].tolist()
    (tmp_path / "mine" / "train.npz").unlink()
    refused(xnorc("run", copy, "--emulator", "host", "--data", tmp_path / "mine"), "an image folder holds")


def test_export_verify_and_inspect_agree(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from xnorc.data import digits
    from xnorc.nn import checkpoint

    example = torch.from_numpy(digits().test.floats()[:1])
    torch.export.save(torch.export.export(checkpoint.load(zoo.folder("digits")), (example,)), tmp_path / "model.pt2")
    out = tmp_path / "program"
    told = json.loads(xnorc("export", tmp_path / "model.pt2", "-o", out, "--name", "digits", "--json").stdout)
    assert sorted(p.name for p in out.iterdir())[0:3] == ["bnn_model_size.h", "constants.npz", "export.json"]
    assert told["digest"] == json.loads(xnorc("inspect", out, "--json").stdout)["digest"]
    done = xnorc(
        "verify", tmp_path / "model.pt2", "--program", out, "--data", "digits", "-n", 20, "--name", "digits", "--json"
    )
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["same_program"] is True
    assert found["same_labels"] == 20
    assert all(row["free"] == 0 for row in found["rows"] if row["kind"] == "bit")


@pytest.mark.emulator
def test_one_board_is_shown_with_the_real_rate_of_its_uart() -> None:
    assert "115090 in truth, -0.10 %" in xnorc("boards", "nucleo_f446re").stdout
    told = json.loads(xnorc("boards", "nucleo_f446re", "--json").stdout)
    assert told["uart_rate"] == {"bits_a_second": 115089.5, "error_percent": -0.096}


def test_build_takes_another_rate_and_refuses_one_that_the_divider_misses(
    need: Callable[..., None], program: Path, tmp_path: Path
) -> None:
    need("arm-none-eabi-gcc")
    built = xnorc("build", program, "--board", "nucleo_f446re", "--baud", 921600, "-o", tmp_path / "fast")
    assert built.returncode == 0, built.stderr
    assert "#define BOARD_UART_BAUD 921600u" in (tmp_path / "fast" / "board.h").read_text()
    refused = xnorc("build", program, "--board", "nrf52840dk", "--baud", 921600, "-o", tmp_path / "none")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_build_says_exact_sizes_that_fit(need: Callable[..., None], copy: Path) -> None:
    need("arm-none-eabi-gcc")
    told = json.loads(xnorc("build", copy, "--board", "stm32vldiscovery", "--json").stdout)
    assert Path(told["elf"]).is_file()
    assert told["ram"]["used"] <= told["ram"]["of"] == 8192
    assert told["flash"]["used"] == told["flash"]["model"] + told["flash"]["code"]
    assert told["flash"]["used"] == Path(told["bin"]).stat().st_size


@pytest.mark.emulator
def test_run_checks_every_tensor_and_report_writes_both_files(need: Callable[..., None], copy: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm", "gcc")
    done = xnorc("run", copy, "--board", "microbit", "--data", "digits", "-n", 3, "--check")
    assert done.returncode == 0
    assert "bit for bit" in done.stdout
    done = xnorc(
        "report", copy, "--board", "microbit", "--data", "digits", "-n", 20, "--out", copy / "report", "--json"
    )
    told = json.loads(done.stdout)
    assert told == json.loads((copy / "report" / "report.json").read_text())
    assert set(told["accuracy"]) == {"pytorch", "program", "host", "device", "device_top5"}
    assert told["accuracy"]["program"] == told["accuracy"]["host"] == told["accuracy"]["device"]
    assert (copy / "report" / "report.html").stat().st_size > 10_000


def test_collapsed_thresholds_are_told_and_made_constants_on_request(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from xnorc.nn import make_network

    torch.manual_seed(0)
    network = make_network("digits", 10, in_ch=1, size=8, width=0.25, binarizer="asd").eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "hyper.second" in name:
                parameter.mul_(1e-5)
    torch.export.save(torch.export.export(network, (torch.rand(1, 1, 8, 8),)), tmp_path / "asd.pt2")
    words = ("export", tmp_path / "asd.pt2", "--data", "digits", "--json", "--out")
    told = json.loads(xnorc(*words, tmp_path / "as_is").stdout)
    static = json.loads(xnorc(*words, tmp_path / "static", "--static-collapsed").stdout)
    layers = [layer for layer in told["layers"] if layer["kind"] == "dynamic threshold"]
    assert layers
    assert all(layer["moving"] == 0 for layer in layers)
    assert sum("--static-collapsed" in note for note in told["notes"]) == len(layers)
    assert sum("exported as constants" in note for note in static["notes"]) == len(layers)
    assert "compare(" in xnorc("inspect", tmp_path / "as_is", "--dump").stdout
    assert "compare(" not in xnorc("inspect", tmp_path / "static", "--dump").stdout


@pytest.mark.host
def test_run_on_the_host_needs_no_board_and_no_data(need: Callable[..., None], copy: Path) -> None:
    need("gcc")
    told = json.loads(xnorc("run", copy, "--emulator", "host", "-n", 2, "--check", "--json").stdout)
    assert told["target"] == "host"
    assert [len(row["logits"]) for row in told["samples"]] == [10, 10]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("inspect", "nowhere"), ("nowhere", "xnorc export")),
        (("build", "PROGRAM", "--board", "mps2_an38"), ("mps2_an38", "boards")),
        (("run", "PROGRAM", "--emulator", "bochs"), ("bochs", "qemu")),
        (("run", "PROGRAM", "--emulator", "host", "--port", "/dev/null"), ("--port", "both")),
        (("run", "PROGRAM", "--board", "stm32f4_discovery", "--emulator", "qemu"), ("stm32f4_discovery", "qemu")),
        (("run", "PROGRAM", "--limit", "0"), ("--limit", "--help")),
        (("export", "model.npz", "--out", "out"), ("model.npz", ".pt2")),
        (("export", "model.pt2", "--shape", "1,8,8", "--out", "out"), ("--shape", "archive")),
        (("run", "PROGRAM", "--port", "/dev/no-such-port"), ("no-such-port",)),
        (("report", "PROGRAM"), ("--data",)),
        (("report", "PROGRAM", "--data", "missing.npz"), ("missing.npz",)),
        (("report", "PROGRAM", "--data", "cifar10:missing.npz"), ("missing.npz",)),
        (("export", "missing.pt2", "--out", "out"), ("missing.pt2",)),
        (("export", "nomodule:build", "--out", "out", "--shape", "1,8,8"), ("nomodule",)),
        (("export", "torch.nn:Identity", "--out", "out"), ("--shape",)),
        (("export", "torch.nn:Identity", "--out", "out", "--shape", "1,x,8"), ("--shape",)),
        (("train", "no-such-recipe"), ("no-such-recipe",)),
        (("train", "digits", "--set", "binarizer"), ("--set",)),
        (("train", "digits", "--accelerator", "tpu"), ("--accelerator", "'tpu'", "one of auto, cpu")),
        (("train", "digits", "--precision", "8"), ("--precision", "'8'", "one of 32-true")),
    ],
    ids=lambda value: "-".join(map(str, value[:2])) if isinstance(value, tuple) else str(value),
)
def test_a_mistake_is_one_line_that_names_it(
    words: tuple[str, ...], says: tuple[str, ...], copy: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    done = xnorc(*(str(copy) if word == "PROGRAM" else word for word in words), cwd=tmp_path)
    refused(done, *says)
    assert not (tmp_path / "out").exists()


def test_a_network_that_does_not_fit_is_refused_with_layer_and_bytes(tmp_path: Path) -> None:
    from xnorc.program import Kind, Program, Tensor, Window, save
    from xnorc.program.nodes.iconv2d import IConv2d

    weights = np.random.default_rng(0).integers(-127, 128, (64, 64, 64, 3)).astype(np.int8)
    last = IConv2d(
        name="classifier.big", inputs=("image",), output=Tensor("logits", (1, 1, 64), Kind.I32),
        weights=weights, window=Window(kh=64, kw=64),
    )  # fmt: skip
    program = Program(name="big", input=Tensor("image", (64, 64, 3), Kind.U8), nodes=(last,), output="logits")
    program.verify()
    save(program, tmp_path)
    refused(xnorc("build", tmp_path, "--board", "stm32vldiscovery"), "classifier.big", "bytes", "RAM")


def test_a_model_that_kills_the_interpreter_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "deadly.py").write_text("import os, signal\n\ndef build():\n    os.kill(os.getpid(), signal.SIGSEGV)\n")
    refused(xnorc("export", "deadly:build", "--out", "out", "--shape", "1,8,8", cwd=tmp_path), "SIGSEGV", "interpreter")
    assert not (tmp_path / "out").exists()


def test_debug_shows_where_an_error_comes_from() -> None:
    done = xnorc("--debug", "inspect", "nowhere")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_random_images_have_a_fixed_seed(copy: Path, need: Callable[..., None]) -> None:
    need("gcc")
    first, second = (xnorc("run", copy, "--emulator", "host", "-n", 2, "--json").stdout for _ in range(2))
    assert first == second
