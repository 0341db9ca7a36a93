# SPDX-License-Identifier: Apache-2.0
"""The ROM bootloader of STM32 chips over a UART (ST AN3155): its protocol, and the flash layout of the chips."""
