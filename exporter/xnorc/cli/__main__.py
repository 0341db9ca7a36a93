# SPDX-License-Identifier: Apache-2.0
"""`python -m xnorc.cli` is the `xnorc` command."""

from xnorc.cli import main

main()
