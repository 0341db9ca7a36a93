# SPDX-License-Identifier: Apache-2.0
"""The integer program: one input, nodes in order, int32 logits.  `run` is what "correct" means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from xnorc.errors import DataError, ProgramError
from xnorc.program.node import Bounds, Node
from xnorc.program.normalisation import Normalisation
from xnorc.program.tensor import Kind, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Program:
    """A network in integers.

    Attributes:
        name: a C identifier.
        input: the image, uint8 (h, w, ch).
        nodes: in an order in which every input exists before it is read.
        output: name of the int32 logits tensor, (1, 1, classes).
        normalisation: what was folded into the first layer; None where it is not known.
        notes: what lowering assumed, proved or measured, one line each; carried into dumps and reports.
    """

    name: str
    input: Tensor
    nodes: tuple[Node, ...]
    output: str
    notes: tuple[str, ...] = field(default=())
    normalisation: Normalisation | None = None

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.input.shape))
        return f"<Program {self.name}: {len(self.nodes)} nodes, {shape} bytes -> {self.logits.shape[2]} logits>"

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name: the input first, then each node's output."""
        return {t.name: t for t in (self.input, *(n.output for n in self.nodes))}

    @property
    def logits(self) -> Tensor:
        """The output tensor."""
        return self.tensors[self.output]

    def steps(self, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Run on x uint8 (N, h, w, ch), yielding (tensor name, value) for each node as it is done."""
        x = np.asarray(x)
        if x.shape[1:] != self.input.shape or x.dtype != self.input.kind.dtype:
            raise ProgramError(
                self.name,
                f"input is {x.dtype} {x.shape}",
                f"it takes {self.input.kind.dtype} (N, {', '.join(map(str, self.input.shape))})",
            )
        last_use = {name: i for i, node in enumerate(self.nodes) for name in node.inputs}
        alive = {self.input.name: x}
        for i, node in enumerate(self.nodes):
            alive[node.output.name] = node.run(*(alive[name] for name in node.inputs))
            yield node.output.name, alive[node.output.name]
            for name in node.inputs:
                if last_use[name] == i:
                    alive.pop(name, None)

    def run(self, x: np.ndarray, batch: int = 64) -> np.ndarray:
        """x uint8 (N, h, w, ch) -> int32 logits (N, classes), `batch` samples at a time."""
        parts = [self._logits_of(x[i : i + batch]) for i in range(0, len(x), batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.logits.shape[2]), np.int32)

    def _logits_of(self, x: np.ndarray) -> np.ndarray:
        for name, value in self.steps(x):
            if name == self.output:
                return value.reshape(len(x), -1)
        raise ProgramError(self.name, f"no node writes the output {self.output}")

    def trace(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Every tensor of the run on x, by name, the input included."""
        return {self.input.name: np.asarray(x), **dict(self.steps(x))}

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Labels (N,): the index of the greatest logit, the first of equals."""
        return self.run(x).argmax(axis=1)

    def check_labels(self, labels: np.ndarray, where: str = "labels") -> None:
        """Refuse labels that the network cannot give, so that no share of them is counted.

        Raises:
            DataError: `where` names them.
        """
        labels, classes = np.asarray(labels), self.logits.shape[2]
        if not len(labels) or (int(labels.min()) >= 0 and int(labels.max()) < classes):
            return
        hint = f"the model has classes 0..{classes - 1}"
        if classes == 1:
            hint = "the model gives one number, which has no greatest: compare it with a threshold of your own"
        raise DataError(where, f"{labels.min()}..{labels.max()}", hint)

    def verify(self) -> dict[str, Bounds]:
        """Check every precondition that the kernels rely on; returns proved bounds of every tensor.

        Raises:
            ProgramError: naming the node and the fact that does not hold.
        """
        if self.input.kind is not Kind.U8:
            raise ProgramError(self.name, f"the input is {self.input.kind.value}", "u8")
        known, bounds = {self.input.name: self.input}, {self.input.name: self.input.kind.range}
        for node in self.nodes:
            for name in node.inputs:
                if name not in known:
                    raise ProgramError(node.name, f"reads {name} before any node writes it")
            if node.output.name in known:
                raise ProgramError(node.name, f"writes {node.output.name} a second time")
            if min(node.output.shape) < 1:
                raise ProgramError(node.name, f"output shape {node.output.shape} is empty")
            sources = tuple(known[name] for name in node.inputs)
            bounds[node.output.name] = node.verify(sources, tuple(bounds[name] for name in node.inputs))
            known[node.output.name] = node.output
        if self.output not in known:
            raise ProgramError(self.name, f"no node writes the output {self.output}")
        logits = known[self.output]
        if logits.kind is not Kind.I32 or logits.shape[:2] != (1, 1):
            raise ProgramError(
                self.name, f"the output {logits.name} is {logits.kind.value} {logits.shape}", "i32 (1, 1, classes)"
            )
        return bounds

    def dump(self) -> str:
        """The program as text, one line a node: for eyes and for golden tests."""
        tensors = self.tensors
        lines = [f"program {self.name}: {_show(self.input)}"]
        for node in self.nodes:
            sources = ", ".join(node.inputs)
            lines.append(f"  {_show(node.output)} = {node.op}({sources}) {_details(node, tensors)}".rstrip())
        lines.append(f"  return {self.output}")
        return "\n".join(lines) + "\n"


def _show(tensor: Tensor) -> str:
    h, w, ch = tensor.shape
    scale = "" if tensor.scale is None else f"*{tensor.scale:g}"
    return f"{tensor.name}:{tensor.kind.value}[{h}x{w}x{ch}]{scale}"


def _details(node: Node, tensors: dict[str, Tensor]) -> str:
    words = []
    window = getattr(node, "window", None)
    if window is not None:
        words.append(f"{window.kh}x{window.kw}")
        if (window.stride_h, window.stride_w) != (1, 1):
            words.append(f"stride {window.stride_h}x{window.stride_w}")
        if (window.dilation_h, window.dilation_w) != (1, 1):
            words.append(f"dilation {window.dilation_h}x{window.dilation_w}")
        pads = (window.pad_top, window.pad_left, window.pad_bottom, window.pad_right)
        if any(pads):
            words.append(
                f"pad {','.join(map(str, pads))} {window.pad_mode}"
                + (f"={window.pad_value}" if window.pad_mode == "constant" else "")
            )
    if getattr(node, "groups", 1) != 1:
        words.append(f"groups {node.groups}")  # type: ignore[attr-defined]
    thresholds = getattr(node, "thresholds", None)
    if thresholds is not None:
        classes = thresholds.thr.shape[0] * thresholds.thr.shape[1]
        th, tw = thresholds.period
        h, w, _ = node.output.shape
        place = (
            "thr" if classes == 1 else f"thr tile {th}x{tw}" if th < h or tw < w else f"thr map of {classes} classes"
        )
        words.append(
            place
            + (" interval" if thresholds.thr2 is not None else "")
            + (f" flip {int(thresholds.flip.sum())}" if thresholds.flip.any() else "")
        )
    requant = getattr(node, "requant", None)
    if requant is not None:
        words.append(f"requant >> {requant.shift} within {requant.low}..{requant.high}")
    macs = node.macs(*(tensors[name] for name in node.inputs))
    if macs:
        words.append(f"macs {macs}")
    return " ".join(words)
