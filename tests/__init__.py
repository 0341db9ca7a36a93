# SPDX-License-Identifier: Apache-2.0
"""The tests, one package: a folder for each part of xnorc, and a few that hold the whole."""
