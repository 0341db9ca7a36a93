# SPDX-License-Identifier: Apache-2.0
"""One file a way to flash: a class under `Flasher`, found, not listed."""
