# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of this node, by the folders of their logs. Writes nothing."""

from __future__ import annotations

from ..host.host import Host

POD_LOGS = "/var/log/pods"  # folders named NAMESPACE_NAME_UID


def logged_pods(host: Host) -> list[list[str]]:
    """Namespace, name and UID of each pod that has logs."""
    return [parts for parts in (folder.split("_") for folder in host.list_dir(POD_LOGS)) if len(parts) == 3]


def has_container_logs(host: Host, name: str, uid: str) -> bool:
    """Whether a container of a pod (NAMESPACE/NAME) was started ever."""
    return bool(name and host.list_dir(f"{POD_LOGS}/{name.replace('/', '_')}_{uid}"))


def pods_by_uid(host: Host) -> dict[str, str]:
    """UID -> NAMESPACE/NAME."""
    return {uid: f"{namespace}/{name}" for namespace, name, uid in logged_pods(host)}
