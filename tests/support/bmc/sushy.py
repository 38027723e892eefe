# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sushy-emulator with a BIOS, as a program of its own Python: its fake driver has none, so it gets one here.

Run as a program: PYTHON sushy.py CONFIG, by a Python that has sushy-tools.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
ATTRIBUTES = {"ProcVirtualization": "Disabled", "SriovGlobalEnable": "Disabled", "IommuSupport": "Enabled"}
_CONFIG = """
SUSHY_EMULATOR_LISTEN_IP = "127.0.0.1"
SUSHY_EMULATOR_LISTEN_PORT = {port}
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_STATE_DIR = "{folder}"
SUSHY_EMULATOR_AUTH_FILE = "{folder}/htpasswd"
SUSHY_EMULATOR_FAKE_SYSTEMS = [{{
    "uuid": "{uuid}", "name": "node1", "power_state": "On", "external_notifier": False, "nics": [],
}}]
"""


@contextlib.contextmanager
def running(python: str, folder: Path, htpasswd: str) -> Iterator[str]:
    """The emulator, until the end of the `with`; its address. htpasswd: a line with a bcrypt hash."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "htpasswd").write_text(f"{htpasswd}\n")
    (folder / "emulator.conf").write_text(_CONFIG.format(port=port, folder=folder, uuid=UUID))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([python, __file__, str(folder / "emulator.conf")], stdout=log, stderr=log)
    try:
        _wait(port, process, folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/redfish/v1/")
            if connection.getresponse().status == 200:
                return
        assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.1)


def _emulate(config: str) -> None:
    """In the other Python."""
    from sushy_tools.emulator import main  # type: ignore[import-not-found]
    from sushy_tools.emulator.resources.systems.fakedriver import FakeDriver  # type: ignore[import-not-found]

    def get_bios(self: Any, identity: str) -> dict[str, str]:
        return dict(self._get(identity).get("bios") or ATTRIBUTES)

    def set_bios(self: Any, identity: str, attributes: dict[str, str]) -> None:
        self._update(identity, bios={**get_bios(self, identity), **attributes})

    FakeDriver.get_bios, FakeDriver.set_bios = get_bios, set_bios
    sys.argv = ["sushy-emulator", "--config", config]
    main.main()


if __name__ == "__main__":
    _emulate(sys.argv[1])
