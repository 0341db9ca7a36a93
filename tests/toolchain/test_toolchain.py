# SPDX-License-Identifier: Apache-2.0
"""The compiler's sizes are exact, its complaints are one line, and what does not fit is refused by region and bytes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from xnorc import toolchain
from xnorc.boards import Board, all_boards, load
from xnorc.build import build_image
from xnorc.errors import FitError, ToolError
from xnorc.toolchain import compiling

Need = Callable[..., None]
pytestmark = pytest.mark.emulator

MAIN = "int main(void) { return 0; }\n"


def source(folder: Path, text: str, name: str = "main.c") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def tools(need: Need) -> None:
    need("arm-none-eabi-gcc")


@pytest.mark.parametrize("board", all_boards(), ids=lambda b: b.name)
def test_every_board_links_a_minimal_firmware_whose_bytes_add_up(board: Board, tmp_path: Path) -> None:
    text = "#include <stdint.h>\nuint32_t set[5] = {1};\nuint32_t zero[7];\nconst char words[33] = {1};\n"
    text += "int main(void) { zero[0] = set[1] + (uint32_t)words[set[0]]; return (int)zero[set[0]]; }\n"
    image = build_image(board, [source(tmp_path, text)], tmp_path / "out")
    assert image.binary.stat().st_size == image.flash
    assert image.stack == board.memory.stack
    assert image.data >= 20
    assert image.bss >= 28
    assert (image.symbols["set"], image.symbols["zero"], image.symbols["words"]) == (20, 28, 33)
    assert image.addresses["vectors"] == board.memory.flash.origin
    assert image.addresses["__stack_limit"] == board.memory.ram.origin
    vectors = image.binary.read_bytes()[:8]
    assert int.from_bytes(vectors[:4], "little") == board.memory.ram.origin + board.memory.stack
    assert int.from_bytes(vectors[4:], "little") == image.addresses["reset_handler"] + 1  # Thumb
    assert image.flash < 2048


def test_no_unwinder_heap_or_printf_gets_in(tmp_path: Path) -> None:
    text = "#include <string.h>\nint main(void) { char a[64]; memset(a, 1, sizeof a); return memcmp(a, a + 1, 63); }\n"
    image = build_image(load("mps2_an386"), [source(tmp_path, text)], tmp_path / "out")
    assert not {"malloc", "_sbrk", "printf", "__aeabi_unwind_cpp_pr0", "exit"} & set(image.symbols)
    heap = "#include <stdlib.h>\nint main(void) { return malloc(3) != 0; }\n"
    with pytest.raises(ToolError, match=r"undefined reference to `_sbrk'"):
        build_image(load("mps2_an386"), [source(tmp_path, heap)], tmp_path / "out")


@pytest.mark.parametrize("spare", [0, 1])
def test_flash_is_refused_from_the_first_byte_that_does_not_fit(spare: int, tmp_path: Path) -> None:
    board = load("microbit")
    text = "const unsigned char blob[SIZE] = {1};\nvolatile int at;\nint main(void) { return blob[at]; }\n"
    main = source(tmp_path, text)
    least = build_image(board, [main], tmp_path / "out", defines={"SIZE": 8}).flash - 8
    room = board.memory.flash.length - least
    assert build_image(board, [main], tmp_path / "out", defines={"SIZE": room}).flash == board.memory.flash.length
    too_many = 4 * (spare + 1)
    with pytest.raises(FitError, match=rf"^microbit: flash has 262144 bytes, .* {too_many} too many \(a smaller"):
        build_image(board, [main], tmp_path / "out", defines={"SIZE": room + too_many})


def test_ram_is_refused_with_the_stack_counted_in(tmp_path: Path) -> None:
    board = load("stm32vldiscovery")
    text = "unsigned char arena[SIZE];\nint main(void) { return arena[3]; }\n"
    main = source(tmp_path, "#include <stdint.h>\nvolatile " + text)
    image = build_image(board, [main], tmp_path / "out", defines={"SIZE": 4096})
    room = (4096 + board.memory.ram.length - image.ram) // 8 * 8  # .bss is a multiple of 8, what follows it is not
    fits = build_image(board, [main], tmp_path / "out", defines={"SIZE": room})
    assert fits.ram == image.ram + room - 4096
    assert 8192 - 8 < fits.ram <= board.memory.ram.length == 8192
    over = fits.ram + 8
    with pytest.raises(FitError, match=rf"RAM has 8192 bytes, {over} are needed: {over - 8192} too many"):
        build_image(board, [main], tmp_path / "out", defines={"SIZE": room + 8})


def test_what_overflows_both_memories_names_both(tmp_path: Path) -> None:
    text = "volatile unsigned char arena[1 << 20];\nconst unsigned char blob[1 << 20] = {1};\n"
    text += "int main(void) { return blob[arena[3]]; }\n"
    with pytest.raises(FitError, match=r"flash has 131072 .* and RAM has 8192 "):
        build_image(load("stm32vldiscovery"), [source(tmp_path, text)], tmp_path / "out")


def test_a_refused_source_is_told_in_one_line_with_its_place(tmp_path: Path) -> None:
    broken = source(tmp_path, "int main(void) {\n    int unused;\n    return 0;\n}\n")
    with pytest.raises(ToolError, match=r"main\.c:2:9: error: unused variable") as caught:
        build_image(load("mps2_an386"), [broken], tmp_path / "out")
    assert "\n" not in str(caught.value)
    missing = source(tmp_path, "int other(void);\nint main(void) { return other(); }\n")
    with pytest.raises(ToolError, match="undefined reference to `other'"):
        build_image(load("mps2_an386"), [missing], tmp_path / "out")


def test_two_builds_of_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    main = source(tmp_path, MAIN)
    images = [build_image(load("mps2_an386"), [main], tmp_path / out) for out in ("one", "two")]
    assert images[0].binary.read_bytes() == images[1].binary.read_bytes()


def test_kernels_are_built_for_speed_and_the_rest_for_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XNORC_CACHE", "")
    seen: list[list[str]] = []
    real = compiling.run_tool

    def spy(command: list[str], check: bool = False, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        seen.append(list(command))
        return real(command, check, cwd)

    monkeypatch.setattr(compiling, "run_tool", spy)
    fast = source(tmp_path, "int fast(void);\nint fast(void) { return 1; }\n", "kernels/fast.c")
    build_image(load("mps2_an386"), [source(tmp_path, MAIN), fast], tmp_path / "out")
    level = {command[-3]: {"-O2", "-Os"} & set(command) for command in seen if "-c" in command}
    assert level[str(fast)] == {"-O2"}
    assert level[str(tmp_path / "main.c")] == {"-Os"}


def test_a_missing_cross_compiler_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ToolError, match=r"arm-none-eabi-gcc: is not on the PATH \(apt-get install gcc-arm-none-eabi"):
        toolchain.cross_compiler()
    with pytest.raises(ToolError, match=r"no cc, gcc or clang on the PATH"):
        toolchain.host_compiler()


def test_the_hosts_build_is_sanitized(need: Need, tmp_path: Path) -> None:
    need("gcc")
    text = "int main(int argc, char **argv) { int a[4] = {0}; (void)argv; return a[argc + OFF]; }\n"
    main = source(tmp_path, text)
    good = toolchain.build_host([main], [], {"OFF": 0}, tmp_path / "good")
    assert subprocess.run([good], check=False).returncode == 0
    bad = toolchain.build_host([main], [], {"OFF": 3}, tmp_path / "bad")
    ended = subprocess.run([bad], check=False, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "out of bounds" in ended.stderr


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("size", [1, 4, 8, 13])
def test_the_image_that_a_device_takes_the_checksum_of_is_the_binary(size: int, data: bool, tmp_path: Path) -> None:
    board = load("stm32vldiscovery")
    text = "const unsigned char blob[SIZE] = {1};\nvolatile int at = FIRST;\nint main(void) { return blob[at]; }\n"
    image = build_image(board, [source(tmp_path, text)], tmp_path / "out", defines={"SIZE": size, "FIRST": int(data)})
    assert image.addresses["__image_start"] == board.memory.flash.origin
    assert image.addresses["__image_end"] - board.memory.flash.origin == image.binary.stat().st_size
