# SPDX-License-Identifier: Apache-2.0
"""A data set through the application and back: every number is the program's, and a difference is found and named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.link import fake
from tests.link.fake_device import build_fake
from xnorc.errors import DataError, LinkError
from xnorc.link.client import Client
from xnorc.link.compare import MismatchError, compare_tensors, difference
from xnorc.link.session import Sample, Verify, stream_samples
from xnorc.program import Program
from xnorc.targets.host import HostStream


@pytest.fixture
def client(stream: HostStream) -> Client:
    made = Client(stream)
    made.connect(digest=fake.DIGEST)
    return made


def altered(index: int, **fields: object) -> Program:
    """The fake program with other fields in one node: what a wrong firmware looks like from here."""
    program = fake.program()
    node = dataclasses.replace(program.nodes[index], **fields)  # type: ignore[arg-type]
    nodes = (*program.nodes[:index], node, *program.nodes[index + 1 :])
    return dataclasses.replace(program, nodes=nodes)


def test_labels_logits_accuracy_and_ticks_come_back(client: Client) -> None:
    program, x = fake.program(), fake.images(50)
    truths = program.predict(x)
    truths[:10], truths[10:20] = -1, (truths[10:20] + 1) % fake.CLASSES
    seen: list[Sample] = []
    run = stream_samples(client, x, truths, program, Verify.TENSORS, seen.append)
    assert np.array_equal(run.labels, program.predict(x))
    assert np.array_equal(run.logits, program.run(x))
    assert run.logits.dtype == np.int32
    assert run.accuracy == 30 / 40
    assert (run.ticks > 0).all()
    assert run.layer_ticks.shape == (3,)
    assert (run.verified, run.repeats) == (Verify.TENSORS, 0)
    assert [s.index for s in seen] == list(range(50))
    assert (seen[-1].done, seen[-1].known, seen[-1].correct) == (50, 40, 30)


def test_without_labels_there_is_no_accuracy(client: Client) -> None:
    assert stream_samples(client, fake.images(3)).accuracy is None


def test_no_samples_are_no_error(client: Client) -> None:
    run = stream_samples(client, fake.images(0), None, fake.program(), Verify.LOGITS)
    assert (run.labels.shape, run.logits.shape, run.ticks.shape) == ((0,), (0, 7), (0,))


def test_two_runs_in_one_session_are_counted_apart(client: Client) -> None:
    assert len(stream_samples(client, fake.images(4)).labels) == 4
    assert len(stream_samples(client, fake.images(3)).labels) == 3


@pytest.mark.parametrize("body", [8, 257, 258, 259, 1024])
def test_other_limits_on_a_frame_serve_as_well(body: int, tmp_path: Path, need: Callable[..., None]) -> None:
    """Blocks of 254 bytes without a zero are where COBS changes its code; 360 of them fit a body of 1024."""
    need("gcc")
    x = np.maximum(fake.images(20), 1)
    x[10:, 3] = 0
    with HostStream(build_fake(tmp_path / "fake", LINK_MAX_BODY=body)) as stream:
        client = Client(stream)
        assert client.connect().max_body == body
        stream_samples(client, x, None, fake.program(), Verify.TENSORS)


def test_the_first_difference_is_named(client: Client) -> None:
    thresholds = fake.program().nodes[0].thresholds
    other = dataclasses.replace(thresholds, thr=thresholds.thr + np.array([0, 1], np.int32))
    x = fake.images(40)
    with pytest.raises(MismatchError) as caught:
        stream_samples(client, x, None, altered(0, thresholds=other), Verify.TENSORS)
    sample = int((x[..., 1] == 120).any(axis=(1, 2)).argmax())
    y, column = np.argwhere(x[sample, :, :, 1] == 120)[0]
    expected = f"sample {sample}: sign (threshold), bits at y={y}, x={column}, channel=1: device 1, program 0"
    assert str(caught.value).startswith(expected)


def test_different_logits_lead_to_the_tensor_where_it_began(client: Client) -> None:
    weights = fake.program().nodes[1].weights.copy()
    weights[4, 5, 6, 1] *= -1
    with pytest.raises(
        MismatchError, match=r"sample 0: fc \(bconv2d\), dots at y=0, x=0, channel=4: .* \(1 of 7 differ\)"
    ):
        stream_samples(client, fake.images(1), None, altered(1, weights=weights), Verify.LOGITS)


def test_equal_tensors_are_found_equal(client: Client) -> None:
    image = fake.images(1)[0]
    client.sample(image.tobytes())
    assert compare_tensors(client, fake.program(), image) is None
    assert compare_tensors(client, fake.program(), image ^ 1) is not None


def test_tail_bits_count() -> None:
    bits = fake.program().nodes[0].output
    value = np.ones(bits.shape, np.uint8)
    raw = bytearray(bits.pack(value))
    assert difference(bits, value, bytes(raw)) is None
    raw[2] = 1  # bit 16 of a word that holds 2 channels
    assert difference(bits, value, bytes(raw)) == "bits: unused tail bits are not 0"
    assert difference(bits, value, bytes(raw[:-4])) == "bits: 716 bytes instead of 720"


def test_the_wrong_program_is_not_streamed_to(stream: HostStream) -> None:
    with pytest.raises(LinkError, match=r"runs model fake .*, not the program given"):
        Client(stream).connect(digest=bytes(8))


BAD_DATA: list[tuple[str, dict[str, object]]] = [
    ("images: float32", {"x": fake.images(2).astype(np.float32)}),
    ("images: uint8 .*360 bytes each", {"x": fake.images(2)[:, :, :14]}),
    ("images: of shape", {"x": fake.images(2).reshape(2, 15, 12, 2), "program": fake.program()}),
    (r"labels: of shape \(3,\) for 2 images", {"y": np.zeros(3, int)}),
    ("labels: 0..7", {"y": np.array([0, 7])}),
    ("labels: -2..0", {"y": np.array([0, -2])}),
    ("verify: there is no program", {"verify": Verify.LOGITS}),
]


@pytest.mark.parametrize(("what", "arguments"), BAD_DATA, ids=[what for what, _ in BAD_DATA])
def test_data_that_do_not_fit_are_refused_before_anything_runs(
    client: Client, what: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(DataError, match=what):
        stream_samples(client, **{"x": fake.images(2), **arguments})  # type: ignore[arg-type]
    assert client.totals().samples == 0


def test_a_count_that_differs_is_an_error(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = client.sample

    def twice(pieces: Iterable[tuple[bytes, int]]) -> Iterator[object]:
        for data, truth in pieces:
            sample(data, truth)
            yield sample(data, truth)

    monkeypatch.setattr(client, "samples", twice)
    with pytest.raises(LinkError, match=r"are \(2, 0, 0, .* here, the device counted \(4, 0, 0"):
        stream_samples(client, fake.images(2))
