# SPDX-License-Identifier: Apache-2.0
"""The host's end of the link protocol (docs/contracts.md section 4): frames, messages, exchanges, clients, sessions."""
