# SPDX-License-Identifier: Apache-2.0
"""int8 weights rounded for the inputs they will meet, rather than each to its nearest.

The weights of a layer are rounded one input after the other.  What rounding one input's weights costs is made good by
the weights of the inputs still to come, as far as these inputs go together over the calibration images: with
H = Z'Z / images + a little of the identity and H^-1 = U'U, U upper triangular, rounding column i by e changes the
later columns j by -e U[i, j] / U[i, i].  That is the least squares answer, the optimal brain surgeon's (Hassibi and
Stork, 1993) taken column by column.  The mean that is left is a constant of each output, free on the device.
"""

from __future__ import annotations

import numpy as np

LIMIT = 127
DAMP = 0.01  # of the mean square input, added to the diagonal


def rounded_in_groups(real: np.ndarray, step: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`rounded_for`, where consecutive shares of the rows of real (out, n) read a group of inputs (groups, samples, n)
    each."""
    rows = np.split(np.arange(len(real)), len(inputs))
    made = [rounded_for(real[mine], step[mine], z) for mine, z in zip(rows, inputs, strict=True)]
    return np.concatenate([q for q, _ in made]), np.concatenate([short for _, short in made])


def rounded_for(real: np.ndarray, step: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round weights to whole steps.

    Args:
        real: float64 (out, n).
        step: float64 (out,), the value of one unit.
        inputs: float64 (images, n), what the layer read on calibration images.

    Returns:
        int8 (out, n), and float64 (out,): what the rounded weights fall short of on average over the images.
    """
    mean = inputs.mean(axis=0)
    z = inputs - mean
    square = z.T @ z / len(z)
    damp = DAMP * float(np.trace(square)) / len(square) or 1.0
    upper = np.linalg.cholesky(np.linalg.inv(square + damp * np.eye(len(square)))).T
    left = real / step[:, None]
    q = np.empty_like(left)
    for i in range(left.shape[1]):
        q[:, i] = np.clip(np.rint(left[:, i]), -LIMIT, LIMIT)
        left[:, i + 1 :] -= np.outer((left[:, i] - q[:, i]) / upper[i, i], upper[i, i + 1 :])
    return q.astype(np.int8), (real - q * step[:, None]) @ mean
