# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our programs remember on the node: the original of everything before our first change, and the
journal.

original.json is written before the first change of an object and read by teardown, also years later. The
journal names the steps of a run while it runs; what is left in it tells the next run what a kill
interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable, TypeVar

from ..host.host import FileState, Host
from ..model.errors import StateFileError
from ..model.goal import DEFAULT_DRIVER, NO_DRIVER, PfGoal, VfSettings, pf_goal_as_dict, pf_goal_from_dict
from ..model.plan import Step
from ..model.state import Pf, Record, Vf
from ..shared.driver_kinds import is_userspace
from ..shared.places import REBOOT_ASKED

T = TypeVar("T")

FORMAT = 1
FOLDER = "/var/lib/baremetal-sriov"
ORIGINAL = f"{FOLDER}/original.json"
JOURNAL = f"{FOLDER}/journal/apply.json"
ASKED = REBOOT_ASKED  # see pending_reboot
ARGUMENTS = f"{FOLDER}/arguments.json"  # see kernel/argument_shares
FIRST_BOOT = f"{FOLDER}/first-boot.json"  # that the first boot of an image has rebooted
FILE = "file"  # the kind of steps that write files
LOCK = "/run/baremetal-sriov/lock"


def load(host: Host) -> Record:
    """Read both files. Raises StateFileError where one is damaged or of another format."""
    original = _read(
        host,
        ORIGINAL,
        lambda v: Record(
            pfs={str(address): pf_goal_from_dict(pf) for address, pf in v["pfs"].items()},
            files={str(path): _file_state(file) for path, file in v["files"].items()},
            objects=dict(v["objects"]),
            owners={str(address): str(owner) for address, owner in v.get("owners", {}).items()},
            identities={str(address): _texts(values) for address, values in v.get("identities", {}).items()},
            exists=True,
        ),
    )
    steps = _read(host, JOURNAL, lambda v: tuple(str(key) for key in v["steps"]))
    return replace(original or Record(), interrupted=steps or ())


def save(host: Host, record: Record) -> None:
    """Write original.json durably."""
    value = {
        "format": FORMAT,
        "pfs": {address: pf_goal_as_dict(pf) for address, pf in sorted(record.pfs.items())},
        "files": dict(sorted(record.files.items())),
        "objects": dict(sorted(record.objects.items())),
        "owners": dict(sorted(record.owners.items())),
        "identities": dict(sorted(record.identities.items())),
    }
    host.write_file(ORIGINAL, (json.dumps(value, indent=2) + "\n").encode(), 0o600)


def only(record: Record, addresses: Collection[str]) -> Record:
    """What the record has of these PFs, and nothing else."""

    def some(values: Mapping[str, T]) -> dict[str, T]:
        return {address: value for address, value in values.items() if address in addresses}

    return Record(
        some(record.pfs),
        owners=some(record.owners),
        identities=some(record.identities),
        interrupted=record.interrupted,
        exists=True,
    )


def without(record: Record, addresses: Collection[str]) -> Record:
    """The record but for these PFs."""
    kept = only(record, [address for address in record.pfs if address not in addresses])
    return replace(kept, files=record.files, objects=record.objects)


class Forget(Step, kind="record", recorded=False):
    """Drop from the record what the target names: a PF, or an object or a file by the key of its step."""

    def apply(self, host: Host) -> None:
        left = self.left(load(host))
        remove(host) if left is None else save(host, left)

    def left(self, known: Record) -> Record | None:
        """The record without it; None: there shall be none."""
        objects = {key: value for key, value in known.objects.items() if key != self.target}
        files = {path: value for path, value in known.files.items() if f"{FILE} {path}" != self.target}
        return replace(without(known, {self.target}), objects=objects, files=files)


class TakeOver(Forget):
    """Give a PF of the record another owner."""

    def left(self, known: Record) -> Record:
        return replace(known, owners={**known.owners, self.target: self.after})


class ForgetAll(Forget):
    """Remove the record; or (`after`) keep these PFs of it alone."""

    def left(self, known: Record) -> Record | None:
        return None if self.after is None else only(known, self.after)


def forget(target: str, reason: str = "it is given back") -> Forget:
    """The step that drops one object from the record."""
    return Forget(target, "forget its original state", reason, True, None)


def write_journal(host: Host, keys: Sequence[str]) -> None:
    """Note the steps that are not finished; none ends the journal."""
    if keys:
        host.write_file(JOURNAL, (json.dumps({"format": FORMAT, "steps": list(keys)}) + "\n").encode(), 0o600)
    else:
        host.remove_file(JOURNAL)


def remove(host: Host) -> None:
    """Forget everything: the last step of a teardown."""
    for path in (JOURNAL, ASKED, ARGUMENTS, FIRST_BOOT, ORIGINAL):
        host.remove_file(path)
    for folder in (f"{FOLDER}/journal", FOLDER):
        host.remove_empty_folder(folder)


def original_of(pf: Pf) -> PfGoal:
    """The VFs of a PF as they are now, as the goal that brings them back to this; their count is not ours."""
    return PfGoal(
        address=pf.address,
        num_vfs=pf.num_vfs,
        externally_managed=True,
        exact=True,
        restore_original=True,
        vfs=tuple((vf.index, _settings_of(vf)) for vf in pf.vfs),
    )


def _settings_of(vf: Vf) -> VfSettings:
    chosen = is_userspace(vf.driver) or vf.override  # by somebody, not by the kernel
    driver = NO_DRIVER if vf.driver is None else vf.driver if chosen else DEFAULT_DRIVER
    return VfSettings(vf.attributes, vf.mtu, driver)


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()}


def _file_state(value: Any) -> FileState:
    """See `host.FileState`; a text or null is all that older versions wrote."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value.get("link"), str):
        return {"link": value["link"]}
    content = "base64" if "base64" in value else "text"
    int(value["mode"], 8)
    return {"mode": value["mode"], "uid": int(value["uid"]), "gid": int(value["gid"]), content: str(value[content])}


def _read(host: Host, path: str, convert: Callable[[Any], T]) -> T | None:
    text = host.read_text(path)
    if text is None:
        return None
    try:
        value = json.loads(text)
        if value["format"] != FORMAT:
            raise StateFileError(
                f"{path}: expected format {FORMAT}, found {value['format']!r}. It was written by "
                "another version of this collection: use that version, or a newer one."
            )
        return convert(value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateFileError(
            f"{path}: expected our JSON of format {FORMAT}, found damage ({error!r}). Nothing was "
            "changed. Restore the file from a backup; without it the original state is not known."
        ) from error
