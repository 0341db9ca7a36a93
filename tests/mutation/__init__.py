# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the exporter's core: one small fault at a time, and whether a test notices it.

The faults are data (`mutants/*.toml`), one file a room of the exporter.  `python -m tests.mutation` tries them all.
"""
