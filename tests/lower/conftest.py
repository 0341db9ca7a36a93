# SPDX-License-Identifier: Apache-2.0
"""One thread: the networks are small."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
