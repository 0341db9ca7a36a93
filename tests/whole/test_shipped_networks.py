# SPDX-License-Identifier: Apache-2.0
"""The networks that come with xnorc, from PyTorch to every emulated board: the same labels, logits and bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from xnorc import zoo
from xnorc.boards import all_boards, load
from xnorc.build import build_firmware
from xnorc.data import digits
from xnorc.deploy import running
from xnorc.link.session import Verify, stream_samples
from xnorc.measure import measure
from xnorc.plan import plan, reserved_for
from xnorc.program import digest
from xnorc.targets.host import Host
from xnorc.targets.qemu import Qemu

BOARDS = [board.name for board in all_boards() if board.qemu is not None]


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    from xnorc.nn import checkpoint

    return checkpoint.load(zoo.folder("digits")).eval()


def test_there_are_the_boards_the_readme_promises() -> None:
    promised = {"mps2_an385", "mps2_an386", "mps2_an500", "mps2_an505", "microbit", "stm32vldiscovery", "netduinoplus2"}
    assert promised <= set(BOARDS)


@pytest.mark.parametrize("name", zoo.names())
def test_a_shipped_checkpoint_exports_to_the_shipped_program(name: str) -> None:
    from xnorc.exporting import export
    from xnorc.nn import checkpoint

    shipped = zoo.program(name)
    h, w, c = shipped.input.shape
    again = export(checkpoint.load(zoo.folder(name)), torch.zeros(1, c, h, w), name=name)
    assert again.dump() == shipped.dump()
    assert digest(again) == digest(shipped)


@pytest.mark.parametrize(("name", "kibibytes"), [("digits", 8), ("mnist", 64), ("cifar10", 256)])
def test_a_shipped_network_takes_the_flash_it_may(name: str, kibibytes: int) -> None:
    assert plan(zoo.program(name)).flash <= kibibytes * 1024


def test_pytorch_and_the_program_give_every_sample_the_same_label(network: torch.nn.Module) -> None:
    samples = digits().test
    with torch.no_grad():
        labels = network(torch.from_numpy(samples.floats())).argmax(dim=1).numpy()
    program = zoo.program("digits")
    np.testing.assert_array_equal(program.predict(samples.x), labels)
    assert (labels == samples.y).mean() >= 0.97


def test_no_bit_differs_from_pytorch_on_real_and_random_images(network: torch.nn.Module) -> None:
    from xnorc.exporting import lower_module
    from xnorc.oracle.compare import compare

    samples = digits().test
    lowered = lower_module(network, torch.from_numpy(samples.floats()[:1]), name="digits")
    noise = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1)).astype(np.uint8)
    found = compare(lowered, np.concatenate([samples.x[:100], noise]))
    assert found.differing_bits == 0
    assert found.same_labels == 200


def test_host_c_equals_the_program_in_every_tensor_under_sanitizers(need: Callable[..., None], tmp_path: Path) -> None:
    need("gcc")
    program, samples = zoo.program("digits"), digits().test.take(slice(40))
    with running(program, Host(), tmp_path, sanitize=True) as device:
        found = stream_samples(device.client, samples.x, samples.y, program, Verify.TENSORS)
    assert found.verified is Verify.TENSORS
    assert len(found.labels) == 40


@pytest.mark.emulator
@pytest.mark.parametrize("name", BOARDS)
def test_the_board_gives_every_held_out_digit_the_programs_logits(
    name: str, need: Callable[..., None], tmp_path: Path
) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    program, samples = zoo.program("digits"), digits().test
    report = measure(program, samples, Qemu(load(name)), tmp_path, data_name="digits")
    found = report.agreement
    assert found.device_logits == found.host_logits == found.samples == 361
    assert report.accuracy.device == report.accuracy.host == report.accuracy.program
    assert report.count is not None
    assert report.count > 0
    assert {memory.name: memory.used <= memory.total for memory in report.memories} == {"flash": True, "RAM": True}


@pytest.mark.emulator
@pytest.mark.parametrize("name", BOARDS)
def test_the_planner_leaves_the_application_the_ram_it_takes(
    name: str, need: Callable[..., None], tmp_path: Path
) -> None:
    need("arm-none-eabi-gcc")
    built = build_firmware(zoo.program("digits"), load(name), tmp_path)
    assert built.data <= reserved_for(zoo.program("digits"))
    built.plan.check(built.code, built.data)


@pytest.mark.emulator
def test_every_tensor_on_a_board_equals_the_program(need: Callable[..., None], tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    program, samples = zoo.program("digits"), digits().test.take(slice(10))
    with running(program, Qemu(load("microbit")), tmp_path) as device:
        found = stream_samples(device.client, samples.x, samples.y, program, Verify.TENSORS)
    assert found.verified is Verify.TENSORS


@pytest.mark.emulator
def test_instructions_are_the_same_from_boot_to_boot(need: Callable[..., None], tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "qemu-system-arm")
    program, samples = zoo.program("digits"), digits().test.take(slice(5))
    ticks = []
    for boot in range(2):
        with running(program, Qemu(load("mps2_an386")), tmp_path / str(boot)) as device:
            ticks.append(stream_samples(device.client, samples.x, samples.y).ticks)
    # The kernels' work is the same; a tick is 1.6 instructions, so a boundary may fall to either side of one.
    assert np.abs(ticks[0] - ticks[1]).max() <= 7
