# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openipmi's BMC simulator on the loopback: a power switch and a boot device that a script keeps in files."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_LAN = """name "bmc1"
set_working_mc 0x20
  chassis_control "{folder}/chassis 0x20"
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
_COMMANDS = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""
_CHASSIS = """#!/bin/sh
shift
case "$1 $2" in
  "get power") echo "power:$(cat {folder}/power)" ;;
  "get boot") echo "boot:$(cat {folder}/boot)" ;;
  "set power") echo "$3" > {folder}/power ;;
  "set boot") echo "$3" > {folder}/boot ;;
  "set shutdown") echo 0 > {folder}/power ;;
esac
"""


@contextlib.contextmanager
def running(folder: Path, user: str, password: str) -> Iterator[str]:
    """The simulator, until the end of the `with`; its address with the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "lan.conf").write_text(_LAN.format(folder=folder, port=port, user=user, password=password))
    (folder / "commands").write_text(_COMMANDS)
    (folder / "chassis").write_text(_CHASSIS.format(folder=folder))
    (folder / "chassis").chmod(0o755)
    (folder / "power").write_text("1\n")
    (folder / "boot").write_text("none\n")
    (folder / "state").mkdir()
    process = subprocess.Popen(
        ["ipmi_sim", "-n", "-c", folder / "lan.conf", "-f", folder / "commands", "-s", folder / "state"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while f":{port:04X} " not in Path("/proc/net/udp").read_text():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
