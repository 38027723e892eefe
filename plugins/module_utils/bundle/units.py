# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of a bundle: what systemd says of them, and the steps to what they shall be.

Source: systemctl(1), org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..host.host import Host
from ..model.errors import CommandError, HostError
from ..model.frozen import dataclass
from ..model.plan import Step
from . import image_units
from .store import Unit

FOLDERS = ("/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/", "/run/systemd/system/")
RELOAD, ENABLE, DISABLE = "daemon-reload", "enable", "disable"
START, STOP, RESTART = "start", "stop", "restart"
SYSTEMD = "systemd"
SECONDS = 180.0  # a start waits for the unit's own time limit, 90 s by default


@dataclass(frozen=True)
class UnitState:
    """A unit as systemd has it. file_state: "enabled", "disabled", "static", ..., "" where it has no file."""

    active: str = "inactive"
    file_state: str = ""
    needs_reload: bool = False

    @property
    def is_active(self) -> bool:
        """True where it runs, or is about to reload."""
        return self.active in ("active", "reloading")

    @property
    def is_enabled(self) -> bool:
        """True where it starts at boot."""
        return self.file_state == "enabled"


class UnitStep(Step, kind="unit"):
    """A verb of systemctl for a unit, or for systemd itself; `after` is the verb."""

    def apply(self, host: Host) -> None:
        verb = str(self.after)
        if not host.is_running:
            (image_units.enable if verb == ENABLE else image_units.disable)(host, self.target)
            return
        if self.target == SYSTEMD:
            host.run(["systemctl", RELOAD], seconds=SECONDS)
            return
        try:
            host.run(["systemctl", verb, "--", self.target], seconds=SECONDS)
        except CommandError as error:
            raise CommandError(
                f"systemctl {verb} {self.target}",
                error.problem.expected,
                error.problem.found,
                f"See `journalctl -u {self.target}`.",
            ) from error
        state = read(host, [self.target])[self.target]
        if verb in (START, RESTART) and not state.is_active:
            raise HostError(self.target, "the unit active", state.active, f"See `journalctl -u {self.target}`.")
        if verb == ENABLE and not state.is_enabled:
            raise HostError(
                self.target,
                "the unit enabled",
                state.file_state or "no such unit",
                "Its file needs an [Install] section.",
            )


def read(host: Host, names: Sequence[str]) -> dict[str, UnitState]:
    """The state of units, by one call; in an image all seem to run, so that nothing is started. Raises CommandError."""
    if not names:
        return {}
    if not host.is_running:
        held = image_units.enabled(host, names)
        return {name: UnitState("active", "enabled" if name in held else "disabled") for name in names}
    done = host.run(
        ["systemctl", "show", "--property=Id,ActiveState,UnitFileState,NeedDaemonReload", "--", *names]
    )
    blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines()) for block in done.stdout.strip().split("\n\n")
    ]
    found = [
        UnitState(
            values.get("ActiveState", "inactive"),
            values.get("UnitFileState", ""),
            values.get("NeedDaemonReload") == "yes",
        )
        for values in blocks
    ]
    if len(found) != len(names):
        raise HostError("systemctl show", f"{len(names)} units", f"{len(found)} in its answer")
    return dict(zip(names, found))  # in the order in which they were asked for; Id may be an alias's target


def plan(
    units: Sequence[Unit], states: dict[str, UnitState], changed: Collection[str], pending: Collection[str]
) -> list[Step]:
    """The steps after files at the paths `changed` were changed; `pending` holds what an earlier run owes."""
    steps: list[Step] = []
    unit_files = sorted(path for path in changed if path.startswith(FOLDERS))
    stale = [name for name, state in states.items() if state.needs_reload]
    if unit_files or stale or "" in pending:
        reason = f"changed: {', '.join(unit_files)}" if unit_files else "systemd has old unit files"
        steps.append(UnitStep(SYSTEMD, RELOAD, reason, None, RELOAD))
    for unit in units:
        state = states.get(unit.name, UnitState())
        if unit.enabled is not None and unit.enabled != state.is_enabled:
            verb = ENABLE if unit.enabled else DISABLE
            steps.append(
                UnitStep(unit.name, verb, f"it is {state.file_state or 'not there'}", state.file_state, verb)
            )
        if unit.started is False and state.active not in ("inactive", "failed"):
            steps.append(UnitStep(unit.name, STOP, f"it is {state.active}", state.active, STOP))
        elif unit.started and not state.is_active:
            steps.append(UnitStep(unit.name, START, f"it is {state.active}", state.active, START))
        elif unit.started and (restarts(unit, changed) or unit.name in pending):
            steps.append(
                UnitStep(unit.name, RESTART, "what it runs from was changed", state.active, RESTART)
            )
    return steps


def in_an_image(steps: Sequence[Step]) -> list[Step]:
    """Those of the steps that are about the next boot."""
    return [step for step in steps if not isinstance(step, UnitStep) or step.after in (ENABLE, DISABLE)]


def restarts(unit: Unit, changed: Collection[str]) -> bool:
    """True where a change of these paths asks for a restart of the unit."""
    if unit.restart_on is None:
        return bool(changed)
    return any(
        path == prefix or path.startswith(prefix.rstrip("/") + "/")
        for path in changed
        for prefix in unit.restart_on
    )


def plan_removal(names: Sequence[str], states: dict[str, UnitState]) -> list[Step]:
    """Stop and disable the units, before their files go."""
    steps: list[Step] = []
    for name in names:
        state = states.get(name, UnitState())
        if state.active not in ("inactive", "failed"):
            steps.append(UnitStep(name, STOP, f"it is {state.active}", state.active, STOP))
        if state.file_state.startswith("enabled"):
            steps.append(UnitStep(name, DISABLE, f"it is {state.file_state}", state.file_state, DISABLE))
    return steps
