# SPDX-License-Identifier: Apache-2.0
"""The most stack that a linked firmware can need, in bytes, from its own machine code.

Nothing in the firmware recurses and no frame varies, so the most is the longest way through the calls.

    need = longest way from reset
         + the frame that an exception entry pushes, and the longest way from an interrupt's handler
         + the frame that a fault's entry pushes: its handler starts again from the top, but the frame is what it reads

Interrupts have one priority and do not nest. A frame's size is the compiler's own statement, the call frame information
(DWARF 4, section 6.4): the greatest distance of the canonical frame address from the stack pointer. Where there is none
(newlib, libgcc) it is the sum of all that a function pushes and subtracts, which is at least as much. A call through a
pointer may reach every function whose address lies somewhere in the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from elftools.dwarf.callframe import FDE
from elftools.elf.elffile import ELFFile

from xnorc.errors import ToolError
from xnorc.toolchain.compilers import cross_compiler
from xnorc.toolchain.running import run_tool

# ARMv7-M ARM (DDI 0403E) B1.5.7: eight words, and what aligns them to 8 bytes.
ENTRY_FRAME = 32 + 8
HEAD = re.compile(r"^([0-9a-f]{8}) <(.+)>:$")
LINE = re.compile(r"^ *([0-9a-f]+):\t[0-9a-f ]+\t([a-z0-9.]+)\s*(.*)$")
TARGET = re.compile(r"^(?:[a-z0-9]+, *)?([0-9a-f]+) <")
SUBTRACTED = re.compile(r"^sp(?:, sp)?, #(\d+)")
WORD = re.compile(r"^0x([0-9a-f]{8})")
FAULT = "fault_report"  # starts from the top of the stack (firmware/startup/fault.c)


@dataclass
class Function:
    """One function of the image: what it pushes, whom it calls (addresses), and whether it calls through pointers."""

    name: str
    pushed: int = 0
    calls: set[int] = field(default_factory=set)
    indirect: bool = False


@dataclass(frozen=True)
class StackNeed:
    """`bytes` at most, and the names of the longest way from reset."""

    bytes: int
    way: tuple[str, ...]


@dataclass(frozen=True)
class CallGraph:
    """Functions by address, and the frames that the compiler states."""

    functions: dict[int, Function]
    frames: dict[int, int]
    taken: frozenset[int]

    def longest(self, start: int, above: tuple[int, ...] = ()) -> tuple[int, tuple[int, ...]]:
        """(bytes, functions on the way) of the deepest call from the function at `start`."""
        if start in self._known:
            return self._known[start]
        function = self.functions[start]
        if start in above:
            raise ToolError(function.name, "calls itself: its stack has no bound", "please report this")
        deepest: tuple[int, tuple[int, ...]] = (0, ())
        for callee in sorted(function.calls | (self.taken if function.indirect else frozenset())):
            # What a pointer reaches need not be what is running: only calls by name make a circle.
            if callee in self.functions and not (callee in (*above, start) and callee not in function.calls):
                deepest = max(deepest, self.longest(callee, (*above, start)))
        own = self.frames.get(start, function.pushed)
        self._known[start] = (own + deepest[0], (start, *deepest[1]))
        return self._known[start]

    @cached_property
    def _known(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        return {}


def stack_need(elf: Path) -> StackNeed:
    """What the firmware in the file `elf` needs.

    Raises:
        ToolError: objdump is missing, or a function calls itself.
    """
    dump = run_tool([str(Path(cross_compiler()).with_name("arm-none-eabi-objdump")), "-d", str(elf)], check=True)
    functions, words = read_disassembly(dump.stdout)
    with elf.open("rb") as file:
        image = ELFFile(file)
        vectors = _words(image.get_section_by_name(".vectors"))
        words |= set(_words(image.get_section_by_name(".rodata"))) | set(_words(image.get_section_by_name(".data")))
        frames = {start: size for start, size in _frames(image) if start in functions}
    taken = frozenset(word & ~1 for word in words if word & 1 and word & ~1 in functions)
    graph = CallGraph(functions, frames, taken)
    named = {function.name: start for start, function in functions.items()}
    reset, way = graph.longest(vectors[1] & ~1)
    handlers = {word & ~1 for word in vectors[2:] if word & ~1 in functions} - {named.get("fault_handler", -1)}
    interrupt = max((ENTRY_FRAME + graph.longest(start)[0] for start in sorted(handlers)), default=0)
    need = max(reset + interrupt + ENTRY_FRAME, graph.longest(named[FAULT])[0] if FAULT in named else 0)
    return StackNeed(-(-need // 8) * 8, tuple(functions[start].name for start in way))


def read_disassembly(text: str) -> tuple[dict[int, Function], set[int]]:
    """objdump -d -> (functions by address, words of literal pools)."""
    functions: dict[int, Function] = {}
    words: set[int] = set()
    current = Function("")
    for line in text.splitlines():
        if head := HEAD.match(line):
            current = functions.setdefault(int(head[1], 16), Function(head[2]))
        elif found := LINE.match(line):
            _instruction(current, found[2], found[3], words)
    for function in functions.values():  # a branch within a function is no call
        function.calls &= functions.keys()
    return functions, words


def _instruction(function: Function, name: str, rest: str, words: set[int]) -> None:
    stem = name.split(".")[0]
    if stem == "push" or (stem == "stmdb" and rest.startswith("sp!")):
        function.pushed += 4 * _registers(rest)
    elif stem in ("sub", "subw") and (less := SUBTRACTED.match(rest)):
        function.pushed += int(less[1])
    elif name == ".word" and (word := WORD.match(rest)):
        words.add(int(word[1], 16))
    elif stem == "blx" or (stem == "bx" and not rest.startswith("lr")):
        function.indirect = True
    elif stem.startswith(("b", "cb")) and (target := TARGET.match(rest)):
        function.calls.add(int(target[1], 16))


def _registers(rest: str) -> int:
    count = 0
    for part in rest[rest.index("{") + 1 : rest.index("}")].split(","):
        first, _, last = part.strip().partition("-")
        count += 1 + (int(last[1:]) - int(first[1:]) if last else 0)
    return count


def _words(section: object) -> list[int]:
    data: bytes = section.data() if section is not None else b""  # type: ignore[attr-defined]
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data) - 3, 4)]


def _frames(image: ELFFile) -> Iterator[tuple[int, int]]:
    """(address of a function, bytes of its frame) of every function that has call frame information."""
    if not image.has_dwarf_info():
        return
    dwarf = image.get_dwarf_info()
    for entry in dwarf.CFI_entries() if dwarf.has_CFI() else ():
        if isinstance(entry, FDE):
            offsets = [row["cfa"].offset for row in entry.get_decoded().table if row["cfa"].offset is not None]
            yield entry["initial_location"] & ~1, max(offsets, default=0)
