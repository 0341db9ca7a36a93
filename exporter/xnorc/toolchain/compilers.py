# SPDX-License-Identifier: Apache-2.0
"""Where the compilers are, or what installs them."""

from __future__ import annotations

import os
import shutil
from functools import cache

from xnorc.errors import ToolError
from xnorc.toolchain.running import run_tool

APT = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi"


def cross_compiler() -> str:
    """arm-none-eabi-gcc's path.

    Raises:
        ToolError: it is not on the PATH; says what installs it.
    """
    found = shutil.which("arm-none-eabi-gcc")
    if found is None:
        raise ToolError("arm-none-eabi-gcc", "is not on the PATH", APT)
    return found


def host_compiler() -> str:
    """The path of this machine's C compiler: $CC, or the first of cc, gcc and clang on the PATH.

    Raises:
        ToolError: there is none.
    """
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    raise ToolError("host compiler", "no cc, gcc or clang on the PATH", "apt-get install gcc libc6-dev")


def identity(compiler: str) -> str:
    """What tells one compiler from another, even at one path: file, version, and what it takes from the environment."""
    path = os.path.realpath(compiler)
    stat = os.stat(path)
    outside = [os.environ.get(name, "") for name in ("CPATH", "C_INCLUDE_PATH", "GCC_EXEC_PREFIX", "COMPILER_PATH")]
    return repr((path, stat.st_size, stat.st_mtime_ns, _version(path, stat.st_mtime_ns), outside))


@cache
def _version(path: str, modified: int) -> str:
    return run_tool([path, "--version"]).stdout
