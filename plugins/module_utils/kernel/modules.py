# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules: their options, their loading at boot, and their loading now.

Two files are ours alone: /etc/modprobe.d/baremetal-sriov.conf and /etc/modules-load.d/baremetal-sriov.conf.
A module that is built into the kernel takes its options from the command line: kernel_arguments() gives them.
Sources: modprobe.d(5), modules-load.d(5), Linux Documentation/ABI/stable/sysfs-module (initstate).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from ..host.host import Host
from ..model.errors import HostError, Mistake, Problem, RefusedError, mistakes_of, raise_if
from ..model.frozen import dataclass
from ..model.goal import ModuleGoal
from ..model.plan import REBOOT, Reboot, Step
from ..record import pending_reboot, record
from ..record.pending_reboot import Reboots

INITRAMFS = "initramfs"

OPTIONS_FILE = "/etc/modprobe.d/baremetal-sriov.conf"
BOOT_FILE = "/etc/modules-load.d/baremetal-sriov.conf"
MARK = "# Made by baremetal.sriov; changes here are lost."
INDEX_LIMIT = 16 << 20  # bytes; modules.dep of a distribution's kernel is about 1 MiB
LOAD_SECONDS = 60.0

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_BOOLEANS = {"y": "Y", "yes": "Y", "on": "Y", "1": "Y", "n": "N", "no": "N", "off": "N", "0": "N"}


@dataclass(frozen=True)
class Live:
    """A module now. available: None where nothing tells. parameters: (name, value, writable)."""

    loaded: bool
    builtin: bool
    available: bool | None
    parameters: tuple[tuple[str, str, bool], ...] = ()


@dataclass(frozen=True)
class ModulesState:
    """The texts of our two files (None: missing), the modules that were asked for, and those whose parameters we set.

    parameters: with their values before we set them. initramfs: the modules in the initramfs whose lines in
    our file change, or changed when a run was stopped.
    """

    options: str | None
    boot: str | None
    live: Mapping[str, Live]
    parameters: tuple[tuple[Parameter, str], ...] = ()
    reboots: Reboots = field(default_factory=Reboots)
    initramfs: tuple[str, ...] = ()

    def of(self, module: ModuleGoal | Parameter) -> Live:
        """The module's state; what was not read counts as not loaded."""
        return self.live.get(module.key, Live(False, False, None))


@dataclass(frozen=True)
class Parameter:
    """A parameter of a loaded module."""

    key: str  # the module, as sysfs names it
    name: str

    def __str__(self) -> str:
        return f"{self.key}.{self.name}"

    @property
    def path(self) -> str:
        """Its file."""
        return f"/sys/module/{self.key}/parameters/{self.name}"


class ModuleFileStep(Step):
    """One of our two files; None: it goes."""

    def apply(self, host: Host) -> None:
        if self.after is None:
            host.remove_file(self.target)
        else:
            host.write_file(self.target, self.after.encode())


class OptionsStep(ModuleFileStep, kind="module_options"):
    """/etc/modprobe.d."""


class BootListStep(ModuleFileStep, kind="module_boot_list"):
    """/etc/modules-load.d."""


class InitramfsStep(Step, kind="module_initramfs"):
    """The initramfs, which has a copy of our options."""

    def apply(self, host: Host) -> None:
        from . import initramfs

        initramfs.make(host)


class LoadStep(Step, kind="module_load", lost_at_boot=True):
    """Load a module now."""

    def apply(self, host: Host) -> None:
        host.run(["modprobe", "--", self.target], seconds=LOAD_SECONDS)
        if not host.exists(f"/sys/module/{self.target.replace('-', '_')}"):
            raise HostError(
                self.target,
                "the module loaded",
                "modprobe succeeded, but not in /sys/module",
                "An install line in /etc/modprobe.d may run something else: see `modprobe -v`.",
            )


class ParameterStep(Step, kind="module_parameter"):
    """Set a parameter of a loaded module."""

    def apply(self, host: Host) -> None:
        host.write_attribute(self.target.path, self.after)


def validate(specs: Sequence[ModuleGoal], path: str = "modules") -> None:
    """Raises InvalidSpecError with every mistake."""
    mistakes: list[Mistake] = []
    for index, spec in enumerate(specs):
        where = f"{path}[{index}]"
        mistakes += mistakes_of(
            (_is_no_name(spec.name), f"{where}.name", f"{spec.name!r} is no module's name"),
            (any(one.key == spec.key for one in specs[:index]), f"{where}.name", f"{spec.name!r} is there twice"),
            *(
                (_is_no_name(other), f"{where}.softdep", f"{other!r} is no module's name")
                for other in (*spec.before, *spec.after)
            ),
            (spec.blacklist and spec.load, f"{where}.blacklist", "contradicts load: true; choose one"),
        )
        for option, value in spec.options:
            odd = not value.isprintable() or set(value) & set(" \"'\\#") or len(value) > 256
            mistakes += mistakes_of(
                (not option or set(option) - _NAME, f"{where}.options", f"{option!r} is no option's name"),
                (odd, f"{where}.options.{option}", f"{value!r} has blanks, quotes or controls"),
            )
    raise_if(mistakes)


