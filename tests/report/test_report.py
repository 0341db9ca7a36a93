# SPDX-License-Identifier: Apache-2.0
"""Results, tables, JSON and HTML say what was measured, and nothing that was not."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from sklearn import metrics

from tests.report.example import IMAGES, LABELS, STEPS, TRUTHS, program, report
from xnorc.program.saturation import Saturation
from xnorc.report import drawing, pictures, rows, tables
from xnorc.report.html import page, write_html
from xnorc.report.json_report import document, write_json
from xnorc.report.results import Accuracy, Agreement, Classification, Data, wrong_samples
from xnorc.targets.host import Host


@given(st.integers(2, 6), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_confusion_precision_and_recall_are_scikit_learns(classes: int, samples: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    truths, labels = dice.integers(-1, classes, samples), dice.integers(0, classes, samples)
    found = Classification.of(labels, truths, classes)
    known, every = truths >= 0, list(range(classes))
    assert found.samples == known.sum()
    if not known.any():
        assert found.accuracy is None
        return
    arguments = (truths[known], labels[known])
    assert np.array_equal(found.confusion, metrics.confusion_matrix(*arguments, labels=every))
    precision, recall, *_ = metrics.precision_recall_fscore_support(*arguments, labels=every, zero_division=np.nan)
    assert np.array_equal(found.precision, precision, equal_nan=True)
    assert np.array_equal(found.recall, recall, equal_nan=True)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(*arguments), abs=1e-15)


def test_wrong_samples_are_the_first_that_are_wrong() -> None:
    found = wrong_samples(IMAGES, LABELS, TRUTHS)
    assert [(w.index, w.truth, w.label) for w in found] == [(2, 0, 1), (6, 1, 0), (7, 2, 0)]
    assert np.array_equal(found[0].image, IMAGES[2])
    assert len(wrong_samples(IMAGES, LABELS, TRUTHS, most=2)) == 2


def test_layers_are_the_programs_nodes_with_the_plans_costs() -> None:
    first, second = rows.layers(program(), STEPS, [1, 2])
    assert first == rows.Layer("sign", "threshold", "bnn_threshold", (4, 3, 1), "bit", 0, 24, 64, 1.0)
    assert second == rows.Layer("fc", "bconv2d", "bnn_bconv2d_fc", (1, 1, 3), "i32", 36, 152, 112, 2.0)
    assert rows.layers(program(), STEPS)[0].count is None


def test_nodes_of_one_module_are_told_apart() -> None:
    first, second = rows.layers(program(), STEPS)
    assert rows.labels((first, second)) == ("sign", "fc")
    assert rows.labels((first, replace(second, name="sign"))) == ("sign threshold", "sign bconv2d")


def test_spans_last_from_writer_to_last_reader() -> None:
    assert rows.spans(program(), STEPS) == (
        rows.Span("x", "input", 0, 12, 0, 1),
        rows.Span("bits", "tensor", 16, 48, 0, 1),
        rows.Span("logits", "tensor", 64, 12, 1, 1),
        rows.Span("scratch of fc", "scratch", 80, 32, 1, 1),
    )


def test_memories_add_up_to_what_the_linker_counted() -> None:
    flash, ram = report().memories
    assert (flash.used, flash.parts[0]) == (4096, rows.Part("code", "code", 4096 - 24 - 152))
    assert flash.by_use == {"code": 4096 - 176, "constants": 176}
    assert (ram.used, ram.parts[1]) == (1500, rows.Part("variables", "data", 1500 - 112 - 1024))


def shown(table: Table) -> str:
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_the_layer_table_has_totals_and_counts_only_where_counted() -> None:
    text = shown(tables.layer_table(report().layers, "instructions"))
    assert all(word in text for word in ("instructions", "4x3x1", "bconv2d", "1,000", "112 peak", "176"))
    assert "instructions" not in shown(tables.layer_table(report().layers))
    assert "cycles" not in shown(tables.layer_table(rows.layers(program(), STEPS), "cycles"))


def test_the_accuracy_table_leaves_out_what_was_not_run() -> None:
    text = shown(tables.accuracy_table(report().accuracy, report().agreement, "AN386"))
    assert "57.14 %" in text
    assert "host C" not in text
    assert "all labels of PyTorch" in text
    assert "7 of 8 logits of the program" in text


def test_the_memory_table_shows_shares_where_the_total_is_known() -> None:
    text = shown(tables.memory_table(report().memories))
    assert "50.00 %" in text
    assert "1,500" in text


def test_the_summary_says_what_ran_where() -> None:
    expected = "tiny on Arm MPS2+ AN386 by qemu, 57.14 % of 7, 1,000 instructions per inference"
    assert tables.summary(report()) == expected
    assert tables.summary(report(target=Host(), count=None, accuracy=Accuracy())) == "tiny on host"


def test_the_json_report_has_the_fields_that_others_read(tmp_path: Path) -> None:
    write_json(report(), tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert read == json.loads(json.dumps(document(report())))
    assert read["schema"] == {"name": "xnorc.report", "version": 1}
    assert read["accuracy"] == {"pytorch": 4 / 7, "program": 4 / 7, "host": None, "device": 4 / 7, "device_top5": None}
    assert read["agreement"]["device_logits"] == 7
    assert read["data"] == {"name": "toy", "samples": 8, "classes": ["zero", "one", "two"], "caveat": "only for tests"}
    assert read["target"]["board"] == "mps2_an386"
    assert read["confusion"] == [[2, 1, 0], [1, 2, 0], [1, 0, 0]]
    assert read["classes"][2] == {"label": 2, "name": "two", "precision": None, "recall": 0.0}
    assert read["layers"][1]["count"] == 900.5
    assert read["inference"] == {"unit": "instructions", "mean": 1000.5, "least": 990.0, "greatest": 1010.0}
    assert read["memory"]["flash"]["used"] == 4096
    assert read["memory"]["arena"]["spans"][0]["label"] == "x"
    assert read["versions"] == {"arm-none-eabi-gcc": "12.2", "numpy": "2.0"}


class Page(HTMLParser):
    """Balanced tags, ids, and every address that a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "img", "br", "path", "use"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.addresses.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "use"):
            assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    write_html(report(), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    parsed = Page(text)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "script" not in parsed.tags
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in parsed.addresses)
    assert "@import" not in text
    assert text.count("<svg") == 5
    assert text.count("data:image/png") == 3  # the wrong samples


