# SPDX-License-Identifier: Apache-2.0
"""What was compiled once is not compiled again, and nothing else is ever taken for it.  Compilations are counted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc.boards import load
from xnorc.build import build_image
from xnorc.resources import folder
from xnorc.toolchain import compile_all, compiling, host_compiler
from xnorc.toolchain.includes import Reader, made_from
from xnorc.toolchain.objects import Store, store

Need = Callable[..., None]
RENDERED = ("board.h", "bnn_model_size.h")
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, need: Need) -> Path:
    need("gcc")
    monkeypatch.setenv("XNORC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "objects"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the sources that a compiler was started for; tests empty it."""
    names: list[str] = []
    real = compiling.run_tool

    def spy(command: list[str], check: bool = False, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        names.append(Path(command[command.index("-c") + 1]).name)
        return real(command, check, cwd)

    monkeypatch.setattr(compiling, "run_tool", spy)
    return names


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    """uses.c reads far.h by way of near.h, and <stdint.h>; alone.c reads nothing."""
    here = tmp_path / "src"
    here.mkdir()
    (here / "near.h").write_text('#include "far.h"\n')
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "far.h").write_text("#define FAR 1\n")
    (here / "uses.c").write_text('#include "near.h"\n#include <stdint.h>\nuint32_t uses = FAR;\n')
    (here / "alone.c").write_text("int alone = 2;\n")
    return [here / "uses.c", here / "alone.c"]


def objects(sources: list[Path], out: str = "out", *flags: str, compiler: str | None = None) -> list[bytes]:
    tmp = sources[0].parents[1]
    made = compile_all([compiler or host_compiler(), "-g", *flags], sources, [tmp / "include"], tmp / out)
    return [path.read_bytes() for path in made]


def test_equal_builds_compile_once_wherever_their_output_lies(sources: list[Path], compiled: list[str]) -> None:
    first = objects(sources)
    assert sorted(compiled) == ["alone.c", "uses.c"]
    compiled.clear()
    assert objects(sources, "elsewhere/deeper") == first
    assert compiled == []


def test_a_changed_header_recompiles_those_who_read_it(sources: list[Path], compiled: list[str]) -> None:
    header = sources[0].parents[1] / "include" / "far.h"
    first = objects(sources)
    compiled.clear()
    header.write_text("#define FAR 7\n")
    assert objects(sources)[0] != first[0]
    assert compiled == ["uses.c"]
    compiled.clear()
    header.write_text("#define FAR 1\n")  # what it was: both answers are known by now
    assert objects(sources) == first
    assert compiled == []


def test_a_header_that_hides_another_is_seen(sources: list[Path], compiled: list[str]) -> None:
    objects(sources)
    compiled.clear()
    (sources[0].parent / "far.h").write_text("#define FAR 3\n")  # beside its includer, before the folder of -I
    objects(sources)
    (sources[0].parents[1] / "include" / "stdint.h").write_text("typedef unsigned uint32_t;\n")  # before the library's
    objects(sources)
    assert compiled == ["uses.c", "uses.c"]


def test_a_changed_header_of_the_system_is_seen(sources: list[Path], compiled: list[str], tmp_path: Path) -> None:
    system = tmp_path / "system"
    system.mkdir()
    (system / "far_away.h").write_text("#define AWAY 1\n")
    sources[1].write_text("#include <far_away.h>\nint alone = AWAY;\n")
    flag = f"-isystem{system}"
    first = objects(sources, "out", flag)
    compiled.clear()
    assert objects(sources, "out", flag) == first
    assert compiled == []
    (system / "far_away.h").write_text("#define AWAY 2\n")
    assert objects(sources, "out", flag)[1] != first[1]
    assert compiled == ["alone.c"]


@pytest.mark.parametrize("flags", [("-O2",), ("-DOTHER=1",), ("-g0",)])
def test_other_flags_are_other_objects(flags: tuple[str, ...], sources: list[Path], compiled: list[str]) -> None:
    objects(sources)
    compiled.clear()
    objects(sources, "out", *flags)
    assert sorted(compiled) == ["alone.c", "uses.c"]


def test_an_exchanged_compiler_is_another_one(sources: list[Path], compiled: list[str], tmp_path: Path) -> None:
    compiler = tmp_path / "mycc"

    def install(text: str) -> None:
        compiler.write_text(f'#!/bin/sh\n{text}\nexec {host_compiler()} "$@"\n')
        compiler.chmod(0o755)

    install("# one")
    objects(sources, compiler=str(compiler))
    compiled.clear()
    objects(sources, compiler=str(compiler))
    assert compiled == []
    install("# another, at the same path")
    objects(sources, compiler=str(compiler))
    assert sorted(compiled) == ["alone.c", "uses.c"]


