# SPDX-License-Identifier: Apache-2.0
# ruff: noqa
# fmt: off
"""nn.Sequential() without a layer.  The user should be told that there is nothing to export."""

import torch
import torch.nn as nn
import torch.nn.functional as F

INPUT = (1, 8, 8)
REASON = ["empty", "no layer", "nothing", "no binar", "input itself"]


def build():
    return nn.Sequential().eval()  # REFUSED
