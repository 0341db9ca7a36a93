# SPDX-License-Identifier: Apache-2.0
"""Measurements, run by hand from the root of the repository: `python -m tests.bench.kernels` and the like."""
