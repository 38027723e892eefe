# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to nodes that are files in a folder: nothing is executed, each module gives the answers of a test.

FOLDER/answers/[HOST/]MODULE[.bootNUMBER] is a JSON list, whose last answer is repeated; FOLDER/node-calls says what was
called; a reboot is a line in FOLDER/reboots and gives another boot ID; FOLDER/leaves/HOST is the number of calls after
which nobody is there any more.
"""

from __future__ import annotations

DOCUMENTATION = """
name: simulated_node
short_description: Nodes that are files
description: [For tests.]
options:
  simulated_folder:
    description: Where they are.
    vars: [{name: simulated_folder}]
  simulated_host:
    description: Which one it is.
    vars: [{name: inventory_hostname}]
"""

import json
import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

_MODULE = re.compile(rb"module_fqn=['\"][\w.]*?(\w+)['\"]")
_FILE = re.compile(rb"AnsiballZ_(\w+)\.py")
_FOLDER = re.compile(r"echo (ansible-tmp-[\d.-]+)=\\?\"?` echo (\S+) `")
_REBOOT = re.compile(r"\b(shutdown|reboot)\b")


class Connection(ConnectionBase):
    """What Ansible loads."""

    transport = "simulated_node"
    has_pipelining = True

    @property
    def _folder(self) -> Path:
        return Path(self.get_option("simulated_folder"))

    @property
    def _host(self) -> str:
        return str(self.get_option("simulated_host"))

    def _connect(self) -> Connection:
        return self

    def close(self) -> None:
        """There is nothing to close."""

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Answer a module, or one of the few commands that Ansible itself sends."""
        leaves = self._folder / "leaves" / self._host
        if leaves.exists() and self._calls() >= int(leaves.read_text()):
            raise AnsibleConnectionFailure(f"{self._host} is away")
        module = _MODULE.search(in_data or b"") or _FILE.search(cmd.encode())
        if module:
            return 0, json.dumps(self._answer(module[1].decode())).encode(), b""
        folder = _FOLDER.search(cmd)
        if folder:
            return 0, f"{folder[1]}={folder[2]}\n".encode(), b""
        if "boot_id" in cmd:
            return 0, f"boot-{self._boot()}".encode(), b""
        if _REBOOT.search(cmd):
            boots = self._folder / "boots" / self._host
            boots.parent.mkdir(exist_ok=True)
            boots.write_text(str(self._boot() + 1))
            self._note("reboots", self._host)
        return 0, b"", b""

    def _boot(self) -> int:
        boots = self._folder / "boots" / self._host
        return int(boots.read_text()) if boots.exists() else 1

    def _calls(self) -> int:
        lines = (self._folder / "node-calls").read_text().splitlines() if (self._folder / "node-calls").exists() else []
        return sum(line.split()[0] == self._host for line in lines)

    def _answer(self, name: str) -> Any:
        self._note("node-calls", f"{self._host} {name}")
        own = self._folder / "answers" / self._host
        for path in (own / f"{name}.boot{self._boot()}", own / name, self._folder / "answers" / name):
            if path.exists():
                first, *others = json.loads(path.read_text())
                if others:
                    path.write_text(json.dumps(others))
                return first
        return {"failed": True, "msg": f"no call of {name} was expected"}

    def _note(self, file: str, line: str) -> None:
        with (self._folder / file).open("a") as stream:
            stream.write(f"{line}\n")

    def put_file(self, in_path: str, out_path: str) -> None:
        """Nothing is kept."""

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Nothing was kept."""
        raise AnsibleConnectionFailure(f"{in_path}: no such file")
