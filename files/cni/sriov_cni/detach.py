# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DEL: take a VF back from a pod (CNI specification 1.1.0, section 2).

The IPAM plugin is started first: it runs while the rest of this plugin is loaded, and while the kernel moves the VF.
"""

from __future__ import annotations

from .errors import CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Host
    from .request import Request


def delete(host: Host, request: Request) -> None:
    """Take the VF back. Succeeds where there is nothing to do. Raises CniError where something is left to be
    done.
    """
    ipam = request.ipam(host)
    if ipam is not None:
        ipam.begin("DEL")
    try:
        _take_back(host, request)
    except CniError as error:
        failure = ipam.failure() if ipam is not None else None
        if failure is not None:
            error.details = "; ".join([error.details, str(failure)] if error.details else [str(failure)])
        raise
    failure = ipam.failure() if ipam is not None else None
    if failure is not None and ipam is not None and ipam.refused:
        host.log.error(failure.msg)  # it has no address of this pod, which can go
    elif failure is not None:
        raise failure  # last of all: the runtime calls again, and only this is left then


def _take_back(host: Host, request: Request) -> None:
    from .journal import Store
    from .pci import is_address
    from .restore import alive, give_back

    store = Store(host)
    store.prepare()
    record = store.of_owner(request.container, request.ifname)
    if record is None:
        from .adopted import take_back

        take_back(host, store, request.container, request.ifname, request.netns)
        device = request.conf.get("deviceID")
        if isinstance(device, str) and is_address(device.lower()):
            store.sweep(device.lower())
        return
    host.log.fields["vf"] = record.address
    with store.lock(record.address, "VF"):
        record = store.of_owner(request.container, request.ifname)  # another DEL may have been faster
        if record is not None and give_back(host, store, record, alive(host, record)):
            host.log.info("the VF is back")
