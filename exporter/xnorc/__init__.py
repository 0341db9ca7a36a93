# SPDX-License-Identifier: Apache-2.0
"""xnorc: binary neural networks from PyTorch to microcontrollers, bit for bit."""

__version__ = "0.1.0"
