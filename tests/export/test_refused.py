# SPDX-License-Identifier: Apache-2.0
"""Models that have no integer form, or are broken: one honest line that names the place, no folder, no traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests import refused
from xnorc.capture import load_factory
from xnorc.errors import XnorcError
from xnorc.exporting import export


def places_in(name: str) -> set[str]:
    """What a message may name instead of a line: the factory, the module as a whole, or one of its parameters."""
    spec = f"tests.refused.{name}:build"
    try:
        module = refused.load(name).build()
    except Exception:  # the file fails by itself, which is what it is here for
        return {spec}
    if not isinstance(module, torch.nn.Module):
        return {spec}
    held = [key for key, _ in (*module.named_parameters(), *module.named_buffers())]
    return {spec, type(module).__name__, *held}


def message_for(name: str, out: Path) -> str:
    """What the exporter says of a model; it must say it as an XnorcError."""
    shape = refused.constant(name, "INPUT")
    c, h, w = (shape[0], 1, 1) if len(shape) == 1 else shape
    images = torch.randint(0, 256, (64, h, w, c), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).numpy()
    example = (torch.from_numpy(images[:1]).permute(0, 3, 1, 2).float() / 255).reshape(1, *shape)
    with pytest.raises(XnorcError) as caught:
        export(load_factory(f"tests.refused.{name}:build"), example, out=out, calibration=images)
    return str(caught.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", refused.names())
def test_a_model_without_an_integer_form_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    message = message_for(name, tmp_path / "out")
    assert not list(tmp_path.iterdir()), "something was written"
    assert "\n" not in message
    lines = refused.marked_lines(name)
    if lines and not any(message.startswith(f"{place}: ") for place in places_in(name)):
        named = {int(n) for n in re.findall(rf"{re.escape(refused.path_of(name).name)}:(\d+)", message)}
        assert named & set(lines), f"{message!r} names lines {sorted(named)}, not {lines}"
    told = message.replace(str(refused.path_of(name)), "").lower()
    reasons = refused.constant(name, "REASON")
    assert any(reason in told for reason in reasons), f"{message!r} gives none of {reasons}"
