# SPDX-License-Identifier: Apache-2.0
"""From the captured float graph to the integer program.

`lower` walks along the graph from the image to the logits and asks of every dot which integers stand for it.  The
answer asks the same of what feeds the dot, as far back as nothing is known yet.  Dots become integer convolutions and
binarize points become thresholds, searched with the model's own operations.  PASSES then tidy the program; no pass
changes a bit, and the program is verified after each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xnorc.capture import Captured
from xnorc.errors import Fault, LowerError
from xnorc.lower.bits.binarize_point import lower_binarize_point
from xnorc.lower.builder import Builder
from xnorc.lower.graph.graph import read_graph
from xnorc.lower.graph.ops import DOTS, is_call
from xnorc.lower.graph.source import Source
from xnorc.lower.inputs import input_tensor
from xnorc.lower.layer_rows import Row
from xnorc.lower.logits import lower_logits
from xnorc.lower.lowering import Answers, BitSource, Lowering
from xnorc.lower.sources import lower_source
from xnorc.lower.streams.stream import lower_stream
from xnorc.options import Options
from xnorc.program import Normalisation, Program, Tensor
from xnorc.program.passes.absorb_permutations import absorb_permutations
from xnorc.program.passes.drop_unread import drop_unread
from xnorc.program.passes.fuse_epilogues import fuse_epilogues
from xnorc.program.passes.merge_equal import merge_equal

__all__ = ["PASSES", "Lowered", "Options", "lower"]

PASSES: tuple[Callable[[Program], Program], ...] = (drop_unread, merge_equal, fuse_epilogues, absorb_permutations)


@dataclass(frozen=True, eq=False)
class Lowered:
    """What `lower` made.

    Attributes:
        program: verified.
        bits: the binarize points and where their bits lie.
        sources: the float nodes that integers stand for, and where.
        report: one row for each layer.
        captured, options: what it was made of.
    """

    program: Program
    bits: tuple[BitSource, ...]
    sources: tuple[Source, ...]
    report: tuple[Row, ...]
    captured: Captured
    options: Options

    @property
    def exact(self) -> bool:
        """Nothing is rounded: no stream, no stencil, no threshold computed from the image."""
        return all(source.exact for source in self.sources) and all(row.exact for row in self.report)


def lower(
    captured: Captured,
    options: Options,
    name: str,
    images: Sequence[np.ndarray] = (),
    on_program: Callable[[str, Program], None] | None = None,
) -> Lowered:
    """Lower a captured network.

    Args:
        name: of the program, a C identifier.
        images: uint8 (N, h, w, ch) each; after every pass over the program its logits are the same on them.
        on_program: gets the program as it was lowered, and after each pass.

    Raises:
        Fault: a pass changed what the program computes.
        LowerError: an operation has no integer form; it names the source line, what was found and what would be
            accepted.
    """
    graph, builder = read_graph(captured, options), Builder(input_tensor(captured.example))
    lowering = Lowering(graph, builder, Answers(lower_source, lower_binarize_point, lower_stream))
    if captured.logits not in graph.origins:
        raise graph.refuse(
            captured.logits, "the logits do not depend on the image", "a network that looks at its input"
        )
    if not any(is_call(node, DOTS) for node in captured.graph.graph.nodes):
        raise LowerError(name, "nothing to export: no convolution and no linear layer", "a network")
    for node in captured.graph.graph.nodes:  # in order, so that the recursion below stays shallow
        if is_call(node, DOTS):
            lowering.source(node)
    logits = lower_logits(lowering)
    nodes = tuple(replace(n, output=logits) if n.output.name == logits.name else n for n in builder.nodes)
    program = Program(
        name=name, input=builder.input, nodes=nodes, output=logits.name, normalisation=_normalisation(options)
    )
    kept = {builder.input.name, *(node.output.name for node in drop_unread(program).nodes)}

    def read(about: Tensor | None) -> bool:
        """The one rule: what concerns a tensor that nothing reads is dropped, be it note, row, bits or source."""
        return about is None or about.name in kept

    memo = lowering.memo
    notes = (text for text, about in builder.notes if read(about))
    report = tuple(replace(row, where=_portable(row.where)) for row, about in builder.rows if read(about))
    bits = tuple(b for b in memo.bits.values() if read(b.tensor))
    sources = tuple(s for s in (*memo.sources.values(), *memo.streams.values()) if read(s.tensor))
    told = (*captured.proofs, *captured.notes, *notes, *(row.note for row in report if row.note))
    program = replace(program, notes=tuple(map(_portable, told)))
    program = _tidied(program, images, on_program or (lambda _name, _program: None))
    return Lowered(program, bits, sources, report, captured, options)


def _normalisation(options: Options) -> Normalisation:
    plain = Normalisation()
    return Normalisation(options.mean or plain.mean, options.std or plain.std)


def _tidied(program: Program, images: Sequence[np.ndarray], told: Callable[[str, Program], None]) -> Program:
    """The program after PASSES, verified after each and run on the images."""
    program.verify()
    expected = [program.run(x) for x in images]
    told("lowered", program)
    for tidy in PASSES:
        program = tidy(program)
        program.verify()
        for x, logits in zip(images, expected, strict=True):
            if not np.array_equal(program.run(x), logits):
                raise Fault(f"lower, pass {tidy.__name__}", "it changed the program's logits")
        told(tidy.__name__, program)
    return program


def _portable(text: str) -> str:
    """File names without their folders: the same model gives the same files on every machine."""
    return re.sub(r"(?:[A-Za-z]:)?[/\\](?:[^/\\:`]+[/\\])+(?=[^/\\:`]+:\d)", "", text)
