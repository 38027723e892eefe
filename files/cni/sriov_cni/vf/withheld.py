# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VFs that are not as they were and must not be given out: one file for each, `withheld/ADDRESS`.

The device plugin shows such a VF Unhealthy, whoever called this plugin is rid of it, and it is tried again after
pauses that grow. What has to be undone stands in the journal.
"""

from __future__ import annotations

import os
import time

from shared.pci import is_address, list_dir

from ..host.host import NodeHost, read_file
from ..spec.json_text import Json, dumps, loads

FORMAT = 1
FIRST_PAUSE, LONGEST_PAUSE = 10, 600  # seconds; each is twice the one before
_CAUSE_LIMIT = 2000  # characters
_READ_LIMIT = 65536  # bytes


def keep(host: NodeHost, address: str, owner: tuple[str, str], cause: str) -> None:
    """Withhold the VF, or say that it still is, and why; a file of the journal may have a name that is no VF's. Raises
    nothing: the journal has what counts.
    """
    if not is_address(address):
        return
    before = read(host, address)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    content: Json = {
        "format": FORMAT, "time": before["time"] if before is not None else now, "cause": cause[:_CAUSE_LIMIT],
        "container": owner[0], "interface": owner[1], "tries": before["tries"] + 1 if before is not None else 1,
        "tried": now,
    }  # fmt: skip
    # Written elsewhere: whoever watches the folder sees whole files alone.
    path, aside = _path(host, address), f"{host.state}/.withheld-{address}"
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            data = dumps(content).encode()
            if os.write(fd, data) != len(data):
                raise OSError(0, "the disk is full")
            os.fsync(fd)
        finally:
            os.close(fd)
        os.makedirs(_folder(host), 0o755, exist_ok=True)
        os.rename(aside, path)
    except OSError as error:
        host.log.error(f"{path} cannot be written ({error.strerror}): the device plugin goes on offering this VF")


def release(host: NodeHost, address: str) -> None:
    """The VF is as it was."""
    try:
        os.unlink(_path(host, address))
    except OSError:
        return  # it was not withheld
    host.log.info(f"VF {address} is as it was again, and withheld no more")


def read(host: NodeHost, address: str) -> Json | None:
    """The file's content; None where the VF is not withheld, or nobody knows why."""
    try:
        raw = loads(read_file(_path(host, address), _READ_LIMIT))
    except (OSError, ValueError):
        return None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        return None
    texts = all(isinstance(raw.get(key), str) for key in ("time", "cause", "container", "interface"))
    tries = raw.get("tries")
    return raw if texts and isinstance(tries, int) and not isinstance(tries, bool) and tries > 0 else None


def addresses(host: NodeHost) -> list[str]:
    """The VFs that are withheld."""
    return [name for name in list_dir(_folder(host)) if is_address(name)]


def pending(host: NodeHost) -> list[str]:
    """Those that are to be tried again now."""
    return [address for address in addresses(host) if _is_pending(host, address)]


def _is_pending(host: NodeHost, address: str) -> bool:
    """By the age of the file, which is written anew at each try; a clock that was set back is no reason to wait."""
    seen = read(host, address)
    try:
        age = time.time() - os.stat(_path(host, address)).st_mtime
    except OSError:
        return False
    tries = seen["tries"] if seen is not None else 1
    return age < 0 or age >= min(FIRST_PAUSE * 2 ** min(tries - 1, 16), LONGEST_PAUSE)


def _folder(host: NodeHost) -> str:
    return f"{host.state}/withheld"


def _path(host: NodeHost, address: str) -> str:
    return f"{_folder(host)}/{address}"
