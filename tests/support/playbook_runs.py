# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook as a user runs it, on hosts that are this machine and can't be touched.

The Python of every host is a program that writes down which module it was called for, and fails: a run that should
end before anything is done leaves an empty list of calls, and one that goes on by a mistake does no harm here. For some
modules it can give an answer that a test puts there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtool.collection import ROOT, environment
from support.fake_tree import Tree

SECONDS = 600.0  # a run; what hangs is ended by the limit of its test
# It fails for each module that has no answer.
_PYTHON = """#!/bin/sh
echo "$*" >> {folder}/calls
module=$(echo "$*" | sed 's/.*AnsiballZ_\\([a-z_]*\\)\\.py.*/\\1/')
[ -f "{folder}/answers/$module" ] && exec cat "{folder}/answers/$module"
echo no call was expected >&2
exit 1
"""
_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=\d+\s+failed=(\d+)", re.MULTILINE)
_FATAL = re.compile(r"^fatal: \[([^]]+)\]: \S+ => ({.*})$", re.MULTILINE)
_SHOWN = re.compile(r"^ok: \[([^]]+)\] => ({\n    \"msg\": \[\n.*?\n})$", re.MULTILINE | re.DOTALL)
_PLANNED = re.compile(r"^(\S+): (?:unchanged|changes|refused|failed|unreachable), .*\n((?:.+\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """How a run ended. output: what a person reads; calls: the modules that reached a host."""

    status: int
    output: str
    calls: tuple[str, ...]

    @property
    def recap(self) -> dict[str, tuple[int, int]]:
        """Host -> (tasks that changed something, tasks that failed)."""
        return {host: (int(changed), int(failed)) for host, changed, failed in _RECAP.findall(self.output)}

    @property
    def failures(self) -> dict[str, str]:
        """Host -> the message of its first failure."""
        return {host: str(json.loads(result)["msg"]) for host, result in reversed(_FATAL.findall(self.output))}

    @property
    def shown(self) -> dict[str, list[str]]:
        """Host -> the lines that a task showed for it, or the playbook plan of it."""
        planned = {host: text.splitlines() for host, text in _PLANNED.findall(self.output)}
        return {**planned, **{host: list(json.loads(text)["msg"]) for host, text in _SHOWN.findall(self.output)}}

    def assert_refused(self, *sentences: str) -> None:
        """The run failed, told each sentence as it is, called no module on a host, and changed nothing."""
        assert self.status != 0, self.output
        for sentence in sentences:
            assert sentence in self.output, self.output
        assert "Traceback" not in self.output and "CapturedExceptionMarker" not in self.output, self.output
        assert self.calls == (), self.output
        assert self.recap and not any(changed for changed, _failed in self.recap.values()), self.output


class Controller(Tree):
    """A folder with a collection path, an inventory, and what a test puts there; runs begin in it."""

    seconds = 120  # for which a run may take at most

    def __init__(self, folder: Path, with_others: bool = True) -> None:
        """with_others: whether the collections are there that the development environment has."""
        self.base, self.with_others = folder, with_others
        self.symlink("collections/ansible_collections/baremetal/sriov", str(ROOT))
        self.put("python", _PYTHON.format(folder=folder))
        self.real("python").chmod(0o755)

    def answer(self, module: str, **result: Any) -> None:
        """What the hosts answer from now on where this module is called; all others fail."""
        self.put(f"answers/{module}", json.dumps(result))

    def run(
        self,
        playbook: str,
        *words: str,
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
        seconds: int = 0,
    ) -> Run:
        """Run a playbook, by its full name or a path below the folder.

        words: more of the command line. hosts: the variables of each host; one without any is there otherwise.
        extra: variables for -e, as JSON. local: variables of localhost, which is otherwise as untouchable as they are.
        seconds: for all of it, where that is not this folder's.
        """
        usual = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": str(self.base / "python"),
            "ansible_remote_tmp": str(self.base / "remote"),
        }
        # localhost too: a task that is delegated to the controller is a call.
        nodes = {"sriov_nodes": {"hosts": hosts or {"node1": {}}}}
        groups = {"hosts": {"localhost": dict(local or {})}, "children": nodes}
        self.put("inventory.json", json.dumps({"all": {"vars": usual, **groups}}))
        self.put("calls", "")
        program = str(Path(sys.executable).parent / "ansible-playbook")  # of the environment that the tests run in
        argv = [program, "--inventory", "inventory.json", playbook, *words, "--extra-vars", json.dumps(extra or {})]
        temporary = {name: str(self.base / "ansible") for name in ("ANSIBLE_HOME", "ANSIBLE_LOCAL_TEMP")}
        env = environment(self.base / "collections", PYTHONDONTWRITEBYTECODE="1", **temporary)
        if not self.with_others:
            env["ANSIBLE_COLLECTIONS_PATH"] = str(self.base / "collections")
            env["ANSIBLE_COLLECTIONS_SCAN_SYS_PATH"] = "false"
        done = subprocess.run(argv, cwd=self.base, env=env, capture_output=True, text=True,
                              timeout=seconds or self.seconds, check=False)  # fmt: skip
        calls = re.sub(r".*AnsiballZ_(\w+)\.py.*", r"\1", self.get("calls")).splitlines()
        return Run(done.returncode, done.stdout + done.stderr, tuple(calls))
