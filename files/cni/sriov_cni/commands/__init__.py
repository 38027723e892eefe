# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ADD, DEL, CHECK, GC and STATUS: what they get of one call, and the namespace that it names."""

from __future__ import annotations

from ..host.host import NodeHost
from ..pod.netns import Netns, open_netns, own_netns
from ..spec.delegate import ipam_type
from ..spec.errors import CONFIG, ENVIRONMENT, NETNS, CniError
from ..spec.json_text import Json
from ..spec.result import Result, parse_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..pod.ipam import Ipam


# W3C Trace Context and Baggage as environment variables: logged, and handed on with all the others to IPAM plugins.
TRACE = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")


class Request:
    """One call: the environment's variables, judged by main, and the configuration."""

    def __init__(self, environment: dict[str, str], raw: bytes, conf: Json) -> None:
        self.environment = environment
        self.raw = raw
        self.conf = conf
        self.container = environment.get("CNI_CONTAINERID", "")
        self.netns = environment.get("CNI_NETNS", "")
        self.ifname = environment.get("CNI_IFNAME", "")
        self.args = environment.get("CNI_ARGS", "")
        self.version: str = conf.get("cniVersion") or "0.1.0"

    def ipam(self, host: NodeHost) -> Ipam | None:
        """The delegated IPAM plugin, None where the configuration names none. Raises CniError (7) where it is to get
        ranges that the node does not have.
        """
        kind = ipam_type(self.conf)
        if not kind:
            return None
        from ..pod.ipam import Ipam

        raw = self.raw
        if "ranges_from" in self.conf["ipam"]:
            from ..pod.node_ranges import fill

            raw = fill(self.conf, host.setting, self.environment.get("CNI_COMMAND", ""))
        return Ipam(host, kind, self.environment, raw, self.conf)

    def previous(self) -> Result:
        """The result of the plugins before us, empty where we are the first. Raises CniError (7)."""
        try:
            return parse_result(self.conf.get("prevResult"), self.version)
        except ValueError as error:
            raise CniError(CONFIG, f"prevResult: {error}") from None


def pod_netns(request: Request) -> Netns:
    netns = open_netns(request.netns)
    if netns is None:
        raise CniError(ENVIRONMENT, f"CNI_NETNS: expected a network namespace at {request.netns}, found none")
    override = request.environment.get("CNI_NETNS_OVERRIDE", "")
    if netns.identity == own_netns().identity and override.lower() not in ("1", "true"):
        raise CniError(
            NETNS, f"CNI_NETNS: {request.netns} is the namespace that this plugin runs in, not a pod's"
        )
    return netns
