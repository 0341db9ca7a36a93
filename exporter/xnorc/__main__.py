# SPDX-License-Identifier: Apache-2.0
"""`python -m xnorc`: the command line, where its script is not on the PATH."""

from xnorc.cli import main

if __name__ == "__main__":
    main()
