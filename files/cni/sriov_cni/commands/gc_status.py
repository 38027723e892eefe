# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GC and STATUS: what a runtime asks of a network, not of one attachment (CNI specification 1.1.0, section 2)."""

from __future__ import annotations

import os
from _collections_abc import Callable

from shared import pci

from ..host.host import NodeHost
from ..netlink.messages import get_link
from ..netlink.socket import NetlinkError
from ..spec.config import shown, valid_attachments
from ..spec.errors import NOT_AVAILABLE, REFUSED, CniError
from ..vf import go_plugin_state
from ..vf.journal import Store
from ..vf.restore import alive, give_back
from ..vf.vf import find
from . import Request, releases


def collect(host: NodeHost, request: Request) -> None:
    """GC: bring back the VFs of this network's attachments that the runtime does not know any more.

    Goes on after a failure. Raises CniError with all that failed, the code being that of the first.
    """
    valid = valid_attachments(request.conf)
    network: str = request.conf["name"]
    store = Store(host)
    failures: list[CniError] = []
    for owner in store.owners():
        if owner not in valid:
            _attempt(failures, " ".join(owner), _collect_one, host, store, owner, network)
    for name in go_plugin_state.gone(host, network, valid):
        _attempt(failures, name, go_plugin_state.collect, host, store, name)
    ipam = request.ipam(host)
    if ipam is not None:
        try:
            ipam.call("GC")
        except CniError as error:
            failures.append(error)
    if failures:
        raise CniError(failures[0].code, "; ".join([str(error) for error in failures]))


def _attempt(failures: list[CniError], what: str, act: Callable[..., object], *arguments: object) -> None:
    try:
        act(*arguments)
    except CniError as error:
        failures.append(error)
    except OSError as error:  # the kernel's own words, from netlink or a file
        failures.append(CniError(REFUSED, f"{what}: {error}"))


def _collect_one(host: NodeHost, store: Store, owner: tuple[str, str], network: str) -> None:
    attachment = store.of_owner(*owner)
    if attachment is None or attachment.network != network:
        return
    host.log.fields["vf"] = attachment.address
    with store.lock(attachment.address, "VF"):
        left = store.of_owner(*owner)  # its DEL may have been faster
        if left is not None:
            host.log.warning(f"{left.owner} is gone: its VF is brought back")
            releases.expect(host, *owner)
            why = give_back(host, store, left, alive(host, left))
            if why:
                raise CniError(REFUSED, f"VF {left.address} is withheld: {why}")


def status(host: NodeHost, request: Request) -> None:
    """STATUS: could an ADD be served now. Raises CniError (50) with all that stands in the way."""
    looks = host.log.problem, _state_folder(host), _kernel(host), _devices(host, request)
    problems = [problem for problem in looks if problem]
    ipam = request.ipam(host)
    if ipam is not None:
        try:
            ipam.call("STATUS")
        except CniError as error:
            problems.append(str(error))
    if problems:
        raise CniError(NOT_AVAILABLE, "; ".join(problems))


def _state_folder(host: NodeHost) -> str:
    try:
        Store(host).prepare()
    except CniError as error:
        return str(error)
    return "" if os.access(host.state, os.W_OK) else f"the state folder {host.state} is read-only"


def _kernel(host: NodeHost) -> str:
    try:
        host.socket.get(get_link(name="lo"))
    except NetlinkError as error:
        return f"the kernel does not answer about interfaces: {error}"
    except OSError as error:
        return f"no netlink socket can be made: {error.strerror}"
    return ""


def _devices(host: NodeHost, request: Request) -> str:
    """The VF that the configuration names; without a deviceID, as for a default network, that there is any. A virtual
    node's VFs cannot be told from other devices: where there is no PF nothing is said.
    """
    device = request.conf.get("deviceID")
    if isinstance(device, str) and device:
        if not pci.is_address(device.lower()):
            return f"deviceID: expected a PCI address like 0000:3b:02.1, found {shown(device)}"
        try:
            find(host, device.lower())
        except CniError as error:
            return str(error)
        return ""
    root = host.sys_root
    functions = pci.addresses(root)
    has_vf = any(pci.physfn(root, address) for address in functions)
    if has_vf or not any(pci.total_vfs(root, address) > 0 for address in functions):
        return ""
    return "this node has no VF: sriov_numvfs of every PF is 0; expected the node's configuration to have made some"
