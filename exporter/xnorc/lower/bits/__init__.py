# SPDX-License-Identifier: Apache-2.0
"""Binarize points as bits: thresholds searched, pooled, computed from the image."""
