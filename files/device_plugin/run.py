# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry of the installed device plugin: `PYTHON -I run.py ARGUMENTS`.

An isolated interpreter has neither this folder nor the unpacked wheels on its path, so they are put there, in front of
what the system may have. site/ has a folder for each Python that the node's distribution may have by its next upgrade.
"""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
# Where it runs from the collection itself, the shared facts are in the node library.
sys.path.append(os.path.join(HERE, "..", "..", "plugins", "module_utils"))

from sriov_device_plugin.host.libraries import SHIPPED  # noqa: E402

sys.path[1:1] = SHIPPED

from sriov_device_plugin.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
