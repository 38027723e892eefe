# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The narrow views of the plan: goals for some PFs or functions alone, from the options of sriov_vfs and
sriov_driver.
"""

from __future__ import annotations

from typing import Any

from ..model.errors import Mistake, Problem, problems_of, raise_if
from ..model.goal import DRIVER_OWNER, VFS_OWNER, FunctionGoal, Goal, PfGoal, VfSettings
from ..model.state import NodeState, Pf
from .policy import DRIVER_NAME, HIGHEST_MTU, LOWEST_MTU, PCI_ADDRESS, one_mac, vf_attributes, vf_indices
from .validation import INDEX_LIMIT, Fields


def vfs_goal(value: Any, state: NodeState) -> Goal:
    """The goal for a list of PFs. Raises InvalidSpecError; what does not fit the host is in the goal's
    `problems`.
    """
    mistakes: list[Mistake] = []
    problems: list[Problem] = []
    top = Fields({"pfs": value}, "", mistakes)
    pfs = top.items("pfs", lambda item, path: _pf(item, path.lstrip("."), state, mistakes, problems))
    _each_once("pfs", [pf.address for pf in pfs if pf.address], mistakes)
    return Goal(pfs=pfs, whole=False, owner=VFS_OWNER, problems=tuple(problems))


def _each_once(key: str, addresses: list[str], mistakes: list[Mistake]) -> None:
    """Raises InvalidSpecError where one is there twice, or there are other mistakes."""
    mistakes += [Mistake(key, f"{a} is there twice") for a in sorted(set(addresses)) if addresses.count(a) > 1]
    raise_if(mistakes)


def _pf(value: Any, path: str, state: NodeState, mistakes: list[Mistake], problems: list[Problem]) -> PfGoal:
    fields = Fields(value, path, mistakes)
    name = fields.text("pf", required=True, pattern=r"^\S{1,127}$", meaning="a PCI address or an interface name")
    count = fields.number("num_vfs", 0, INDEX_LIMIT, required=True) or 0
    mtu = fields.number("mtu", LOWEST_MTU, HIGHEST_MTU)
    vfs: dict[int, VfSettings] = {}

    def entry(item: Any, where: str) -> None:
        inner = Fields(item, where, mistakes)
        chosen, attributes = vf_indices(inner), vf_attributes(inner)
        driver = inner.text("driver", pattern=DRIVER_NAME, meaning="a driver's name, default or none") or None
        inner.finish()
        one_mac(inner, attributes, chosen)
        for index in chosen:
            if index >= count or index in vfs:
                inner.wrong("indices", f"expected each VF below num_vfs ({count}) once, found {index}")
            vfs[index] = VfSettings(attributes, mtu, driver)

    fields.items("vfs", entry)
    for index in range(count if mtu is not None else 0):
        vfs.setdefault(index, VfSettings(mtu=mtu))
    allow = bool(fields.flag("allow_in_use"))
    fields.finish()
    pf = find_pf(name, state)
    names = ", ".join(pf.label for pf in state.pfs if pf.total_vfs > 0) or "none"
    problems += problems_of(
        name, (pf is None and name, "a PF of this name or address", f"PFs here: {names}", "Correct pf.")
    )
    return PfGoal(pf.address if pf else "", count, mtu=mtu, vfs=tuple(sorted(vfs.items())), allow_in_use=allow)


def find_pf(name: str, state: NodeState) -> Pf | None:
    """A PF by PCI address, interface name or alternative name; None where there is none."""
    return next((pf for pf in state.pfs if name in (pf.address, pf.name, *pf.altnames)), None)


def driver_goal(value: Any) -> Goal:
    """The goal for a list of functions. Raises InvalidSpecError."""
    mistakes: list[Mistake] = []

    def entry(item: Any, path: str) -> FunctionGoal:
        fields = Fields(item, path.lstrip("."), mistakes)
        address = fields.text("address", required=True, pattern=PCI_ADDRESS, meaning="a PCI address")
        driver = fields.text("driver", required=True, pattern=DRIVER_NAME, meaning="a driver's name, default or none")
        fields.finish()
        return FunctionGoal(address, driver)

    functions = Fields({"functions": value}, "", mistakes).items("functions", entry)
    _each_once("functions", [function.address for function in functions], mistakes)
    return Goal(functions=functions, whole=False, owner=DRIVER_OWNER)