def _is_no_name(name: str) -> bool:
    return not name or len(name) > 64 or bool(set(name) - _NAME)


def read(host: Host, specs: Sequence[ModuleGoal]) -> ModulesState:
    """Our files, and the state of the modules of `specs`. Raises HostError."""
    start = f"{ParameterStep.kind} "
    known = record.load(host)
    before = tuple(
        (Parameter(*key[len(start) :].split(".", 1)), str(value))
        for key, value in sorted(known.objects.items())
        if key.startswith(start) and "." in key
    )
    names = dict.fromkeys([*(spec.key for spec in specs), *(parameter.key for parameter, _value in before)])
    state = ModulesState(
        host.read_text(OPTIONS_FILE),
        host.read_text(BOOT_FILE),
        {name: _read_live(host, name) for name in names},
        before,
        pending_reboot.read(host),
    )
    touched = _touched(state.options, options_text(specs, state))
    if f"{InitramfsStep.kind} {INITRAMFS}" in known.interrupted:
        touched |= _touched(None, state.options) | {"*"}
    if not touched:
        return state
    from . import initramfs  # only here: most runs change no options

    held = initramfs.modules(host)
    return replace(state, initramfs=tuple(sorted(touched & (held | {"*"} if held else held))))


def _touched(before: str | None, after: str | None) -> set[str]:
    """The modules whose lines in our modprobe.d file differ."""
    lines = set((before or "").splitlines()) ^ set((after or "").splitlines())
    words = (line.split() for line in lines if not line.startswith("#"))
    return {found[1].replace("-", "_") for found in words if len(found) > 1}  # somebody else may have written them


def plan(specs: Sequence[ModuleGoal], state: ModulesState) -> list[Step]:
    """The files first (they count at boot), then modules to load now, and parameters that can be set now.

    Modules that we loaded stay loaded when they are no longer asked for: others may have come to use them.
    Raises InvalidSpecError and RefusedError.
    """
    validate(specs)
    _refuse(specs, state)
    steps = [
        *_file_step(OptionsStep, OPTIONS_FILE, state.options, options_text(specs, state)),
        *_file_step(BootListStep, BOOT_FILE, state.boot, boot_text(specs, state)),
    ]
    if state.initramfs:
        names = ", ".join(state.initramfs)
        reason = f"it holds {names}, which read their options there" if names != "*" else "a run was stopped before"
        steps.append(InitramfsStep(INITRAMFS, "make it again", reason, None, list(state.initramfs)))
    for spec in specs:
        live = state.of(spec)
        if spec.load and not live.loaded and not live.builtin:
            steps.append(LoadStep(spec.name, "load it", "it is not loaded", False, True))
        steps.extend(_parameter_steps(spec, live, state.reboots))
    steps.extend(_steps_back(specs, state))
    return steps


def kernel_arguments(specs: Sequence[ModuleGoal], state: ModulesState) -> tuple[str, ...]:
    """The options of modules that are built into the kernel: modprobe.d never reaches them."""
    return tuple(
        f"{spec.name}.{option}={value}"
        for spec in specs
        if state.of(spec).builtin
        for option, value in spec.options
    )


def options_text(specs: Sequence[ModuleGoal], state: ModulesState) -> str | None:
    """The text of our modprobe.d file, None where none is needed."""
    lines = []
    for spec in specs:
        if spec.options and not state.of(spec).builtin:
            lines.append(f"options {spec.name} " + " ".join(f"{option}={value}" for option, value in spec.options))
        if spec.blacklist:
            lines.append(f"blacklist {spec.name}")
        around = [f"{word}: {' '.join(names)}" for word, names in (("pre", spec.before), ("post", spec.after)) if names]
        if around:
            lines.append(f"softdep {spec.name} {' '.join(around)}")
    return "\n".join([MARK, *lines]) + "\n" if lines else None


def boot_text(specs: Sequence[ModuleGoal], state: ModulesState) -> str | None:
    """The text of our modules-load.d file, None where none is needed."""
    names = [spec.name for spec in specs if spec.load and not state.of(spec).builtin]
    return "\n".join([MARK, *names]) + "\n" if names else None


def _refuse(specs: Sequence[ModuleGoal], state: ModulesState) -> None:
    problems = [
        Problem(
            path,
            "a file that we made, or none",
            "one of somebody else's under our name",
            "Move it to another name in that folder.",
        )
        for path, text in ((OPTIONS_FILE, state.options), (BOOT_FILE, state.boot))
        if text is not None and not text.startswith(MARK)
    ]
    problems += [
        Problem(
            f"module {spec.name}",
            "a module of the running kernel",
            "none of that name in its modules.dep or modules.builtin",
            "Install the package that holds it, or correct the name.",
        )
        for spec in specs
        if spec.load and state.of(spec).available is False
    ]
    if problems:
        raise RefusedError(problems)


