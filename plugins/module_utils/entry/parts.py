# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of all parts of a node in one call: what sriov_node and sriov_bundle would do, by their own code.

Steps stand in the order in which the playbooks do them, each with its part and, where it is a bundle's, with that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..bundle import interpreter, locations, store, summary, units
from ..bundle import plan as bundle_plan
from ..bundle.interpreter import Interpreter
from ..host.host import Host
from ..model.errors import Problem, RefusedError
from ..model.frozen import dataclass
from ..model.plan import NODE, Plan, Step
from ..node.installation import SYSTEMD
from ..node.plan import ReloadStep
from ..node.run import Concerns, MakeGoal, Outcome, run
from . import bundle_module, results


@dataclass(frozen=True)
class Bundle:
    """One bundle's part of the plan."""

    name: str
    part: str
    plan: Plan
    steps: Sequence[Step]  # in short

    def told(self) -> list[dict[str, Any]]:
        """The steps for results."""
        return [{**step.as_dict(), "part": self.part, "bundle": self.name} for step in self.steps]


def plan_module(module: results.Module, make_goal: MakeGoal, concerns: Concerns, host: Host) -> None:
    """End the module with the plan of all parts; or, where its manifests lack the libraries for this Python, with what
    that is. Raises SriovError.
    """
    params = module.params
    facts: dict[str, Any] = {}
    absent = params["state"] == "absent"
    given: list[dict[str, Any]] = [] if params["bundles"] is None else params["bundles"]
    params["bundles"] = None  # a result repeats its parameters
    problems: list[Problem] = []
    python: Interpreter | None = None
    if not absent:
        try:
            python = interpreter.choose(host)
        except RefusedError as error:
            problems += error.problems
        else:
            facts["python"] = python.as_dict()
            if _lacks_libraries(params["libraries_for"], python):
                module.exit_json(changed=False, python=python.as_dict(), libraries_missing=True)
                return
    outcome, warnings = _of_the_node(host, make_goal, concerns, absent, problems)
    offers = outcome is None or bool(outcome.look.goal.resources)
    bundles = _of_bundles(host, given, python, offers, problems) if absent or python else []
    if outcome is None or problems:
        raise RefusedError(problems, warnings)
    for one in given:
        if python is not None:
            facts.update(bundle_module.cni_facts(host, bundle_module.variables_of(host, one, python)))
    facts["bundles"] = {one.name: {"part": one.part, "changed": bool(one.plan.steps)} for one in bundles}
    _finish(module, outcome, bundles, facts, absent)


def _of_the_node(
    host: Host, make_goal: MakeGoal, concerns: Concerns, absent: bool, problems: list[Problem]
) -> tuple[Outcome | None, Sequence[str]]:
    """The node's own plan; None where it refuses, and its reasons among the problems."""

    def chosen(step: Step) -> Step | None:
        return None if absent and isinstance(step, ReloadStep) else step  # the device plugin goes first

    ssh_connection = os.environ.get("SSH_CONNECTION", "")
    try:
        outcome = run(host, make_goal, concerns, check=True, ssh_connection=ssh_connection, chosen=chosen)
    except RefusedError as error:
        problems += error.problems
        return None, error.warnings
    return outcome, outcome.warnings


def _of_bundles(
    host: Host, given: Sequence[Mapping[str, Any]], python: Interpreter | None, offers: bool, problems: list[Problem]
) -> list[Bundle]:
    """Their plans; what stands in a bundle's way is among the problems, unless the same object was told before."""
    if not host.exists(SYSTEMD):
        return []  # told by the node's plan
    requests = [(one, None if python is None else _request(host, one, python, offers)) for one in given]
    states = _unit_states(host, requests)
    found = []
    for one, request in requests:
        try:
            if request is None or python is None:
                planned = bundle_plan.plan_absent(host, one["name"], states)
            else:
                planned = bundle_plan.plan(host, request, python, states)
        except RefusedError as error:
            told = {problem.target for problem in problems}
            problems += [problem for problem in error.problems if problem.target not in told]
            continue
        if any(isinstance(step, units.UnitStep) and step.after == units.RELOAD for step in planned.steps):
            states = {name: replace(state, needs_reload=False) for name, state in states.items()}
        found.append(Bundle(one["name"], one["part"], planned, summary.short(host, planned, request)))
    return found


def _request(host: Host, one: Mapping[str, Any], python: Interpreter, offers: bool) -> store.BundleRequest:
    chosen = one["units"] if offers or one.get("idle_units") is None else one["idle_units"]
    variables = bundle_module.variables_of(host, one, python)
    return bundle_module.request_of({**one, "units": chosen}, variables, locations.places(host))


def _unit_states(
    host: Host, requests: Sequence[tuple[Mapping[str, Any], store.BundleRequest | None]]
) -> dict[str, units.UnitState]:
    """Of all units of all bundles, by one call."""
    names = {name for one, _request in requests for name in store.read_record(host, one["name"]).units}
    names |= {unit.name for _one, request in requests if request is not None for unit in request.units}
    return units.read(host, sorted(names))


def _lacks_libraries(given: Mapping[str, Any] | None, python: Interpreter) -> bool:
    """Whether the device plugin's libraries were sent for another Python, or not at all."""
    return given is not None and any(str(given.get(key)) != getattr(python, key) for key in interpreter.WHEELS_FIT)


def _finish(
    module: results.Module, outcome: Outcome, bundles: Sequence[Bundle], facts: Mapping[str, Any], absent: bool
) -> None:
    own = [{**step.as_dict(), "part": NODE} for step in outcome.plan.steps]
    library = [step for one in bundles if one.name == NODE for step in one.told()]
    others = [step for one in bundles if one.name != NODE for step in one.told()]
    steps = [*others, *own, *library] if absent else [*library, *own, *others]
    warnings = list(dict.fromkeys([*outcome.warnings, *(word for one in bundles for word in one.plan.warnings)]))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(
        **outcome.facts(),
        **facts,
        changed=bool(outcome.plan.pending) or any(one.plan.steps for one in bundles),
        node_changed=bool(outcome.plan.pending),
        plan={**outcome.plan.as_dict(), "steps": steps, "warnings": warnings},
        reboot_required=outcome.plan.reboot_required,
    )
