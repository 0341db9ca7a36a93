# SPDX-License-Identifier: Apache-2.0
"""What is shown of a finished measurement: rows, tables, pictures, `report.json` and `report.html`.  No torch."""
