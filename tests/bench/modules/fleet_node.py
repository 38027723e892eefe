# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In the place of sriov_node in a copy of the collection: the same on a fake root, whose commands answer from a file.

Each is still a process. SRIOV_BENCH_ROOT: a folder with the root, and what commands print of it.
SRIOV_BENCH_REQUEST: a file that gets the module's arguments; then nothing else is done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.baremetal.sriov.plugins.module_utils import import_cache


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(
        argument_spec={
            "spec": {"type": "dict"},
            "state": {"type": "str"},
            "needs_systemd": {"type": "bool"},
            "cni_bin_dir": {"type": "str"},
            "bundles": {"type": "list", "elements": "dict"},
            "libraries_for": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    folder = os.environ["SRIOV_BENCH_ROOT"]
    # The library lies where all roots' /usr leads to: below a link it is not taken.
    import_cache.use(os.path.dirname(os.path.realpath(f"{folder}/root/usr")))
    from ansible_collections.baremetal.sriov.plugins.module_utils.entry.node_module import run_module
    from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Completed, Host
    from ansible_collections.baremetal.sriov.plugins.module_utils.node.concerns import WHOLE
    from ansible_collections.baremetal.sriov.plugins.module_utils.node.installation import asked
    from ansible_collections.baremetal.sriov.plugins.module_utils.policy.node_spec import parse_spec
    from ansible_collections.baremetal.sriov.plugins.module_utils.policy.resolve import resolve

    class AnsweringRoot(Host):
        """Says that it is running."""

        is_running = True

        def run(self, argv: Sequence[str], **options: Any) -> Completed:
            answer = f"{folder}/answers/{' '.join(argv).replace('/', '_')[:200]}"
            if not os.path.exists(answer):
                raise RuntimeError(f"no answer for {' '.join(argv)}")
            return super().run(["cat", answer])

    wanted = os.environ.get("SRIOV_BENCH_REQUEST")
    if wanted and module.params["bundles"]:
        with open(wanted, "w", encoding="utf-8") as file:
            json.dump(module.params, file)
    spec = parse_spec(module.params["spec"])
    concerns = (asked(True, module.params["cni_bin_dir"]), *WHOLE)
    run_module(module, lambda state: resolve(spec, state), concerns, host=AnsweringRoot(f"{folder}/root"))


if __name__ == "__main__":
    main()
