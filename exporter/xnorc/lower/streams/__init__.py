# SPDX-License-Identifier: Apache-2.0
"""Real values as int16 or int8 with a scale: affine steps, joins, averages, sums made narrow."""
