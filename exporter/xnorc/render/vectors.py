# SPDX-License-Identifier: Apache-2.0
"""Conformance vectors -> `vectors.h` for firmware/app/vectors.c: inputs, every kernel that takes the node, the answer.

The answer is numpy's.  The same C runs on the host, on an emulator and on a board.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from xnorc.plan import Kernel, kernels_of
from xnorc.plan.layout import Array, Struct
from xnorc.program import Kind, Node, Tensor
from xnorc.render.ctext import ArrayText, Line, array_text, initialiser
from xnorc.render.templates import render

_FILL = b"\xa5"  # FILL of firmware/app/vectors.c: what no kernel writes
_ROW = 80  # bytes of flash for a case's table row, its call and its name, about


@dataclass(frozen=True, eq=False)
class Vector:
    """One node with one input.

    Attributes:
        name: unique; printable, no blanks.
        node: verified.
        tensors: its inputs.
        arrays: their values, (h, w, ch) each.
        scratch: kernels that need more bytes of it are left out; None takes all.
    """

    name: str
    node: Node
    tensors: tuple[Tensor, ...]
    arrays: tuple[np.ndarray, ...]
    scratch: int | None = None

    @cached_property
    def want(self) -> np.ndarray:
        """The answer, (h, w, ch)."""
        return self.node.run(*(array[None] for array in self.arrays))[0]

    @cached_property
    def kernels(self) -> list[Kernel]:
        """Every kernel that takes the node, or, where scratch is short, those that it suffices for.

        Of many variants of one function the fastest, the one in the middle and the smallest are run.
        """
        offers = [k for k in kernels_of(self.node, self.tensors) if self.scratch is None or k.scratch <= self.scratch]
        offers += [carrier for k in offers for carrier in k.carriers]
        alike = {k.function: [o for o in offers if o.function == k.function] for k in offers}
        return [k for group in alike.values() for k in dict.fromkeys((group[0], group[len(group) // 2], group[-1]))]

    def answer(self, kernel: Kernel) -> tuple[bytes, int]:
        """What the kernel leaves in memory, and the offset of the channel sums that follow its output there."""
        raw = self.node.output.pack(self.want)
        if kernel.sums is None:
            return raw, 0
        raw += _FILL * (-len(raw) % 4)
        sums = self.want.astype(np.int64).sum(axis=(0, 1)).astype(kernel.sums.dtype.newbyteorder("<")).tobytes()
        return raw + sums + _FILL * (-len(sums) % 4), len(raw)

    def within(self, ram: int) -> Vector | None:
        """The same without kernels that need more than two thirds of `ram`; None if the output needs over a third."""
        return None if self.node.output.nbytes > ram // 3 else replace(self, scratch=ram - ram // 3)

    @property
    def flash(self) -> int:
        """Bytes of constants; arrays that its kernels share are counted once."""
        arrays = {array.key: array.nbytes for k in self.kernels for _, array in k.struct.arrays()}
        constants = sum(arrays.values()) + 4 * len(arrays)
        rows = sum(k.struct.nbytes + _ROW + len(self.name) for k in self.kernels)
        return constants + rows + self.node.output.nbytes + sum(t.nbytes for t in self.tensors)


@dataclass(frozen=True)
class _Call:
    """One kernel on one vector, as the template prints it."""

    id: str
    name: str
    function: str
    ctype: str
    members: tuple[Line, ...]
    inputs: tuple[str, ...]
    takes_array: bool
    takes_scratch: bool
    want: str
    nbytes: int
    sums: int | None
    h: int
    w: int
    ch: int
    kind: str
    scratch: int


def chunks(vectors: Sequence[Vector], flash: int, ram: int) -> Iterator[list[Vector]]:
    """Split into runs of at most `flash` bytes of constants and `ram` bytes of output and scratch.

    Vectors are cut to what `Vector.within` leaves; those of which nothing is left are missing.
    """
    run: list[Vector] = []
    used = 0
    for vector in vectors:
        small = vector.within(ram)
        if small is None or small.flash > flash:
            continue
        if used + small.flash > flash:
            yield run
            run, used = [], 0
        run.append(small)
        used += small.flash
    if run:
        yield run


def render_vectors(vectors: Sequence[Vector]) -> str:
    """The text of vectors.h."""
    names: dict[tuple[str, bytes], str] = {}
    arrays: list[ArrayText] = []

    def define(name: str, array: Array) -> str:
        if array.key not in names:
            names[array.key] = name
            arrays.append(array_text(name, array))
        return names[array.key]

    calls = []
    for i, vector in enumerate(vectors):
        pairs = zip(vector.tensors, vector.arrays, strict=True)
        inputs = tuple(define(f"case_{i}_in_{j}", _raw(t, v)) for j, (t, v) in enumerate(pairs))
        for j, kernel in enumerate(vector.kernels):
            struct: Struct = kernel.struct
            paths = {path: define(f"case_{i}_{j}_{path}", array) for path, array in struct.arrays()}
            h, w, ch = vector.node.output.shape
            raw, sums = vector.answer(kernel)
            want = define(f"case_{i}_{j}_want", _elements(vector.node.output, raw))
            calls.append(
                _Call(
                    id=f"{i}_{j}",
                    name=f"{vector.name}/{kernel.label}".replace('"', "."),
                    function=kernel.function,
                    ctype=struct.ctype,
                    members=initialiser(struct, paths),
                    inputs=inputs,
                    takes_array=kernel.takes_array,
                    takes_scratch=kernel.takes_scratch,
                    want=want,
                    nbytes=len(raw),
                    sums=None if kernel.sums is None else sums,
                    h=h,
                    w=w,
                    ch=ch,
                    kind=f"BNN_{vector.node.output.kind.name}",
                    scratch=kernel.scratch,
                )
            )
    return render(
        "vectors.h.j2",
        arrays=arrays,
        calls=calls,
        out_bytes=max((c.nbytes for c in calls), default=0),
        scratch_bytes=max((c.scratch for c in calls), default=0),
    )


def _raw(tensor: Tensor, value: np.ndarray) -> Array:
    """A tensor's value as a C array."""
    return _elements(tensor, tensor.pack(value))


def _elements(tensor: Tensor, raw: bytes) -> Array:
    """Bytes as a C array of the tensor's element type, so that it is aligned and no byte too long."""
    ctype = "uint32_t" if tensor.kind is Kind.BIT else f"{tensor.kind.dtype.name}_t"
    dtype = "<u4" if tensor.kind is Kind.BIT else tensor.kind.dtype.newbyteorder("<")
    return Array(ctype, np.frombuffer(raw, dtype), f"{tensor.name} {tensor.shape}")
