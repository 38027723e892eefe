# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DEL: take a VF back from a pod (CNI specification 1.1.0, section 2).

The IPAM plugin is started first: it runs while the rest of this plugin is loaded, and while the kernel moves the VF.
"""

from __future__ import annotations

import os

from ..host.host import NodeHost
from ..spec.errors import CniError
from . import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..pod.ipam import Ipam
    from ..vf.journal import Store


def delete(host: NodeHost, request: Request) -> None:
    """Take the VF back. Succeeds where there is nothing to do, and whatever drivers or the IPAM plugin refuse: their
    part is kept to be tried again. Raises CniError where that can't be kept, or another call has the VF.
    """
    ipam = request.ipam(host)
    if ipam is not None:
        ipam.begin("DEL")
    try:
        held = _take_back(host, request, ipam)
    except CniError as error:
        failure = ipam.failure() if ipam is not None else None
        if failure is not None:
            error.details = "; ".join([error.details, str(failure)] if error.details else [str(failure)])
        raise
    _end_address(host, request, ipam, held)


def _end_address(host: NodeHost, request: Request, ipam: Ipam | None, held: bool) -> None:
    """What becomes of the address; `held` tells whether there may be one."""
    from .releases import note, settle

    failure = ipam.failure() if ipam is not None else None
    if failure is None or ipam is None or ipam.refused:
        if failure is not None:
            host.log.error(f"{failure}. No address of this pod is there; it can go")
        if held:
            settle(host, request.container, request.ifname)
    elif not held:
        host.log.warning(f"{failure}. No ADD of this pod was completed; it can go")
    elif note(host, request, failure):
        host.log.error(
            f"{failure}. The pod can go; its address is kept to be released later, 'sriov attachments' shows it and "
            "'sriov release' tries at once"
        )


def _take_back(host: NodeHost, request: Request, ipam: Ipam | None) -> bool:
    """Give the VF back. False where nothing tells that an ADD of this pod was completed."""
    from shared.pci import is_address

    from ..vf.journal import Store
    from ..vf.restore import alive, give_back
    from .releases import known, note

    store = Store(host)
    store.prepare()
    try:
        attachment = store.of_owner(request.container, request.ifname)
    except CniError as error:
        return _withhold(host, store, request, error)
    held = attachment is not None or known(host, request.container, request.ifname)
    held = held or os.access(f"{host.state}/{request.container}-{request.ifname}", os.F_OK)
    if held and ipam is not None and not ipam.refused:
        note(host, request)  # before the journal goes: a process that is killed shall not lose the address
    if attachment is None:
        from ..vf.go_plugin_state import take_back

        take_back(host, store, request.container, request.ifname, request.netns)
        device = request.conf.get("deviceID")
        if isinstance(device, str) and is_address(device.lower()):
            store.sweep(device.lower())
        return held
    host.log.fields["vf"] = attachment.address
    with store.lock(attachment.address, "VF"):
        attachment = store.of_owner(request.container, request.ifname)  # another DEL may have been faster
        if attachment is not None and not give_back(host, store, attachment, alive(host, attachment)):
            host.log.info("the VF is back")
    return True


def _withhold(host: NodeHost, store: Store, request: Request, error: CniError) -> bool:
    """The journal of this pod cannot be used: nobody knows how its VF was, so the pod goes and the VF is not given
    out. Raises CniError where it is not the journal that is wrong.
    """
    from ..vf import withheld
    from .releases import note

    damaged = store.damaged_of(request.container, request.ifname)
    if damaged is None:
        raise error
    note(host, request)
    withheld.keep(host, damaged.address, (damaged.container, damaged.ifname), str(error))
    host.log.error(f"VF {damaged.address} is withheld, and the pod can go: {error}")
    return True
