# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for bundles, and requests for what is installed on it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import py_compile
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from ansible_collections.baremetal.sriov.plugins.module_utils.bundle import plan as bundle_plan
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.interpreter import ask
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.store import BundleRequest, Item, Unit
from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.plan import Step
from support.fake_systemd import Systemd

PYTHON = ask(Host(), sys.executable)


class BundleHost(Systemd):
    """All but systemctl runs for real, a Python on the folder's files; each change of the file system is one."""

    compiles_itself = False  # for loops: as good as the Python that would be started, which is this one

    def run(self, argv: Any, **options: Any) -> Completed:
        if argv[0] == "systemctl":
            return super().run(argv, **options)
        if self.compiles_itself and [*argv[:4]] == [PYTHON.path, "-I", "-m", "compileall"]:
            for path in options["stdin"].splitlines():
                py_compile.compile(path, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            return Completed(tuple(argv), 0, "", "")
        return Host.run(self, argv, **options)

    @contextlib.contextmanager
    def mortal(self, at: int) -> Iterator[None]:
        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args, **options: (self.change(function.__name__), function(*args, **options))[1]

        functions = (os.rename, os.replace, os.unlink, os.mkdir, os.rmdir, os.chmod)
        with mock.patch.multiple(os, **{one.__name__: counted(one) for one in functions}), super().mortal(at):
            yield


def fresh(root: Path) -> BundleHost:
    """A host on which nothing was installed."""
    host = BundleHost(root)
    host.fill({"etc/systemd/system/": "", "usr/lib/": "", "var/lib/": ""})
    return host


@dataclass
class Bundle:
    """A request made in a line, and what it takes to bring it to the host."""

    host: BundleHost
    name: str = "sample"
    files: dict[str, bytes] = field(default_factory=dict)
    compiled: bool = False
    version: str = ""  # the folder of its files that have versions
    if_missing: bool = False
    units: tuple[Unit, ...] = ()
    adopt: bool = False

    def request(self) -> BundleRequest:
        """As the module makes it."""
        items = [Item(path, hashlib.sha256(data).hexdigest(), 0o644, self.compiled, if_missing=self.if_missing,
                      version=self.version if self.version and path.startswith(f"{self.version}/") else "")
                 for path, data in self.files.items()]  # fmt: skip
        return BundleRequest(self.name, tuple(items), self.units, self.adopt)

    def plan(self) -> tuple[Step, ...]:
        """The steps."""
        return bundle_plan.plan(self.host, self.request(), PYTHON).steps

    def run(self) -> tuple[Step, ...]:
        """Plan and apply, as the module does; the steps that were done."""
        request = self.request()
        planned = bundle_plan.plan(self.host, request, PYTHON)
        contents = {item.sha256: self.files[item.path] for item in request.items}
        if planned.steps:
            bundle_plan.apply(self.host, request, planned, PYTHON, contents.__getitem__)
        return planned.steps

    def remove(self) -> bundle_plan.BundlePlan:
        """Take it away."""
        planned = bundle_plan.plan_absent(self.host, self.name)
        bundle_plan.apply_absent(self.host, planned)
        return planned
