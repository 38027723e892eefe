# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sriov_kernel_args without its list is refused: nothing would be left of our arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.baremetal.sriov.plugins.module_utils.entry import kernel_modules
from ansible_collections.baremetal.sriov.plugins.modules import sriov_kernel_args

# Options -> what the back end is asked for, None where the module ends before it.
CALLS: dict[str, tuple[dict[str, Any], Any]] = {
    "nothing": ({}, None),
    "null": ({"arguments": None}, None),
    "present": ({"state": "present"}, None),
    "none-on-request": ({"arguments": []}, ()),
    "some": ({"arguments": ["a=1"]}, ("a=1",)),
    "absent": ({"state": "absent"}, ()),
}


@pytest.mark.parametrize(
    ("options", "asked"), [pytest.param(*row, id=f"finding-node-24-{name}") for name, row in CALLS.items()]
)
def test_the_list_is_required_where_the_state_is_present(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: dict[str, Any], asked: Any
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(kernel_modules, "kernel_arguments", lambda module, wanted, *more: calls.append(wanted))
    with patch_module_args(options):
        if asked is None:
            with pytest.raises(SystemExit):
                sriov_kernel_args.main()
            told = json.loads(capsys.readouterr().out)
            missing = "state is present but all of the following are missing: arguments"
            null = "arguments: expected a list of kernel arguments, found nothing (null)"
            assert (null if "arguments" in options else missing) in told["msg"]
        else:
            sriov_kernel_args.main()
    assert calls == ([] if asked is None else [asked])
