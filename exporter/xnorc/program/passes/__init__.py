# SPDX-License-Identifier: Apache-2.0
"""Rewrites of the integer program.  Each is one function, program in, program out, and changes no bit of any
tensor that stays."""
