# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that work in a cluster alone, in front of a real API server: without the emulated node, but in minutes."""

from __future__ import annotations

from support import checkout
from support.cluster.fixtures import api_server, cluster_settings, kubelets

__all__ = ["api_server", "cluster_settings", "kubelets"]

checkout.name_the_checkout()