def test_the_page_says_what_the_report_says() -> None:
    text = page(report())
    for words in (
        "57.14 %",
        "Arm MPS2+ AN386",
        "only for tests",
        "00112233aabbccdd",
        "bnn_bconv2d_fc",
        "two taken for zero",
    ):
        assert words in text
    assert "a note with &lt;angles&gt; &amp; ampersands" in text
    assert "host C" not in text


def test_names_from_outside_cannot_break_the_page() -> None:
    nasty = "</svg><script>alert(1)</script>&\"'"
    layer = replace(report().layers[0], name=nasty)
    made = report(
        model=nasty,
        layers=(layer, *report().layers[1:]),
        data=Data(nasty, 8, (nasty, "$x_1", "two"), nasty),
        notes=(nasty,),
    )
    assert "script" not in Page(page(made)).tags


def test_names_are_text_whatever_is_in_them() -> None:
    names = ("$x_1$", "{{ 7 * 7 }}", "\u732b")
    svg = pictures.confusion_svg(np.eye(3, dtype=np.int64), names)
    assert all(name in svg for name in names)


def test_reports_need_no_library_that_draws() -> None:
    script = "import sys, xnorc.report.html, xnorc.report.tables; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_ink_follows_the_page_so_that_dark_is_readable() -> None:
    text = page(report())
    assert text.count('fill="currentColor"') == text.count("<svg")
    assert not re.search(r'(fill|stroke)="(black|#0|#1)', text)
    assert "prefers-color-scheme: dark" in text


def test_the_same_report_is_the_same_page() -> None:
    assert page(report()) == page(report())


