# SPDX-License-Identifier: Apache-2.0
"""A kernel that can run a node, and the registry of them: one file per op in `plan/kernels/`.

Each file has one function, `kernels(node, tensors) -> list[Kernel]`: every kernel that takes this node, the fastest
first, the reference last.  The reference takes every node that verifies.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, cast

from xnorc.errors import ProgramError
from xnorc.plan.layout import Struct
from xnorc.program import Kind, Node, Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Kernel:
    """One way of running one node.

    Attributes:
        function: the C function, `bnn_<op>_<variant>`; empty where nothing is left to do (`plan/riding.py`).
        build: makes the node's struct; called once, when the kernel is chosen.
        scratch: bytes of working memory; the function takes a last argument `scratch` where `takes_scratch`.
        in_place: inputs (by index) whose memory the output may take over.
        takes_array: the inputs go as one array of pointers.
        sums: it also writes the sum of each channel of its output, in this kind, through one more argument.
        carriers: kernels that do the same and write sums, one for each kind of these.
        note: what tells it from others with the same function, such as its strip; no blanks.
    """

    function: str
    build: Callable[[], Struct]
    scratch: int = 0
    takes_scratch: bool = False
    in_place: tuple[int, ...] = ()
    takes_array: bool = False
    sums: Kind | None = None
    carriers: tuple[Kernel, ...] = ()
    note: str = ""

    @property
    def label(self) -> str:
        """The variant and, where it has one, its note: what tells two kernels of one node apart."""
        variant = self.function.split("_", 2)[2]
        return f"{variant}:{self.note}" if self.note else variant

    def carrier(self, kind: Kind) -> Kernel | None:
        """The kernel that does the same and writes channel sums of `kind`, or None."""
        return next((kernel for kernel in self.carriers if kernel.sums is kind), None)

    @cached_property
    def struct(self) -> Struct:
        """The node as this kernel reads it."""
        return self.build()


KernelsOf = Callable[[Node, tuple[Tensor, ...]], list[Kernel]]


@lru_cache(maxsize=1)
def registry() -> dict[str, KernelsOf]:
    """`kernels` of every file in plan/kernels/, by op; importing errors propagate."""
    package = importlib.import_module("xnorc.plan.kernels")
    found: dict[str, KernelsOf] = {}
    for module in pkgutil.iter_modules(package.__path__):
        loaded: Any = importlib.import_module(f"{package.__name__}.{module.name}")
        found[module.name] = cast(KernelsOf, loaded.kernels)
    return found


def kernels_of(node: Node, tensors: tuple[Tensor, ...]) -> list[Kernel]:
    """Every kernel that takes `node` on `tensors`, the fastest first.

    Raises:
        ProgramError: no file in plan/kernels/ is named after the op.
    """
    known = registry()
    if node.op not in known:
        raise ProgramError(node.name, f"no kernel runs {node.op} nodes", f"plan/kernels/ has {', '.join(known)}")
    return known[node.op](node, tensors)


def carrying(
    function: str, build: Callable[[Kind], Struct], kinds: tuple[Kind, ...], in_place: tuple[int, ...]
) -> Kernel:
    """The kernel `function`, with `function`_sums as its carrier for channel sums of each of `kinds`.

    Args:
        build: makes the node's struct for a kind of sums.
    """
    carriers = (
        Kernel(function=f"{function}_sums", build=partial(build, kind), in_place=in_place, sums=kind, note=kind.value)
        for kind in kinds
    )
    return Kernel(function=function, build=partial(build, Kind.I32), in_place=in_place, carriers=tuple(carriers))


def shrinks(source: Tensor, output: Tensor) -> tuple[int, ...]:
    """(0,) if an elementwise kernel may write over `source` as it goes: no element grows.  Bits are read by pixel."""
    if "bit" in (source.kind, output.kind):
        ch = source.shape[2]
        return (0,) if source.kind != "bit" and output.nbytes // _pixels(output) <= ch * _size(source) else ()
    return (0,) if _size(output) <= _size(source) else ()


def _size(tensor: Tensor) -> int:
    return tensor.kind.dtype.itemsize


def _pixels(tensor: Tensor) -> int:
    return tensor.shape[0] * tensor.shape[1]
