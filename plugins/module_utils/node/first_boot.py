# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first boot of an image that was prepared: what could not be done in it, and the one reboot that this may need.

The specification goes when it is carried out; from then on the boot services have what it led to. A reboot is asked for
once in the life of a disk, and the note of that is on it before: a node whose BIOS is off, or whose boot loader takes
no arguments, is told of and never goes round in circles.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

from ..host.host import Host
from ..model.errors import SriovError, StateFileError
from ..model.goal import FileGoal, Goal
from ..policy.node_spec import NodeSpec, parse_spec
from ..policy.rendered_files import FIRST_BOOT_PATH
from ..policy.resolve import resolve
from ..record import pending_reboot
from ..record.record import FIRST_BOOT
from . import services
from .concerns import WHOLE
from .run import run

FORMAT = 1
MOUNTS = "/proc/self/mounts"
IN_MEMORY = ("tmpfs", "ramfs", "rootfs", "overlay")  # what is written there may be gone after a boot
SETTLE_SECONDS = 120.0


def main(host: Host) -> int:
    """Exit status 0 where the node is as the image asked for, or the reboot for it is under way."""
    text = host.read_text(FIRST_BOOT_PATH)
    if text is None:
        return 0
    try:
        spec = _spec(text)
        # The drivers of the NICs are loaded by udev, which may be busy.
        host.run(["udevadm", "settle", f"--timeout={SETTLE_SECONDS:g}"], seconds=SETTLE_SECONDS + 5, check=False)
        done = run(host, lambda state: _kept(resolve(spec, state), text), WHOLE, check=False)
        due = done.last.plan.reboot_required
        refusal = _why_no_reboot(host, spec) if due else ""
        if due and not refusal:
            _note(host)
        run(host, lambda state: resolve(spec, state), WHOLE, check=False)
        if due and not refusal:
            host.run(["systemctl", "reboot", "--no-block"])
    except SriovError as error:
        services.tell_status("not as the image asks for; see the journal")
        return services.say_errors([str(error)])
    if due and refusal:
        services.warn(f"a reboot is due, and is left to you: {refusal}")
    services.tell_status("as the image asks for" + (", with a reboot" if due else ""))
    return 0


def _kept(goal: Goal, text: str) -> Goal:
    """With the specification itself, until all else is done."""
    return replace(goal, files=(*goal.files, FileGoal(FIRST_BOOT_PATH, text, True)))


def _spec(text: str) -> NodeSpec:
    """Raises StateFileError, InvalidSpecError."""
    try:
        value = json.loads(text)
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']!r}, and this code knows {FORMAT}")
        return parse_spec(value["spec"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateFileError(
            f"{FIRST_BOOT_PATH}: expected the specification that an image was prepared with, found {error!r}. "
            "Prepare the image anew, or run site."
        ) from error


def _why_no_reboot(host: Host, spec: NodeSpec) -> str:
    """Why it is not for this program; "" where it is."""
    if not spec.options.reboot_ok:
        return "sriov_reboot_ok is not set"
    if host.exists(FIRST_BOOT):
        return f"one was done at the first boot already ({FIRST_BOOT})"
    kind = _file_system(host, os.path.dirname(FIRST_BOOT))
    return f"{os.path.dirname(FIRST_BOOT)} is in memory ({kind}), where nothing counts reboots" if kind else ""


def _file_system(host: Host, folder: str) -> str:
    """The kind of the file system that a folder is on, where a boot may lose it; "" for all others."""
    found = ("/", "")
    for line in (host.read_text(MOUNTS) or "").splitlines():
        words = line.split(" ")
        if len(words) > 2 and f"{folder}/".startswith(f"{words[1].rstrip('/')}/") and len(words[1]) >= len(found[0]):
            found = (words[1], words[2])
    return found[1] if found[1] in IN_MEMORY else ""


def _note(host: Host) -> None:
    """Durable before the reboot. Raises HostError."""
    value: dict[str, Any] = {"format": FORMAT, "reboots": 1, "boot_id": pending_reboot.boot_id(host)}
    host.write_file(FIRST_BOOT, (json.dumps(value) + "\n").encode(), 0o600)
