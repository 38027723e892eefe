# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are on the emulated node."""

from __future__ import annotations

NODE = "/var/tmp/peers"  # what the comparison brings; /run allows no programs
DEVICE_PLUGIN = "/usr/lib/baremetal-sriov/device-plugin"
BINARIES = "/opt/cni/bin"
