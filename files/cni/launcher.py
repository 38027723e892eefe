# The installer puts the line of the interpreter before this one: #!PYTHON -IS
# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/opt/cni/bin/sriov: few lines, because Python compiles this file again at each call."""

import gc
import os
import sys

sys.path.insert(0, "/usr/lib/baremetal-sriov/cni")

from sriov_cni.main import main

gc.disable()  # nothing is worth collecting in some milliseconds
os._exit(main())  # no interpreter teardown: the kernel frees all of it faster
