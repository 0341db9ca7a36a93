# SPDX-License-Identifier: Apache-2.0
"""Jinja2 templates -> C headers, linker script, board header, Renode files: text only, no decisions."""
