# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was left behind and nobody calls for: attachments whose pod is dead, VFs that are withheld, addresses.

The service does it every few seconds; without it, the next call does one thing once its runtime has the answer.
"""

from __future__ import annotations

import os

from ..host.host import NodeHost
from ..spec.errors import TRY_AGAIN, CniError
from ..vf import withheld
from ..vf.journal import Attachment, Store
from ..vf.restore import alive, give_back
from . import releases

_LOCK_SECONDS = 1.0  # for another call on the same VF or PF: the next round comes
_ADDRESSES = 16  # that IPAM plugins are asked for again, in one round
_VFS = 16  # that are brought back in one round


def pending(host: NodeHost) -> bool:
    """Whether a round has anything to do."""
    return bool(releases.pending(host) or withheld.pending(host) or _dead(host, Store(host)))


def sweep(host: NodeHost, most: int = _ADDRESSES) -> None:
    """One round, of up to `most` addresses and withheld VFs each. One thing that fails keeps no other from being
    done.
    """
    host.lock_seconds = _LOCK_SECONDS
    store = Store(host)
    for address in withheld.pending(host)[:most]:
        _try(host, store, address, again=True)
    for address in _dead(host, store)[:_VFS] if most > 1 else []:
        _try(host, store, address, again=False)
    releases.sweep(host, most)


def plan(host: NodeHost) -> None:
    """Have one thing that is due done once the runtime has its answer."""
    if not (releases.pending(host) or withheld.pending(host)):
        return
    before = host.later

    def later() -> None:
        if before is not None:
            before()
        sweep(host, 1)

    host.later = later


def _dead(host: NodeHost, store: Store) -> list[str]:
    """VFs of attachments that nobody will take back: their namespace has ended, or their ADD died."""
    try:
        found = store.attachments()
    except CniError:
        return []  # the journal cannot be listed, which is told when it is needed
    return [one.address for one in found if _is_left(host, one) and withheld.read(host, one.address) is None]


def _is_left(host: NodeHost, attachment: Attachment) -> bool:
    """Its namespace is not at its path. That may be a path of another mount namespace: a VF that is away is where
    somebody has it, and one that is back on the host nobody has.
    """
    if attachment.boot != host.boot_id() or not attachment.complete:
        return True
    if alive(host, attachment) is not None:
        return False
    return not attachment.kernel or bool(host.net_names(attachment.address))


def _has_processes(host: NodeHost, netns_id: str) -> bool:
    """Whether a process is in that namespace, wherever its path may be."""
    for entry in os.listdir("/proc"):
        try:
            status = os.stat(f"/proc/{entry}/ns/net") if entry.isdecimal() else None
        except OSError:
            continue  # it ended
        if status is not None and f"{status.st_dev}:{status.st_ino}" == netns_id:
            return True
    return False


def _try(host: NodeHost, store: Store, address: str, again: bool) -> None:
    """Bring the VF back, unless somebody has it by now."""
    host.log.fields["vf"] = address
    try:
        with store.lock(address, "VF"):
            left = store.of_vf(address)
            if left is None:
                withheld.release(host, address)  # its journal is gone: nothing is known that would be wrong
            elif again and left.complete:
                withheld.release(host, address)
            elif _is_left(host, left) and not (left.complete and _has_processes(host, left.netns_id)):
                host.log.warning(f"VF {address} was left by {left.owner}: it is brought back")
                if not again:
                    releases.expect(host, left.container, left.ifname)
                give_back(host, store, left, alive(host, left))
    except (CniError, OSError) as error:
        if isinstance(error, CniError) and error.code == TRY_AGAIN:  # a call has it, as an ADD under way
            return
        host.log.warning(f"VF {address} is not brought back now: {error}")
        seen = withheld.read(host, address)
        if seen is not None:
            withheld.keep(host, address, (seen["container"], seen["interface"]), str(error))
