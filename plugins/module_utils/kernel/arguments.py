# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel arguments: those that the running kernel has, those that the next boot gives, and the steps to ours.

A foreign argument is never removed: one that contradicts ours is overridden by a later token of ours, and the
step's reason names it. Whether a reboot is required comes from the running kernel against what we configured,
never from "changed".
"""

from __future__ import annotations

from dataclasses import field

from ..host.host import Host
from ..model.errors import HostError, Problem, RefusedError, problems_of, raise_if
from ..model.frozen import dataclass
from ..model.plan import REBOOT, Reboot, Step
from ..record import pending_reboot
from ..record.pending_reboot import Reboots
from . import cmdline
from .bootloaders import table
from .bootloaders.base import LoaderState

RUNNING = "/proc/cmdline"


@dataclass(frozen=True)
class KernelState:
    """running: the running kernel's tokens, None for an image; loader: None for one that is unknown to us."""

    running: tuple[str, ...] | None
    loader: LoaderState | None
    reboots: Reboots = field(default_factory=Reboots)


class KernelArgumentsStep(Step, kind="kernel_arguments"):
    """Our arguments in the boot loader that the target names."""

    def apply(self, host: Host) -> None:
        """Raises HostError, with the old settings put back."""
        loader = table.by_name(self.target)
        if loader is None:
            raise HostError(self.target, "a boot loader that we know", "another name")
        running = cmdline.split(host.read_text(RUNNING) or "")
        earlier = (*self.before, *pending_reboot.read(host).stale_arguments)
        pending_reboot.owe(
            host,
            [t for t in dict.fromkeys(earlier) if t in running and not cmdline.satisfied(tuple(self.after), t)],
        )
        loader.write(host, tuple(self.after))


def read(host: Host, boot_loader: str = table.AUTO) -> KernelState:
    """What the running kernel has and the next boot would get. Raises HostError.

    boot_loader: the name of the one to use; AUTO looks for it.
    """
    line = host.read_text(RUNNING)
    loader = table.find(host, boot_loader)
    return KernelState(
        None if line is None else cmdline.split(line),
        None if loader is None else loader.read(host),
        pending_reboot.read(host),
    )


def plan(wanted: tuple[str, ...], state: KernelState) -> list[Step]:
    """The steps to the arguments that the kernel shall have; none: those that we once set are taken away.

    One for the boot loader where it does not give what is asked, and a reboot where the kernel
    lacks it. One that was asked for in an earlier boot, and did not bring it, is not asked for again.

    The reboot is for the caller to see and carry out. Raises InvalidSpecError, and RefusedError where a change is
    needed that can't be made.
    """
    raise_if(cmdline.mistakes(wanted, "arguments"))
    steps = _loader_steps(wanted, state)
    if state.running is None:
        return steps
    missing = cmdline.lacking(state.running, wanted)
    without_effect = () if steps else state.reboots.without_effect(missing)
    if without_effect:
        raise RefusedError([_no_effect(without_effect, state.running, state.loader)])
    kept = () if missing else _left_running(wanted, state)
    if missing or kept:
        words = f"without {' '.join(missing)}" if missing else f"with {' '.join(kept)}"
        reason = f"the running kernel was started {words}"
        steps.append(Reboot("kernel", "reboot", reason, list(kept), list(missing), needs=(REBOOT,)))
    return steps


def _loader_steps(wanted: tuple[str, ...], state: KernelState) -> list[Step]:
    loader = state.loader
    if loader is None:
        needed = wanted if state.running is None else cmdline.lacking(state.running, wanted)
        if needed:
            raise RefusedError(
                [
                    Problem(
                        "boot loader",
                        "one of " + ", ".join(known.name for known in table.BOOT_LOADERS),
                        "none that this collection can set arguments for",
                        f"Add {' '.join(needed)} to the kernel's command line yourself and reboot.",
                    )
                ]
            )
        return []
    # What an image's menu gives is not made yet.
    if not (_differs(wanted, loader) if state.running is not None else loader.appended != wanted):
        return []
    problems = _obstacles(wanted, loader)
    if problems:
        raise RefusedError(problems)
    missing = state.running is not None and bool(cmdline.lacking(state.running, wanted))
    needs = (REBOOT,) if missing or (state.running is not None and _left_running(wanted, state)) else ()
    return [
        KernelArgumentsStep(
            loader.loader,
            _action(wanted, loader),
            _reason(wanted, loader),
            list(loader.appended),
            list(wanted),
            needs=needs,
        )
    ]


def _differs(wanted: tuple[str, ...], loader: LoaderState) -> bool:
    return (
        loader.pending
        or (loader.present and loader.appended != wanted)
        or (bool(wanted) and not loader.entries)
        or any(cmdline.lacking(entry.tokens, wanted) for entry in loader.entries)
    )


