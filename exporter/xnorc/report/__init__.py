# SPDX-License-Identifier: Apache-2.0
"""What happens after a target runs: the link protocol, sessions over a data set, results, tables and pages.  No torch."""
