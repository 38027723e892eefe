# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make` calls: `run.py --help`."""

from __future__ import annotations

import sys

from devtool.main import main

if __name__ == "__main__":
    sys.exit(main())
