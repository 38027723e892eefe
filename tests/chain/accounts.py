# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a token is."""

from __future__ import annotations

import base64
import json


def account(token: str) -> str:
    """Whose a token of a service account is."""
    payload = token.split(".")[1]
    found: str = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    return found
