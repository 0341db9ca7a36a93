# SPDX-License-Identifier: Apache-2.0
"""Finds and drives C compilers: arm-none-eabi-gcc for firmware, this machine's own for the same sources as a program.

It is handed folders in which everything that is rendered lies already.  One file each: finding compilers, running a
tool, compiling, keeping objects for the next build, linking firmware, programs of this machine, the sizes of an image,
the stack it needs.
"""

from xnorc.toolchain.compilers import cross_compiler, host_compiler
from xnorc.toolchain.compiling import DIALECT, SANITIZE, TARGET, WARNINGS, compile_all
from xnorc.toolchain.firmware import build_firmware
from xnorc.toolchain.host import build_host
from xnorc.toolchain.image import Image
from xnorc.toolchain.running import run_tool
from xnorc.toolchain.stack import StackNeed, stack_need

__all__ = [
    "DIALECT",
    "SANITIZE",
    "TARGET",
    "WARNINGS",
    "Image",
    "StackNeed",
    "build_firmware",
    "build_host",
    "compile_all",
    "cross_compiler",
    "host_compiler",
    "run_tool",
    "stack_need",
]
