# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLAN trunk of a VF: the VLANs whose tags it may send and receive by itself.

Linux has no message for it. The drivers that Intel (i40e, ice) and NVIDIA (mlx5_core, in MLNX_OFED) publish on their
own have a file `sriov/INDEX/trunk` in the PF's folder, which takes "add" and "rem": Intel's with a list of ranges,
`add 10,20-30`, NVIDIA's with one range, `add 20 30`. Read, the first tells its list in the same form, the second the
single numbers after `Allowed 802.1Q VLANs:`; nothing where all are allowed.
"""

from __future__ import annotations

import os

from shared import pci

from ..netlink.vlans import MOST, parse, ranges, to_set, to_text
from ..spec.errors import DEVICE, REFUSED, CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host.host import Host

_LONGEST = 4000  # characters; a longer list may have been cut at the end of its page
_RANGES_APART = "mlx5_core"  # the driver that takes one range at a time


def read(host: Host, pf: str, index: int) -> str | None:
    """The VF's trunk, "" where all VLANs are allowed; None where the PF's driver has no such list.

    Raises CniError (100) for one that cannot be understood.
    """
    text = pci.read_text(_path(host, pf, index))
    if text is None:
        return None
    numbers = text.rpartition(":")[2].replace(",", " ").split()
    try:
        if len(text) > _LONGEST:
            raise ValueError(f"it has more than {_LONGEST} characters, so its end may be missing")
        return parse(",".join(numbers), 0, MOST + 1) if numbers else ""
    except ValueError as error:
        raise CniError(DEVICE, f"vlan_trunk: {_path(host, pf, index)} cannot be used: {error}") from None


def require(host: Host, pf: str, index: int) -> str:
    """What read() tells. Raises CniError (100) where the driver has no such list."""
    found = read(host, pf, index)
    if found is None:
        raise CniError(
            DEVICE,
            f"vlan_trunk: the driver {pci.driver(host.sys_root, pf) or 'of'} of PF {pf} has no list of VLANs for VF "
            f"{index}: expected {_path(host, pf, index)}, which drivers of Intel (i40e, ice) and NVIDIA (MLNX_OFED) "
            "have that do not come with Linux; leave the key out, or install one of them",
        )
    return found


def apply(host: Host, pf: str, index: int, wanted: str) -> None:
    """Have the VF's trunk be `wanted`, as vlans.parse() gives it; to be called with the PF's lock.

    Raises CniError: 100 where there is none, 101 where the driver refuses.
    """
    now, then = to_set(require(host, pf, index)), to_set(wanted)
    path = _path(host, pf, index)
    # First what is new: for a moment too few are let through, but never all, as with an empty list.
    for word, vlans in (("add", then - now), ("rem", now - then)):
        for argument in _arguments(pci.driver(host.sys_root, pf), vlans):
            host.step(f"{word} trunk")
            try:
                _write(path, f"{word} {argument}\n")
            except OSError as error:
                raise CniError(
                    REFUSED, f"vlan_trunk: PF {pf} refused '{word} {argument}' for VF {index}: {error.strerror}"
                ) from None
    found = read(host, pf, index)
    if found != wanted:
        raise CniError(
            REFUSED, f"vlan_trunk: PF {pf} took '{wanted}' for VF {index}, but reports '{found}'"
        )


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _path(host: Host, pf: str, index: int) -> str:
    return f"{pci.device_dir(host.sys_root, pf)}/sriov/{index}/trunk"


def _arguments(driver: str | None, vlans: set[int]) -> list[str]:
    text = to_text(vlans)
    if driver != _RANGES_APART:
        return [text] if text else []
    return [f"{low} {high}" for low, high in ranges(text)]