def _obstacles(wanted: tuple[str, ...], loader: LoaderState) -> list[Problem]:
    """Why a change would not take, or would lose what is not ours."""
    if not wanted:
        return list(loader.obstacles)
    found = [*loader.obstacles, *loader.dropped_by, *_other_pages(wanted, loader)]
    for token in loader.foreign:
        final = any(cmdline.is_final_against(token.token, one) for one in wanted)
        found += problems_of(
            token.where,
            (
                final,
                "no argument that a later one can't take back",
                token.token,
                "Remove it there, and run this again.",
            ),
            (
                not final and token.wins and cmdline.contradicts(token.token, wanted),
                "no argument after ours that contradicts it",
                token.token,
                "Remove it, or rename its file so that it sorts before ours.",
            ),
            (
                token.token == "--",
                "no `--`",
                "one: the kernel hands all that follows it to init",
                "Move it behind all others (with grub.d, into the last file there), or remove it.",
            ),
        )
    return found


def _other_pages(wanted: tuple[str, ...], loader: LoaderState) -> list[Problem]:
    """Another number of huge pages of one size: the kernel takes the first, so a later one of ours is lost."""
    for entry in loader.entries:
        words = entry.tokens
        if loader.appended and words[-len(loader.appended) :] == loader.appended:
            words = words[: -len(loader.appended)]
        theirs = cmdline.huge_pages(words)
        for size, number in cmdline.huge_pages(wanted).items():
            if theirs.get(size, number) != number:
                pages = f"huge pages of {size or 'the default size'}"
                return [
                    Problem(
                        f"boot entry {entry.title!r}",
                        f"no other number of {pages}, since the kernel takes the first",
                        theirs[size],
                        "Remove that argument where it is set, or ask for the same number.",
                    )
                ]
    return []


def _action(wanted: tuple[str, ...], loader: LoaderState) -> str:
    if not wanted:
        return f"remove our arguments ({' '.join(loader.appended) or 'none left'}) and make the boot menu again"
    if loader.appended == wanted:
        return "make the boot menu again"
    added = [token for token in wanted if token not in loader.appended]
    removed = [token for token in loader.appended if token not in wanted]
    if not added and not removed:
        return f"put our arguments in the order {' '.join(wanted)}"
    changed = _changed(removed, added)
    parts = (
        ("append", [token for token in added if token not in changed.values()]),
        ("change", [f"{old} to {new}" for old, new in changed.items()]),
        ("remove", [token for token in removed if token not in changed]),
    )
    return "; ".join(f"{verb} {(', ' if verb == 'change' else ' ').join(words)}" for verb, words in parts if words)


def _changed(removed: list[str], added: list[str]) -> dict[str, str]:
    """Old -> new, where one argument of a name is replaced by one other of that name."""

    def named(tokens: list[str], name: str) -> list[str]:
        return [token for token in tokens if token.partition("=")[0] == name]

    names = {token.partition("=")[0] for token in removed}
    pairs = {name: (named(removed, name), named(added, name)) for name in sorted(names)}
    return {old[0]: new[0] for old, new in pairs.values() if len(old) == len(new) == 1}


def _reason(wanted: tuple[str, ...], loader: LoaderState) -> str:
    """Why, for people: what is missing, and what of others' is overridden and where it stands."""
    if not wanted:
        return "no argument is asked for any more"
    parts: list[str] = []
    if loader.pending or loader.appended == wanted:
        parts.append("the boot menu does not have our settings yet")
    missing = sorted({token for entry in loader.entries for token in cmdline.lacking(entry.tokens, wanted)})
    if missing:
        parts.append(f"the next boot would lack {' '.join(missing)}")
    elif not parts:
        parts.append(f"our settings hold {' '.join(loader.appended) or 'nothing'}")
    parts.extend(
        f"{token.token} from {token.where} is overridden by our later token"
        for token in loader.foreign
        if cmdline.contradicts(token.token, wanted)
    )
    return "; ".join(parts)


def _left_running(wanted: tuple[str, ...], state: KernelState) -> tuple[str, ...]:
    """Tokens of ours that go or went, and that the running kernel was started with."""
    if state.loader is None or state.running is None:
        return ()
    running, entries = state.running, state.loader.entries
    gone = [t for t in state.reboots.stale_arguments if any(cmdline.lacking(entry.tokens, (t,)) for entry in entries)]
    return tuple(
        token
        for token in dict.fromkeys((*state.loader.appended, *gone))
        if token in running and not cmdline.satisfied(wanted, token)
    )


def _no_effect(without_effect: tuple[str, ...], running: tuple[str, ...], loader: LoaderState | None) -> Problem:
    entries = "; ".join(f"{entry.title!r}" for entry in loader.entries[:5]) if loader else ""
    where = table.where(loader.loader) if loader else "the boot loader's settings"
    return Problem(
        f"boot loader {loader.loader if loader else 'unknown'}, {where}",
        f"{' '.join(without_effect)} on the kernel's command line after the reboot that was asked for",
        f"a boot since then without it ({RUNNING}: {' '.join(running)}), though the entries there "
        f"({entries or 'none is known'}) give it",
        "So the node was started from something else: an entry or kernel picked by hand, the boot menu of another disk "
        "or EFI partition, kexec, PXE, or a hypervisor that brings the kernel itself. Mend that and reboot the node "
        "yourself; it is not rebooted for this again.",
    )