def test_a_header_that_is_asked_for_and_comes_later_is_seen(sources: list[Path], compiled: list[str]) -> None:
    sources[1].write_text('#if __has_include("late.h")\nint alone = 5;\n#else\nint alone = 6;\n#endif\n')
    first = objects(sources)
    compiled.clear()
    assert objects(sources) == first
    assert compiled == []
    (sources[1].parent / "late.h").write_text("")
    assert objects(sources)[1] != first[1]
    assert compiled == ["alone.c"]


@pytest.mark.parametrize("text", ["const char *alone = __DATE__;", '#define X "far.h"\n#include X\nint alone = FAR;'])
def test_what_depends_on_more_than_known_files_is_not_kept(text: str, sources: list[Path], compiled: list[str]) -> None:
    sources[1].write_text(text + "\n")
    objects(sources)
    compiled.clear()
    objects(sources)
    assert compiled == ["alone.c"]


@pytest.mark.parametrize("cut", [0, 10, 64, 65, 66, 400, -1])
def test_a_damaged_entry_is_compiled_anew_and_mended(
    cut: int, sources: list[Path], compiled: list[str], cache: Path
) -> None:
    first = objects(sources)
    entries = [path for path in cache.rglob("*") if path.is_file()]
    assert len(entries) == 2
    for path in entries:
        raw = bytearray(path.read_bytes())
        if cut < 0:
            raw[len(raw) // 2] ^= 1
        path.write_bytes(raw if cut < 0 else raw[:cut])
    compiled.clear()
    assert objects(sources) == first
    assert sorted(compiled) == ["alone.c", "uses.c"]
    compiled.clear()
    assert objects(sources) == first
    assert compiled == []


def test_an_empty_variable_keeps_nothing(
    sources: list[Path], compiled: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XNORC_CACHE", "")
    assert store() is None
    for _ in range(2):
        objects(sources)
    assert len(compiled) == 4
    assert not cache.exists()


@pytest.mark.parametrize("what", ["a file in the folder's place", "a shelf that is a file"])
def test_a_store_that_cannot_be_written_is_no_error(
    what: str, sources: list[Path], compiled: list[str], cache: Path
) -> None:
    if what.startswith("a file"):
        cache.parent.write_text("in the way")
    else:
        cache.mkdir(parents=True)
        for digit in "0123456789abcdef":
            (cache / digit).write_text("in the way")
    assert objects(sources) == objects(sources)
    assert len(compiled) == 4


def test_a_folder_without_write_permission_is_read_and_no_error(
    sources: list[Path], compiled: list[str], cache: Path
) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    objects(sources)
    for path in [cache, *cache.iterdir()]:
        path.chmod(0o555)
    compiled.clear()
    objects(sources)
    objects(sources, "out", "-O2")
    assert len(compiled) == 2
    for path in [cache, *cache.iterdir()]:
        path.chmod(0o755)


def test_many_processes_at_once_give_equal_objects_and_whole_entries(sources: list[Path], cache: Path) -> None:
    want = objects(sources)
    Store(cache).clear()
    program = """
import sys
from pathlib import Path
from xnorc.toolchain import compile_all, host_compiler
out, *files = map(Path, sys.argv[1:])
for turn in range(5):
    compile_all([host_compiler(), "-g"], files, [files[0].parents[1] / "include"], out)
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "exporter")}
    outs = [sources[0].parents[1] / f"out{number}" for number in range(6)]
    words = [[sys.executable, "-c", program, str(out), *map(str, sources)] for out in outs]
    running = [subprocess.Popen(each, env=environment) for each in words]
    assert [process.wait(120) for process in running] == [0] * 6
    for out in outs:
        assert [path.read_bytes() for path in sorted(out.glob("*.o"))] == want
    assert Store(cache).size()[0] == 2
    assert not [path for path in cache.rglob(".*") if path.is_file()]  # nothing half-written is left


def test_the_longest_unused_make_room_within_the_limit(cache: Path) -> None:
    kept = Store(cache, limit=16 * 4000)
    keys = [f"a{number:063x}" for number in range(8)]
    for age, key in enumerate(keys[:4]):
        kept.put(key, bytes(800), {})
        os.utime(cache / "a" / key, (1000 + age, 1000 + age))
    assert kept.get(keys[0]) is not None  # used again: now the youngest
    for key in keys[4:6]:
        kept.put(key, bytes(800), {})
    assert kept.size()[1] <= 4000
    assert [key in {path.name for path in (cache / "a").iterdir()} for key in keys[:3]] == [True, False, False]
    kept.put(keys[7], bytes(1100), {})
    assert kept.get(keys[7]) is None  # it would have driven out all others


def test_what_a_dead_process_left_is_removed_and_a_living_ones_file_is_not(cache: Path) -> None:
    kept = Store(cache)
    kept.put("b" * 64, b"x", {})
    old, young = cache / "b" / ".dead", cache / "b" / ".alive"
    for path in (old, young):
        path.write_text("half")
    os.utime(old, (time.time() - 7200,) * 2)
    kept.put("b" * 63 + "c", b"y", {})
    assert (old.exists(), young.exists()) == (False, True)


def test_clearing_removes_entries_and_nothing_else(cache: Path) -> None:
    kept = Store(cache)
    kept.put("c" * 64, b"x", {})
    (cache / "c" / "thesis.tex").write_text("mine")
    assert kept.clear() == 1
    assert kept.size() == (0, 0)
    assert (cache / "c" / "thesis.tex").read_text() == "mine"


def test_rules_of_files_with_odd_names_are_read() -> None:
    rule = "x.o: /a/b\\ c.c /a/d$$e.h \\\n /a/f\\#g.h\n"
    assert made_from(rule) == [Path("/a/b c.c"), Path("/a/d$e.h"), Path("/a/f#g.h")]


def test_names_that_are_included_are_found_whatever_the_spelling(tmp_path: Path) -> None:
    for name in ("a.h", "b.h", "c.h", "d.h"):
        (tmp_path / name).write_text("")
    lines = ['#include "a.h"', "  #  include\t<b.h> // why", "#if 0", '#include "c.h"', "#endif", '//#include "d.h"']
    (tmp_path / "x.c").write_text("\n".join(lines))
    found = Reader([tmp_path]).inputs(tmp_path / "x.c")
    assert found is not None
    assert sorted(path.name for path in found) == ["a.h", "b.h", "c.h", "x.c"]


def test_no_kernel_reads_a_rendered_header() -> None:
    firmware = folder("firmware")
    for source in sorted((firmware / "kernels").glob("*.c")):
        found = Reader([firmware / "include", firmware / "port", firmware / "startup"]).inputs(source)
        assert found is not None, source.name
        assert {path.parent.name for path in found} <= {"kernels", "include"}, source.name
        assert not {name for path in found for name in RENDERED if name in path.read_text()}, source.name


@pytest.mark.emulator
def test_boards_of_one_core_share_every_kernel(compiled: list[str], tmp_path: Path, need: Need) -> None:
    need("arm-none-eabi-gcc")
    main = tmp_path / "main.c"
    main.write_text("int main(void) { return 0; }\n")
    kernels = sorted((folder("firmware") / "kernels").glob("*.c"))
    images = []
    for board in ("mps2_an386", "netduinoplus2"):
        compiled.clear()
        images.append(build_image(load(board), [main, *kernels], tmp_path / board))
    assert load("mps2_an386").core == load("netduinoplus2").core
    assert not {path.name for path in kernels} & set(compiled)
    compiled.clear()
    again = build_image(load("mps2_an386"), [main, *kernels], tmp_path / "again")
    assert compiled == []
    assert again.binary.read_bytes() == images[0].binary.read_bytes()


@pytest.mark.emulator
def test_a_kept_object_is_what_the_compiler_would_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Need
) -> None:
    """Objects of the device's whole runtime, of two folders: one after the other from the store, one without it."""
    need("arm-none-eabi-gcc")
    firmware, board = folder("firmware"), load("microbit")
    sources = [*sorted((firmware / "kernels").glob("*.c")), Path(__file__).parents[1] / "boards" / "echo.c"]
    for name, variable in (("first", str(tmp_path / "own")), ("kept", str(tmp_path / "own")), ("fresh", "")):
        monkeypatch.setenv("XNORC_CACHE", variable)
        build_image(board, sources, tmp_path / name)
    made = {name: sorted((tmp_path / name / "obj").glob("*.o")) for name in ("kept", "fresh")}
    assert len(made["kept"]) > 30
    for kept, fresh in zip(made["kept"], made["fresh"], strict=True):
        assert kept.read_bytes() == fresh.read_bytes(), kept.name
