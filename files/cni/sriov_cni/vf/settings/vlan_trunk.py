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

from shared import pci

from ...host.host import NodeHost, write_text
from ...spec.config import Keys
from ...spec.errors import DEVICE, REFUSED, CniError
from .. import quirks
from .setting import Setting, State

MOST = 4094  # 0 and 4095 are reserved (IEEE 802.1Q, table 9-2)
_LONGEST = 4000  # characters; a longer list may have been cut at the end of its page


class VlanTrunk(Setting):
    """Text, as parse() gives it; "" where all VLANs are allowed, None where the PF's driver has no such list."""

    blank = None

    def __init__(self) -> None:
        super().__init__("vlan_trunk", 0)

    def parse(self, keys: Keys) -> State | None:
        text = keys.text("vlan_trunk")
        if not text:
            return None
        vlans = ""
        try:
            vlans = parse(text)
        except ValueError as error:
            keys.expected("vlan_trunk", "VLANs and ranges like 10,20-30", text, f": {error}")
        if keys.conf.get("vlan") in range(1, 4095):
            keys.problems.append(
                "vlan_trunk: with it expected no vlan, or 0: the PF tags for the VF, or the VF tags by itself"
            )
        return {"vlan_trunk": vlans}

    def read(self, host: NodeHost, pf: str, vf: int) -> State:
        path = _path(host, pf, vf)
        text = pci.read_text(path)
        if text is None:
            return {"vlan_trunk": None}
        numbers = text.rpartition(":")[2].replace(",", " ").split()
        try:
            if len(text) > _LONGEST:
                raise ValueError(f"it has more than {_LONGEST} characters, so its end may be missing")
            return {"vlan_trunk": parse(",".join(numbers), 0, MOST + 1) if numbers else ""}
        except ValueError as error:
            raise CniError(DEVICE, f"vlan_trunk: {path} cannot be used: {error}") from None

    def unreported(self, host: NodeHost, port: str, pf: str, vf: int) -> None:
        raise CniError(
            DEVICE,
            f"vlan_trunk: the driver {pci.driver(host.sys_root, pf) or 'of'} of PF {pf} has no list of VLANs for VF "
            f"{vf}: expected {_path(host, pf, vf)}, which drivers of Intel (i40e, ice) and NVIDIA (MLNX_OFED) "
            "have that do not come with Linux; leave the key out, or install one of them",
        )

    def differences(self, wanted: State, found: State) -> list[str]:
        before, now = wanted["vlan_trunk"], found["vlan_trunk"]
        return [] if before == now else [f"vlan_trunk: expected {before}, found {now or 'none'}"]

    def apply(self, host: NodeHost, pf: str, vf: int, state: State) -> None:
        """Raises CniError: 100 where there is none, 101 where the driver refuses."""
        wanted, found = state["vlan_trunk"], self.read(host, pf, vf)["vlan_trunk"]
        if found is None:
            self.unreported(host, "", pf, vf)
        now, then = to_set(found), to_set(wanted)
        # First what is new: for a moment too few are let through, but never all, as with an empty list.
        for word, vlans in (("add", then - now), ("rem", now - then)):
            for argument in _arguments(pci.driver(host.sys_root, pf), vlans):
                host.step(f"{word} trunk")
                try:
                    write_text(_path(host, pf, vf), f"{word} {argument}\n")
                except OSError as error:
                    raise CniError(
                        REFUSED, f"vlan_trunk: PF {pf} refused '{word} {argument}' for VF {vf}: {error.strerror}"
                    ) from None
        found = self.read(host, pf, vf)["vlan_trunk"]
        if found != wanted:
            raise CniError(REFUSED, f"vlan_trunk: PF {pf} took '{wanted}' for VF {vf}, but reports '{found}'")


def _path(host: NodeHost, pf: str, index: int) -> str:
    return f"{pci.device_dir(host.sys_root, pf)}/sriov/{index}/trunk"


def _arguments(driver: str | None, vlans: set[int]) -> list[str]:
    text = to_text(vlans)
    if not quirks.has(driver, quirks.TRUNK_RANGES_APART):
        return [text] if text else []
    return [f"{low} {high}" for low, high in ranges(text)]


def parse(text: str, least: int = 1, most: int = MOST) -> str:
    """A text like `10,20-30` in its one form: sorted, joined. Raises ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = [_vlan(number, least, most) for number in (first, last if dash else first)]
        if low > high:
            raise ValueError(f"the range {part} runs backwards")
        found.update(range(low, high + 1))
    return to_text(found)


def _vlan(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not least <= int(text) <= most:
        raise ValueError(f"'{text[:20]}' is no VLAN from {least} to {most}")
    return int(text)


def to_set(text: str) -> set[int]:
    """The VLANs of a text as parse() gives it."""
    return {vlan for low, high in ranges(text) for vlan in range(low, high + 1)}


def ranges(text: str) -> list[tuple[int, int]]:
    """First and last of each range of a text as parse() gives it."""
    parts = [part.partition("-") for part in text.split(",") if part]
    return [(int(first), int(last or first)) for first, _dash, last in parts]


def to_text(vlans: set[int]) -> str:
    """The one form of a set."""
    found: list[list[int]] = []
    for vlan in sorted(vlans):
        if found and found[-1][1] == vlan - 1:
            found[-1][1] = vlan
        else:
            found.append([vlan, vlan])
    return ",".join([str(low) if low == high else f"{low}-{high}" for low, high in found])


SETTING = VlanTrunk()
