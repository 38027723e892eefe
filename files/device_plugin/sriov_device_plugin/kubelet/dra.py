# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DRA drivers of this node, by their sockets in the kubelet's plugins_registry, which are asked who they are.

One that offers our functions gives a pod what another pod has. What it offers stands in ResourceSlices, which a node
has no credentials for: here it is named, and the playbooks look there.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Collection

import grpc

from ..api import pluginregistration_pb2 as watcher_api
from ..host.beside import Beside
from .registration import WATCHER_DIR, Identity, identity

TYPE = "DRAPlugin"  # kubernetes/staging/src/k8s.io/kubelet/pkg/apis/pluginregistration/v1
ASK_SECONDS = 1.0
MOST = 64  # sockets
MAX_NAME = 200

log = logging.getLogger(__name__)


class DraDrivers:
    """Those that are registered, as of the last look; each socket is asked once."""

    def __init__(self, kubelet_dir: str, beside: Beside) -> None:
        self.folder = os.path.join(kubelet_dir, WATCHER_DIR)
        self.names: dict[str, str] = {}  # driver -> its socket
        self._beside = beside
        self._known: dict[str, tuple[Identity, str]] = {}  # path -> socket, and the driver's name or ""

    def look(self, ours: Collection[str]) -> None:
        """ours: the paths of our own sockets. A driver that has come is a line in the log."""
        found = {path: known for path in self._sockets(ours) if (known := identity(path)) is not None}
        fresh = [path for path, known in found.items() if self._known.get(path, ((0, 0, 0), ""))[0] != known]
        told = self._beside.ask_each("the plugin at", fresh, _driver, remember=False) if fresh else {}
        self._known = {
            path: (known, told[path] if path in told else self._known[path][1])
            for path, known in found.items() if path in told or path not in fresh
        }  # fmt: skip
        names = {name: path for path, (_socket, name) in sorted(self._known.items()) if name}
        for name in names.keys() - self.names.keys():
            log.warning(
                "the DRA driver %s serves this node (%s): a function that it offers too can be given to two pods; "
                "see the ResourceSlices of this node", name, names[name],
            )  # fmt: skip
        self.names = names

    def _sockets(self, ours: Collection[str]) -> list[str]:
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        paths = [os.path.join(self.folder, name) for name in names]
        return [path for path in paths if path not in ours and _is_socket(path)][:MOST]


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False


def _driver(path: str) -> str:
    """The name of the DRA driver that serves at this socket; "" for another plugin, or nobody."""
    with grpc.insecure_channel(f"unix:{path}") as channel:
        call = channel.unary_unary(
            "/pluginregistration.Registration/GetInfo",
            request_serializer=watcher_api.InfoRequest.SerializeToString,
            response_deserializer=watcher_api.PluginInfo.FromString,
        )
        try:
            info: watcher_api.PluginInfo = call(watcher_api.InfoRequest(), timeout=ASK_SECONDS)
        except grpc.RpcError:
            return ""
    name = "".join(c for c in info.name[:MAX_NAME] if c.isprintable())
    return name if info.type == TYPE else ""
