# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interface's sysctls, which its way back from a pod sets to those of the namespace: given back what they were."""

from __future__ import annotations

from struct import unpack

from ..host.ethtool import name_of
from ..host.host import NodeHost, write_text

# By the place of each in the kernel's list, "" for what cannot be set or is in other units there.
# source: linux/ip.h, IPV4_DEVCONF_*, from 1 on; net/ipv4/devinet.c
_IPV4 = (
    "forwarding", "", "proxy_arp", "accept_redirects", "secure_redirects", "send_redirects", "shared_media",
    "rp_filter", "accept_source_route", "bootp_relay", "log_martians", "tag", "arp_filter", "medium_id", "disable_xfrm",
    "disable_policy", "force_igmp_version", "arp_announce", "arp_ignore", "promote_secondaries", "arp_accept",
    "arp_notify", "accept_local", "src_valid_mark", "proxy_arp_pvlan", "route_localnet",
    "igmpv2_unsolicited_report_interval", "igmpv3_unsolicited_report_interval", "ignore_routes_with_linkdown",
    "drop_unicast_in_l2_multicast", "drop_gratuitous_arp", "bc_forwarding", "arp_evict_nocarrier",
)  # fmt: skip
# source: linux/ipv6.h, DEVCONF_*, from 0 on; net/ipv6/addrconf.c
_IPV6 = (
    "forwarding", "hop_limit", "", "accept_ra", "accept_redirects", "autoconf", "dad_transmits", "router_solicitations",
    "", "", "use_tempaddr", "temp_valid_lft", "temp_prefered_lft", "regen_max_retry", "max_desync_factor",
    "max_addresses", "force_mld_version", "accept_ra_defrtr", "accept_ra_pinfo", "accept_ra_rtr_pref", "",
    "accept_ra_rt_info_max_plen", "proxy_ndp", "optimistic_dad", "accept_source_route", "", "disable_ipv6",
    "accept_dad", "force_tllao", "ndisc_notify", "", "", "suppress_frag_ndisc", "accept_ra_from_local",
    "use_optimistic", "accept_ra_mtu", "", "use_oif_addrs_only", "accept_ra_min_hop_limit",
    "ignore_routes_with_linkdown", "drop_unicast_in_l2_multicast", "drop_unsolicited_na", "keep_addr_on_down", "",
    "seg6_enabled", "seg6_require_hmac", "enhanced_dad", "addr_gen_mode", "disable_policy",
    "accept_ra_rt_info_min_plen", "ndisc_tclass",
)  # fmt: skip
_NAMES = {"ipv4": _IPV4, "ipv6": _IPV6}


def restore(host: NodeHost, index: int, conf: dict[str, tuple[bytes, bytes]]) -> None:
    """Write what differs, before and now; what is refused is told and left, since no pod sees it."""
    for family, (before, now) in conf.items():
        for name, wanted, found in zip(_NAMES[family], _numbers(before), _numbers(now)):
            path = f"{host.proc_root}/proc/sys/net/{family}/conf"
            try:
                if name and wanted != found:
                    path = f"{path}/{name_of(host.socket, index)}/{name}"
                    write_text(path, str(wanted))
            except OSError as error:
                host.log.warning(f"{path} cannot be set to {wanted} again: {error.strerror}")


def _numbers(raw: bytes) -> tuple[int, ...]:
    return unpack(f"={len(raw) // 4}i", raw[: len(raw) & ~3])
