# SPDX-License-Identifier: Apache-2.0
"""The command line of the study: `row` trains and measures, `page` and `pictures` show; errors are one line."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench.binarizers import measuring, page, results, training
from tests.bench.binarizers.rows import RECIPES, ROWS, SEEDS, Row
from xnorc import __version__
from xnorc.cli import UsageError, misused
from xnorc.errors import DataError, XnorcError

ROOT = Path(__file__).resolve().parents[3]
JSON, PAGE, PICTURES = (ROOT / "docs" / name for name in ("binarizers.json", "binarizers.md", "binarizers"))
PRECISIONS = ("32-true", "bf16-mixed")

console = Console(highlight=False, stderr=True)
app = typer.Typer(
    name="binarizers",
    help="The study of the binarizers: one common recipe, one network, every binarizer of xnorc.nn.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Work = Annotated[Path, typer.Option("--work", help="Folder of the trainings: WORK/ROW/SEED.", show_default=False)]
Data = Annotated[
    Path | None,
    typer.Option("--data", "-d", help="The .npz of CIFAR-10; without it torchvision downloads.", show_default=False),
]
Document = Annotated[Path, typer.Option("--json", help="The study's data.", show_default="docs/binarizers.json")]


@app.command("row")
def row(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(r.name for r in ROWS)}.", show_default=False)],
    work: Work,
    data: Data = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help=f"May be repeated (default: {SEEDS}).", show_default=False)
    ] = None,
    scale: Annotated[str, typer.Option(help=f"{' or '.join(RECIPES)}: which recipe.")] = "small",
    train: Annotated[bool, typer.Option("--train/--no-train", help="Train what is missing, or leave it out.")] = True,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings side by side, one thread each.")] = 1,
    precision: Annotated[str, typer.Option(help=f"Of training: {' or '.join(PRECISIONS)}.")] = "bf16-mixed",
    compiled: Annotated[bool, typer.Option("--compile/--no-compile", help="torch.compile while training.")] = True,
    accelerator: Annotated[str, typer.Option(help="Of training: cpu, gpu or auto.")] = "auto",
    document: Document = JSON,
) -> None:
    """Train what is missing of a row, export, verify and measure it, and merge it into docs/binarizers.json.

    Finished trainings are not repeated, unfinished ones go on. A network that cannot be exported yet keeps its float
    figures, and the reason.

    [bold]Examples[/bold]: python -m tests.bench.binarizers row rsign --data cifar10_jpeg.npz --work build/study
    python -m tests.bench.binarizers row lab --seed 0 --seed 1 --no-train --data cifar10_jpeg.npz --work build/study
    python -m tests.bench.binarizers row dysign --scale full --accelerator gpu --work build/study
    """
    chosen, seeds = _row(name), sorted(set(seed or SEEDS))
    if scale not in RECIPES:
        raise DataError("--scale", f"there is none called {scale!r}", f"one of {', '.join(RECIPES)}")
    if precision not in PRECISIONS:
        raise DataError("--precision", f"there is none called {precision!r}", f"one of {', '.join(PRECISIONS)}")
    if min(seeds) < 0:
        raise DataError("--seed", f"{min(seeds)}", "0 or greater")
    if data is not None and not data.is_file():
        raise DataError("--data", f"{data}: no such file", "the .npz of CIFAR-10")
    if train:
        how = training.How(accelerator, precision, compiled)
        with _bars() as bars:
            tasks = {s: bars.add_task(f"{name} seed {s}", total=None) for s in seeds}

            def on_epoch(s: int, line: dict[str, Any]) -> None:
                what = f"{name} seed {s}: held-out {line['accuracy']:.2%}"
                bars.update(tasks[s], description=what, completed=line["epoch"], total=line["epochs"])

            training.train_missing(chosen, seeds, scale, data, work, how, jobs, on_epoch)
    folders = {s: training.folder_of(work, chosen, scale, s) for s in seeds}
    finished = {s: folder for s, folder in folders.items() if training.is_finished(folder, chosen, scale)}
    if not finished:
        raise DataError(str(work), f"no seed of {name} has finished training", "leave out --no-train")
    runs, about, network = _measure(chosen, scale, finished, data)
    with training.locked(work / ".document", wait=True):
        before = results.load(document)
        if before["rows"] and any(before["about"][key] != about[key] for key in ("note", "test_images")):
            raise DataError(
                str(document), "its rows were measured on other images", "the same --data, or another --json"
            )
        recipes = before["about"].get("recipes", {}) | about["recipes"]
        after = results.merge({**before, "about": {**about, "recipes": recipes}}, chosen, scale, network, runs)
        results.store(after, document)
    entry = next(e for e in after["rows"] if (e["row"], e["scale"]) == (name, scale))
    console.print(f"{name}: {entry['status']}; merged into {document}", markup=False, soft_wrap=True)


@app.command("page")
def render(
    document: Document = JSON,
    out: Annotated[Path, typer.Option(help="The page.", show_default="docs/binarizers.md")] = PAGE,
) -> None:
    """Write docs/binarizers.md from docs/binarizers.json.

    [bold]Example[/bold]: python -m tests.bench.binarizers page
    """
    out.write_text(page.render(_filled(document)), encoding="utf-8")
    console.print(f"written: {out}", markup=False, soft_wrap=True)


@app.command("pictures")
def draw(
    work: Work,
    data: Data = None,
    scale: Annotated[str, typer.Option(help=f"{' or '.join(RECIPES)}: which rows.")] = "small",
    image: Annotated[int, typer.Option(min=0, help="Which test image's maps are shown.")] = 0,
    document: Document = JSON,
    out: Annotated[Path, typer.Option(help="Folder.", show_default="docs/binarizers")] = PICTURES,
) -> None:
    """Draw feature maps, tiles, thresholds, and accuracy against cost, of the rows that were measured.

    [bold]Example[/bold]: python -m tests.bench.binarizers pictures --data cifar10_jpeg.npz --work build/study
    """
    from tests.bench.binarizers import pictures
    from xnorc.data import cifar10

    found = _filled(document)
    drawn = pictures.draw(found, cifar10(data), work, scale, image, out)
    with training.locked(work / ".document", wait=True):
        results.store({**results.load(document), "pictures": drawn}, document)
    console.print(f"written: {', '.join(p['file'] for p in drawn)}; now `page`", markup=False, soft_wrap=True)


def _filled(document: Path) -> results.Document:
    found = results.load(document)
    if not found["rows"]:
        raise DataError(str(document), "holds no row", "run `row` first")
    return found


def _row(name: str) -> Row:
    found = {r.name: r for r in ROWS}
    if name not in found:
        raise DataError("row", f"there is none called {name!r}", f"one of {', '.join(found)}")
    return found[name]


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _measure(
    row: Row, scale: str, folders: dict[int, Path], data: Path | None
) -> tuple[dict[int, dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Records by seed, what is said of all rows, and the row's network."""
    from xnorc.data import cifar10
    from xnorc.nn import checkpoint
    from xnorc.nn.recipe import load_recipe

    recipe = load_recipe(RECIPES[scale])
    measured = _provenance()
    runs = {}
    with _bars() as bars:
        reading = bars.add_task("read images", total=None)
        images = cifar10(data)
        bars.remove_task(reading)
        for seed, folder in folders.items():
            task = bars.add_task(f"{row.name} seed {seed}", total=None)

            def on_step(what: str, done: int, of: int, seed: int = seed, task: Any = task) -> None:
                bars.update(task, description=f"{row.name} seed {seed}: {what}", completed=done, total=of)

            runs[seed] = {**measuring.measure_seed(folder, images, on_step), "measured": measured}
            bars.update(task, description=f"{row.name} seed {seed}: done", completed=1, total=1)
    options = {**recipe.network, **row.network}
    network = checkpoint.build_network(options, images.train.n_classes, images.train.shape)
    about = {
        "schema": results.SCHEMA,
        "data": images.name,
        "note": images.test.note,
        "train_images": len(images.train),
        "test_images": len(images.test),
        "calibration_images": len(measuring.calibration(images.train)),
        "board": measuring.BOARDS[0],
        "small_board": measuring.BOARDS[1],
        "counted_images": measuring.COUNTED,
        "recipes": {scale: asdict(recipe)},
    }
    return runs, about, {**options, **_describe(network)}


