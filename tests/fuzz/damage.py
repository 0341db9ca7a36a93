# SPDX-License-Identifier: Apache-2.0
"""python -m tests.fuzz.damage [-n COUNT] [--seed FIRST] [--c EVERY]: exported programs, damaged at random.

The rule: what the door lets in is a program. It plans, renders and runs as numpy, and (every EVERY-th of them) as C
under the sanitizers with equal logits. All else is an XnorcError in one line. Exits with 1 if anything broke the rule.
"""

from __future__ import annotations

import argparse
import collections
import copy
import io
import json
import random
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.conformance.programs import random_program
from xnorc.boards import load as load_board
from xnorc.errors import Fault, XnorcError
from xnorc.plan import plan
from xnorc.program import Program
from xnorc.program.store import load, save
from xnorc.render.model import render_model

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 31, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), 2**63, 10**30, 0.5,
    1e400, -1e400, "", "x", "image", "\x1b[31m", "\ud800", "*/", "constant", "reflect", "bit", "i32", [], [0], {},
    {"is": "array", "key": "0.weights"},
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """A damaged program that broke the rule."""

    seed: int
    where: str
    what: str


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [each for key, held in inner for each in places(held, (*path, key))]


def damaged(document: Any, rng: random.Random) -> Any:
    """`document` with one or two of its parts changed, exchanged, dropped or doubled."""
    made = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2))):
        path, other = rng.choice(places(made)), rng.choice(places(made))
        holder, source = at(made, path[:-1]), copy.deepcopy(at(made, other))
        old = holder[path[-1]]
        way = rng.randrange(5)
        if way == 0 and isinstance(old, int):
            holder[path[-1]] = old + rng.choice((-2, -1, 1, 2, 32, -32))
        elif way <= 1:
            holder[path[-1]] = rng.choice(ODD)
        elif way == 2:
            holder[path[-1]] = source
        elif way == 3:
            del holder[path[-1]]
        elif isinstance(holder, list):
            holder.insert(rng.randrange(len(holder) + 1), source)
        else:
            holder[rng.choice(("name", "extra", "is", "op"))] = source
    return made


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def damaged_arrays(arrays: dict[str, np.ndarray], rng: random.Random) -> bytes:
    """An `.npz` with one array changed in value, shape, dtype or number; or with damaged bytes."""
    made = dict(arrays)
    key = rng.choice(list(made))
    value, way = made[key].copy(), rng.randrange(7)
    if way == 0 and value.size:
        extreme = rng.choice((0, 1, -1, np.iinfo(np.int64).max, np.iinfo(np.int64).min, 127, 128, -128, 2**31 - 1))
        value.reshape(-1)[rng.randrange(value.size)] = np.array(extreme).astype(value.dtype)
    elif way == 1:
        value = value.reshape(-1)
    elif way == 2:
        value = value.astype(rng.choice(("i1", "i8", "u2", "f4", "f8", "?", ">i4", "U3")))
    elif way == 3:
        value = value[: rng.randrange(len(value) + 1)] if value.ndim else value
    elif way == 4:
        value = made[rng.choice(list(made))]
    elif way == 5:
        value = value[None]
    made[key] = value
    if way == 6:
        del made[key]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **made)
    raw = bytearray(buffer.getvalue())
    if rng.randrange(8) == 0:
        for _ in range(rng.randrange(1, 5)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        raw = raw[: rng.randrange(len(raw))] if rng.randrange(3) == 0 else raw
    return bytes(raw)


class Damage:
    """Programs to damage, each saved once; `judge(seed)` damages one and holds it to the rule."""

    def __init__(self, folder: Path, programs: int = 12) -> None:
        self.folder = folder
        self.board = load_board("mps2_an386")
        self.saved: list[tuple[Any, dict[str, np.ndarray], bytes]] = []
        for seed in range(programs):
            save(random_program(seed), folder)
            document = json.loads((folder / "program.json").read_text())
            with np.load(folder / "constants.npz") as stored:
                arrays = {key: stored[key] for key in stored.files}
            self.saved.append((document, arrays, (folder / "constants.npz").read_bytes()))

    def judge(self, seed: int, run_c: bool = False) -> Finding | str:
        """A finding, or the outcome: "refused" or "program"."""
        rng = random.Random(seed)
        document, arrays, raw = rng.choice(self.saved)
        harm = rng.randrange(3)
        text = json.dumps(document if harm == 0 else damaged(document, rng))
        (self.folder / "program.json").write_text(text)
        (self.folder / "constants.npz").write_bytes(raw if harm == 1 else damaged_arrays(arrays, rng))
        try:
            program = load(self.folder)
        except Fault as error:
            return Finding(seed, "load", str(error))
        except XnorcError as error:
            said = str(error)
            return "refused" if said.isprintable() else Finding(seed, "message", ascii(said))
        except BaseException as error:  # whatever it is, it is not one of ours
            return finding(seed, "load", error)
        try:
            self.follow(program, run_c)
        except BaseException as error:
            return finding(seed, "after", error)
        return "program"

    def follow(self, program: Program, run_c: bool) -> None:
        """All that comes after the door."""
        render_model(plan(program))
        render_model(plan(program, self.board, reserved=0))
        x = np.random.default_rng(0).integers(0, 256, (2, *program.input.shape), np.uint8)
        with np.errstate(all="raise"):
            logits = program.run(x)
        if run_c:
            from xnorc.deploy import running
            from xnorc.link.session import stream_samples
            from xnorc.targets.host import Host

            with (
                tempfile.TemporaryDirectory() as out,
                running(program, Host(), Path(out), sanitize=True) as device,
            ):
                replied = stream_samples(device.client, x, None, program).logits
            if not np.array_equal(replied, logits):
                raise AssertionError(f"C says {replied.tolist()}, numpy {logits.tolist()}")


def finding(seed: int, where: str, error: BaseException) -> Finding:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return Finding(
        seed, where, f"{Path(frame.filename).name}:{frame.lineno} {type(error).__name__}: {str(error)[:200]}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.damage", description=__doc__)
    parser.add_argument("-n", type=int, default=2000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--c", type=int, default=0, metavar="EVERY", help="build every EVERY-th program that is let in")
    chosen = parser.parse_args()
    count: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        judge = Damage(Path(folder))
        for seed in range(chosen.seed, chosen.seed + chosen.n):
            outcome = judge.judge(seed, chosen.c > 0 and seed % chosen.c == 0)
            if isinstance(outcome, Finding):
                print(f"seed {seed}: {outcome.where}: {outcome.what}", flush=True)
            count["finding" if isinstance(outcome, Finding) else outcome] += 1
    print(", ".join(f"{number:,} {name}" for name, number in sorted(count.items())))
    return 1 if count["finding"] else 0


if __name__ == "__main__":
    sys.exit(main())
