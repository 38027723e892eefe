# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the cluster itself."""

from __future__ import annotations

from support.cluster.fixtures import api_server, cluster_settings, kubelets

__all__ = ["api_server", "cluster_settings", "kubelets"]
