# SPDX-License-Identifier: Apache-2.0
"""The judge of an export: the integer program against PyTorch."""
