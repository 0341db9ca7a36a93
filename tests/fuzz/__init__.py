# SPDX-License-Identifier: Apache-2.0
"""Random networks against PyTorch: a recipe from a seed, its source text, a judge, a shrinker, a command."""