def _file_step(kind: type[ModuleFileStep], path: str, before: str | None, after: str | None) -> list[Step]:
    if before == after:
        return []
    if after is None:
        return [kind(path, "remove our file", "nothing in it is asked for any more", before, None)]
    held = [line for line in after.splitlines() if not line.startswith("#")]
    action = ("write" if before is None else "rewrite") + f" {', '.join(held)}"
    reason = "the file is missing" if before is None else "the file differs"
    return [kind(path, action, reason, before, after)]


def _steps_back(specs: Sequence[ModuleGoal], state: ModulesState) -> list[Step]:
    """Parameters that we set in the running kernel and that nobody asks for any more get their value of before."""
    wanted = {_parameter(spec, option) for spec in specs for option, _value in spec.options}
    steps: list[Step] = []
    for target, before in state.parameters:
        if target in wanted:
            continue
        values = {name: value for name, value, writable in state.of(target).parameters if writable}
        found = values.get(target.name, before)
        if not same_value(found, before):
            reason = f"the running kernel has {found!r}, and nothing asks for it any more"
            steps.append(ParameterStep(target, f"put back to {before!r}", reason, found, before))
        key = f"{ParameterStep.kind} {target}"
        steps.append(record.Forget(key, "forget its original value", "it is given back", True, None))
    return steps


def _parameter_steps(spec: ModuleGoal, live: Live, reboots: Reboots) -> list[Step]:
    """Options that the loaded module has otherwise: set now where the kernel lets us, else by a reboot."""
    steps: list[Step] = []
    if not live.loaded or live.builtin:
        return steps
    values = {name: (value, writable) for name, value, writable in live.parameters}
    for option, wanted in spec.options:
        target = _parameter(spec, option)
        found, writable = values.get(target.name, (wanted, False))
        if same_value(found, wanted):
            continue
        reason = f"the loaded module has {found!r}"
        if writable:
            steps.append(ParameterStep(target, f"set to {wanted!r}", reason, found, wanted))
            continue
        item = f"{pending_reboot.MODULE}{target}={wanted}"
        if reboots.without_effect([item]):
            raise RefusedError([_no_effect(target, found, wanted)])
        steps.append(
            Reboot(
                f"module {spec.name}",
                "reboot",
                f"{reason} for {option}, which only its loading sets (to {wanted!r})",
                [f"{pending_reboot.MODULE}{target}={found}"],
                [item],
                needs=(REBOOT,),
            )
        )
    return steps


def _parameter(spec: ModuleGoal, option: str) -> Parameter:
    return Parameter(spec.key, option.replace("-", "_"))


def _no_effect(target: Parameter, found: str, wanted: str) -> Problem:
    return Problem(
        f"module parameter {target}",
        f"{wanted!r} after the reboot that was asked for ({OPTIONS_FILE})",
        f"{found!r} in a boot since then",
        "Something else sets it: look for other `options` lines in /etc/modprobe.d and /run/modprobe.d, for "
        f"{target} in /proc/cmdline, and for an initramfs that loads the module. It is not rebooted for this again.",
    )


def same_value(found: str, wanted: str) -> bool:
    """True where two texts of a parameter say the same: booleans in any spelling, numbers in any base."""
    if found == wanted:
        return True
    if found in ("Y", "N"):
        return _BOOLEANS.get(wanted.lower()) == found
    try:
        return int(found, 0) == int(wanted, 0)
    except ValueError:
        return False


def _read_live(host: Host, key: str) -> Live:
    base = f"/sys/module/{key}"
    if host.exists(base) and not host.exists(f"{base}/initstate"):
        return Live(True, True, True)
    if not host.exists(base):
        return Live(False, *_indexed(host, key))
    paths = {name: Parameter(key, name).path for name in host.list_dir(f"{base}/parameters")}
    modes = {name: host.file_mode(path) or 0 for name, path in paths.items()}
    parameters = (
        (name, (host.read_text(paths[name], 65536) or "").strip(), bool(mode & 0o200))
        for name, mode in modes.items()
        if mode & 0o444
    )
    return Live(True, False, True, tuple(parameters))


def _indexed(host: Host, key: str) -> tuple[bool, bool | None]:
    """(built in, there at all) by the running kernel's indexes; (False, None) where it has none."""
    release = (host.read_text("/proc/sys/kernel/osrelease") or "").strip()
    folder = f"/lib/modules/{release}"
    if not release or "/" in release or host.read_text(f"{folder}/modules.dep", INDEX_LIMIT) is None:
        return False, None
    if _holds(host.read_text(f"{folder}/modules.builtin", INDEX_LIMIT) or "", key):
        return True, True
    return False, _holds(host.read_text(f"{folder}/modules.dep", INDEX_LIMIT) or "", key)


def _holds(index: str, key: str) -> bool:
    """True where a line of an index begins with the path of this module (`kernel/.../vfio-pci.ko.xz: ...`)"""
    names = (line.partition(":")[0].rpartition("/")[2].partition(".ko")[0] for line in index.splitlines())
    return any(name.replace("-", "_") == key for name in names)
