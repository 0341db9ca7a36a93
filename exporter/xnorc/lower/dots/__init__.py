# SPDX-License-Identifier: Apache-2.0
"""Convolutions, linear layers and matrix products in integers, and what their sums mean."""
