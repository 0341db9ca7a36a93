# SPDX-License-Identifier: Apache-2.0
"""Where a program runs (host, qemu, renode, serial), each as one byte stream; one file a kind."""
