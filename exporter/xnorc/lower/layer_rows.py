# SPDX-License-Identifier: Apache-2.0
"""The rows of the layer report: what an export has to tell about one tensor."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        kind: what the row is about.
        layer: module path.
        where: file, line and source text of the float node.
        exact: nothing was rounded on the way to this tensor.
    """

    kind: ClassVar[str]
    layer: str
    where: str
    exact: bool

    @property
    def note(self) -> str:
        """What of the row a user must know without looking for it; empty as a rule."""
        return ""

    def document(self) -> dict[str, Any]:
        """The row as it stands in export.json."""
        own = asdict(self)
        return {"layer": own.pop("layer"), "kind": self.kind, "where": own.pop("where"), **_exact_last(own)}


def _exact_last(fields: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in fields.items() if k != "exact"}, "exact": fields["exact"]}


@dataclass(frozen=True, kw_only=True)
class ThresholdRow(Row):
    """Thresholds that were searched.

    Attributes:
        elements: of the binarize point that are compared.
        sites: questions asked, elements that must have the same answer being one.
        search: "exhaustive", "bisection" or "grid".
        constant, two_flips: sites whose bit never flips, or flips twice.
        noise: the greatest distance of PyTorch's sum from the exact one.
        undecided: elements with a possible sum closer to a threshold than that; None where the integers are rounded
            anyway, so that the question has no meaning.
    """

    kind: ClassVar[str] = "threshold"
    elements: int
    sites: int
    search: str
    constant: int
    two_flips: int
    noise: float
    undecided: int | None

    @property
    def note(self) -> str:
        if self.search != "grid":
            return ""
        return (
            f"{self.layer}: its sums are too many to ask each, and what follows is not proved to flip once; thresholds "
            "were found on a grid of them, and a bit that comes and goes between two of these would be missed"
        )


@dataclass(frozen=True, kw_only=True)
class DynamicThresholdRow(Row):
    """Thresholds that are computed from the image.

    Attributes:
        elements: of the map that is compared.
        moving: channels whose threshold changes from image to image, of `channels`.
        spread: standard deviation of a threshold over the calibration images, mean over the channels.
        static: they were made constants.
    """

    kind: ClassVar[str] = "dynamic threshold"
    elements: int
    moving: int
    channels: int
    spread: float
    static: bool


@dataclass(frozen=True, kw_only=True)
class StreamRow(Row):
    """A sum of two streams; `scale` is the real value of one of its integers."""

    kind: ClassVar[str] = "stream"
    scale: float
