# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module asked for which of our kernel arguments: the boot loader has them in one list.

Most of it can be told from the list itself. Only where it can't, a small file says it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ..host.host import Host
from ..model.plan import Step
from ..record.record import ARGUMENTS
from . import cmdline

FORMAT = 1
IOMMU, ARGS = "sriov_iommu", "sriov_kernel_args"
MODULES = (IOMMU, ARGS)  # in the order of their arguments: a later one of a user overrides
NODE = "sriov_node"  # what none of both has asked for, on a host that the role node has configured
# What is sriov_iommu's where no file tells otherwise. source: kernel/iommu.py, of all vendors.
_IOMMU_TOKENS = ("intel_iommu=on", "iommu=pt")

Shares = dict[str, tuple[str, ...]]


class ShareStep(Step, kind="argument_shares", recorded=False):
    """The note of which module asks for what; `after` is all of it."""

    def apply(self, host: Host) -> None:
        write(host, self.after)


def read(host: Host) -> Shares:
    """What is noted; a damaged note is none, as most can be told without it. Raises HostError."""
    text = host.read_text(ARGUMENTS)
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        return {}
    return {name: tuple(map(str, value[name])) for name in MODULES if isinstance(value.get(name), list)}


def write(host: Host, shares: Mapping[str, Iterable[str]]) -> None:
    """Replace the note; none where nothing is asked for. Raises HostError."""
    value = {name: list(shares.get(name, ())) for name in MODULES}
    if any(value.values()):
        host.write_file(ARGUMENTS, (json.dumps({"format": FORMAT, **value}) + "\n").encode(), 0o600)
    elif host.exists(ARGUMENTS):
        host.remove_file(ARGUMENTS)


def shares_of(noted: Shares, appended: Iterable[str], managed: bool) -> Shares:
    """Whose the arguments of the list are. managed: the role node has configured the host."""
    found = {name: list(noted.get(name, ())) for name in MODULES}
    found[NODE] = []
    told = {token for tokens in noted.values() for token in tokens}
    for token in appended:
        if token not in told:
            found[NODE if managed else IOMMU if token in _IOMMU_TOKENS else ARGS].append(token)
    return {name: tuple(tokens) for name, tokens in found.items()}


def together(shares: Shares) -> tuple[str, ...]:
    """One list of the arguments of all, each once. Where a user asks for a value of a key, no other is added to it."""
    asked = shares.get(ARGS, ())
    usual = [one for one in shares.get(IOMMU, ()) if one in asked or cmdline.effective(asked, cmdline.key(one)) is None]
    return tuple(dict.fromkeys((*shares.get(NODE, ()), *usual, *asked)))


def note_steps(noted: Shares, shares: Shares, managed: bool, module: str) -> list[Step]:
    """The step to a note that is needed, or that is wrong."""
    if shares_of(noted, together(shares), managed) == shares:
        return []
    after = {name: list(shares[name]) for name in MODULES}
    before = {name: list(tokens) for name, tokens in noted.items()} or None
    return [ShareStep(ARGUMENTS, f"note what {module} asks for", "others ask for kernel arguments, too", before, after)]
