# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of modules share: a stand-in for AnsibleModule, and a run of one of the kernel's modules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host


class FakeModule:
    """Keeps how the module ended."""

    def __init__(self, check: bool = False) -> None:
        self.params: dict[str, Any] = {}
        self.check_mode = check
        self._diff = True
        self.warnings: list[str] = []
        self.result: dict[str, Any] = {}

    def exit_json(self, **result: Any) -> None:
        assert not self.result
        self.result = json.loads(json.dumps(result))

    def fail_json(self, msg: str, **result: Any) -> None:
        assert not self.result
        self.result = {"failed": True, "msg": msg, **json.loads(json.dumps(result))}

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)


def ran(host: Host, run: Callable[..., None], *args: Any, check: bool = False, **options: Any) -> FakeModule:
    """How one of `kernel_modules` ends with these arguments."""
    module = FakeModule(check)
    run(module, *args, host=host, **options)
    return module