def test_a_bare_report_is_a_page_too() -> None:
    nothing = Classification.of(np.zeros(0, int), np.zeros(0, int), 3)
    bare = report(
        target=Host(),
        data=Data("random images", 4),
        accuracy=Accuracy(),
        agreement=Agreement(4),
        classification=nothing,
        layers=rows.layers(program(), STEPS),
        arena=(),
        memories=(),
        count=None,
        spread=None,
        notes=(),
        wrong=(),
        versions={},
    )
    text = page(bare)
    assert Page(text).open == []
    assert all(words not in text for words in ("instructions", "Memory map", "Wrong predictions", "None", "nan"))
    assert document(bare)["accuracy"]["device"] is None
    json.dumps(document(bare), allow_nan=False)


def test_a_hundred_classes_are_a_matrix_without_numbers() -> None:
    confusion = np.eye(100, dtype=np.int64) * 5
    svg = pictures.confusion_svg(confusion, [str(i) for i in range(100)])
    assert len(svg) < 100_000
    assert "image" in svg


def test_free_bytes_are_drawn_unless_the_used_would_drown_in_them() -> None:
    parts = (rows.Part("code", "code", 1000),)
    assert "free" in pictures.memory_svg(rows.Memory("flash", parts, 4000))
    assert "free" not in pictures.memory_svg(rows.Memory("flash", parts, 4 << 20))
    assert "free" not in pictures.memory_svg(rows.Memory("flash", parts, 0))


@pytest.mark.parametrize("channels", [3, 4])
def test_png_holds_the_pixels(channels: int) -> None:
    pil = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(3).integers(0, 256, (5, 7, channels)).astype(np.uint8)
    raw = base64.b64decode(drawing.png(pixels).removeprefix("data:image/png;base64,"))
    opened = pil.open(io.BytesIO(raw))
    assert opened.mode == {3: "RGB", 4: "RGBA"}[channels]
    assert np.array_equal(np.asarray(opened), pixels)


@given(st.integers(1, 10**9))
def test_ticks_are_round_and_few(end: int) -> None:
    found = drawing.ticks(end)
    assert found[0] == 0
    assert found[-1] <= end
    assert 1 <= len(found) <= 7
    step = found[1] if len(found) > 1 else 1
    assert found == list(range(0, end + 1, step))
    assert str(step).rstrip("0") in ("1", "2", "5")


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_every_box_lies_within_its_picture(count: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    names = ["n" * int(dice.integers(1, 40)) for _ in range(count)]
    sizes = [int(size) for size in dice.integers(1, 10**6, count)]
    layers = [replace(report().layers[0], name=name, flash=size) for name, size in zip(names, sizes, strict=True)]
    parts = tuple(rows.Part(name, "constants", size) for name, size in zip(names, sizes, strict=True))
    spans = [rows.Span(name, "tensor", at, sizes[at], at, count - 1) for at, name in enumerate(names)]
    made = [
        pictures.layers_svg(layers, "cycles"),
        pictures.memory_svg(rows.Memory("flash", parts, 10**7)),
        pictures.arena_svg(spans, names, 10**6 + count),
        pictures.confusion_svg(dice.integers(0, 9, (count, count)), names),
    ]
    for svg in made:
        root = ElementTree.fromstring(svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for box in root.iter("rect"):
            x, y, w, h = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
            assert -0.01 <= x <= x + w <= width + 0.01
            assert -0.01 <= y <= y + h <= height + 0.01


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_image_of_any_channels_has_a_picture(channels: int) -> None:
    assert pictures.png(np.zeros((5, 4, channels), np.uint8)).startswith("data:image/png;base64,")


def test_what_was_clipped_is_told_in_numbers() -> None:
    nasty = "<script>"
    made = report(clipped=(Saturation(nasty, "t_sum", 1000, 40, 1.25),))
    assert document(made)["clipped"] == [
        {"layer": nasty, "tensor": "t_sum", "elements": 1000, "clipped": 40, "excess": 1.25}
    ]
    text = page(made)
    assert "t_sum clips 40 of 1,000 values (4 %), the greatest 1.25 times what it holds" in text
    assert nasty not in text
    assert "Clipped values" not in page(report())
