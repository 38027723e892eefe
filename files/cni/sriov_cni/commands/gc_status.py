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
from ..spec.errors import DEVICE, NOT_AVAILABLE, REFUSED, VERSION, CniError
from ..vf import go_plugin_state, withheld
from ..vf.config import MISSING_DEVICE, Config, judge
from ..vf.in_use import refuse_in_use
from ..vf.journal import Attachment, Store
from ..vf.pf_port import PfPort
from ..vf.restore import alive, give_back
from ..vf.vf import Vf, find, remember
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
            if _knows_it(error, "GC"):
                failures.append(error)
            else:
                host.log.warning(f"{error}: it is older than GC, and has nothing to collect")
    if failures:
        raise CniError(failures[0].code, "; ".join([str(error) for error in failures]))


def _knows_it(error: CniError, command: str) -> bool:
    """False where the plugin is older than the command: it was made for a CNI version before the one it came with."""
    return error.code != VERSION and f"unknown CNI_COMMAND: {command}" not in error.msg


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
    config, mistakes = judge(request.conf, log=host.log.problem)
    looks = _state_folder(host), _kernel(host), _devices(host, request, config), _ipam(host, request)
    problems = [text for text in (*mistakes, *looks) if text not in ("", MISSING_DEVICE)]
    if problems:
        raise CniError(NOT_AVAILABLE, "; ".join(problems))


def _ipam(host: NodeHost, request: Request) -> str:
    """What the IPAM plugin says; one that is older than STATUS may be too old for the network as well."""
    try:
        ipam = request.ipam(host)
    except CniError as error:
        return str(error)
    if ipam is None:
        return ""
    try:
        ipam.call("STATUS")
    except CniError as error:
        if _knows_it(error, "STATUS") or error.code == VERSION:
            return str(error)
        versions = ipam.versions()
        if versions and request.version not in versions:
            found = ", ".join(versions)
            return f"IPAM plugin {ipam}: expected one for cniVersion {request.version}, found one for {found}"
    return ""


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


def _devices(host: NodeHost, request: Request, config: Config) -> str:
    """The VF that the configuration names; without a deviceID, as for a default network, that there is any. A virtual
    node's VFs cannot be told from other devices: where there is no PF nothing is said.
    """
    device = request.conf.get("deviceID")
    if isinstance(device, str) and device:
        if not pci.is_address(device.lower()):
            return f"deviceID: expected a PCI address like 0000:3b:02.1, found {shown(device)}"
        try:
            _fit(host, find(host, device.lower()), config)
        except CniError as error:
            return str(error)
        return ""
    root = host.sys_root
    functions = pci.addresses(root)
    vfs = [address for address in functions if pci.physfn(root, address)]
    held = withheld.addresses(host)
    if vfs and all(address in held for address in vfs):
        return f"all VFs of this node are withheld, {vfs[0]} since {_cause(host, vfs[0])}"
    if vfs or not any(pci.total_vfs(root, address) > 0 for address in functions):
        return ""
    return "this node has no VF: sriov_numvfs of every PF is 0; expected the node's configuration to have made some"


def _fit(host: NodeHost, vf: Vf, config: Config) -> None:
    """Raises CniError for a VF that no ADD would take, or that cannot do what is asked; one that a pod has is another
    call's matter.
    """
    if withheld.read(host, vf.address) is not None:
        raise CniError(DEVICE, f"VF {vf.address} is withheld: {_cause(host, vf.address)}")
    if Store(host).of_vf(vf.address) is None:
        port = PfPort.find(host, vf.pf) if vf.pf else None
        link = remember(host, vf, config, port, Attachment())  # as ADD, which changes nothing with it
        if link is not None:
            refuse_in_use(host, vf, link)


def _cause(host: NodeHost, address: str) -> str:
    seen = withheld.read(host, address)
    return f"{seen['time']}: {seen['cause']}" if seen is not None else "a time that nobody knows"
