# SPDX-License-Identifier: Apache-2.0
"""What happens after a target runs: the link protocol, sessions, results, tables and pages.  No torch."""
