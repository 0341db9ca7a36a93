# SPDX-License-Identifier: Apache-2.0
"""What a chain that ends in a binarize point answers, as int8: a bit, 0 or 1, or TIE."""

TIE = 2  # the chain's sign is exactly 0 here: no bit, until a tie rule says so
