# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the node library takes back before it changes it: offered no more, and refused from the moment of the file on.

`{"format": 1, "withdrawn": [{"resource": NAME} or {"pf": ADDRESS} or {"device": ID}, ...]}`, each with a "reason" if
it likes. The file is replaced as a whole. One that can't be read withdraws everything: what is about to change must not
be given to a pod.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from typing import Any

from shared.places import FORMAT, WITHDRAWN

from .. import files
from ..host.discovery import Device

MAX_BYTES = 1 << 20
MAX_WORDS = 200  # characters of a reason
KEYS = ("resource", "pf", "device")  # what an entry may name


class Withdrawn:
    """The file, read again whenever it is another one; asked on gRPC's threads as well."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, WITHDRAWN)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._entries: dict[tuple[str, str], str] = {}  # key and name -> reason
        self._problem = ""

    def reasons(self, resource_name: str, devices: Iterable[Device]) -> dict[str, str]:
        """Of devices that the pool of this name has: id -> why it is not to be given, for those that are withdrawn."""
        with self._lock:
            if self.stamp() != self._stamp:
                self._read()
            if not self._entries and not self._problem:
                return {}
            return {device.id: text for device in devices if (text := self._reason(resource_name, device))}

    def _reason(self, resource_name: str, device: Device) -> str:
        if self._problem:
            return f"{self.path} {self._problem}, so everything counts as withdrawn"
        mates = (("device", name) for name in (device.id, *device.group_mates, device.parent) if name)
        names = (("resource", resource_name), ("pf", device.pf_address or device.id), *mates)
        found = next((self._entries[name] for name in names if name in self._entries), None)
        return "" if found is None else f"it is withdrawn{f': {found}' if found else ''}"

    def stamp(self) -> tuple[int, int, int] | None:
        """What tells one file from a later one; None where there is none."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return error.errno or 0, 0, 0
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> None:
        self._stamp = self.stamp()
        self._entries, self._problem = {}, ""
        try:
            content = json.loads(files.read(self.path, MAX_BYTES))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            self._problem = f"can't be read ({str(error)[:MAX_WORDS]})"
            return
        entries = content.get("withdrawn") if isinstance(content, dict) and content.get("format") == FORMAT else None
        if not isinstance(entries, list) or not all(_fits(entry) for entry in entries):
            self._problem = f"is not of format {FORMAT}: expected a list withdrawn of objects with {' or '.join(KEYS)}"
            return
        for entry in entries:
            reason = entry.get("reason", "")
            self._entries.update({(key, entry[key]): reason[:MAX_WORDS] for key in KEYS if key in entry})


def _fits(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and any(key in entry for key in KEYS)
        and all(isinstance(entry[key], str) for key in (*KEYS, "reason") if key in entry)
    )