def _describe(network: Any) -> dict[str, Any]:
    """How many weights are binary, how many real; the surrogate that the binarizer's paper used."""
    from xnorc.nn.binarizer import Binarizer
    from xnorc.nn.layers import BinaryConv2d, BinaryLinear

    modules = list(network.modules())
    binary = [m for m in modules if isinstance(m, BinaryConv2d | BinaryLinear)]
    binarizers = [m for m in modules if isinstance(m, Binarizer)]
    own = sum(p.numel() for m in binarizers for p in m.parameters())
    return {
        "binary_weights": sum(m.weight.numel() for m in binary),
        "binarizer_parameters": own,
        "paper_surrogate": binarizers[0].usual,
    }


def _provenance() -> dict[str, Any]:
    """What measured: versions, and the commit (with a plus where the package or the firmware differ from it)."""

    def said(*words: str) -> str:
        try:
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip().partition("\n")[0] if done.returncode == 0 else ""

    changed = said("git", "status", "--porcelain", "--", "exporter", "firmware", "templates", "boards")
    commit = said("git", "rev-parse", "--short=10", "HEAD")
    return {
        "xnorc": __version__,
        "commit": commit + ("+" if changed else ""),
        "gcc": said("arm-none-eabi-gcc", "-dumpfullversion"),
        "qemu": said("qemu-system-arm", "--version"),
        "machine": training.this_machine(),
    }


def main() -> None:
    """The entry point: an XnorcError becomes one line and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except UsageError as error:
        sys.exit(misused(error))
    except XnorcError as error:
        sys.stderr.write(f"binarizers: {error}\n")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("binarizers: interrupted; the same command goes on\n")
        sys.exit(130)
