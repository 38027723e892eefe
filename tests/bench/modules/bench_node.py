# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_node on a fake root. A command is still a process: one that prints what `ip` would say of that root.

SRIOV_BENCH_LIBRARY: the root with the installed node library, which the module itself looks for below "/".
SRIOV_BENCH_CPU: a file that gets a line with the CPU seconds of this process, what it read and unpacked included.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremetal.sriov.plugins.module_utils import import_cache


def main() -> None:
    """Run as a module."""
    texts = {name: {"type": "str", "required": True} for name in ("root", "links")}
    module = AnsibleModule(argument_spec={**texts, "spec": {"type": "dict"}}, supports_check_mode=True)
    import_cache.use(os.environ["SRIOV_BENCH_LIBRARY"])
    from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import run_module
    from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
    from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
    from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import parse_spec
    from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import resolve

    class FakeRoot(Host):
        """Says that it is running."""

        is_running = True

        def run(self, argv: Sequence[str], **options: Any) -> Completed:
            if list(argv[:2]) != ["ip", "-j"]:
                raise RuntimeError(f"a call that changes nothing needs no {' '.join(argv)}")
            return super().run(["cat", module.params["links"]], **options)

    spec = parse_spec(module.params["spec"])
    host = FakeRoot(module.params["root"])
    try:
        run_module(module, lambda state: resolve(spec, state), WHOLE, host=host)
    finally:
        if "SRIOV_BENCH_CPU" in os.environ:
            with open(os.environ["SRIOV_BENCH_CPU"], "a", encoding="utf-8") as log:
                log.write(f"{time.process_time()}\n")


if __name__ == "__main__":
    main()
