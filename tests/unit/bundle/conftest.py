# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin is the controller's, where Python is 3.11 or newer."""

from __future__ import annotations

import sys

collect_ignore = [] if sys.version_info >= (3, 11) else ["test_archives.py", "test_bundle_action.py"]
