# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role cni ships, as Ansible makes it of the role's variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from support.bundle_host import Bundle, fresh
from support.checkout import ROOT

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is a template

    def trust_as_template(value: str) -> str:
        return value


ROLE = ROOT / "roles" / "cni"


def setting(**variables: Any) -> list[dict[str, str]]:
    text = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["cni_setting"]
    found: list[dict[str, str]] = Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text))
    return found


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        pytest.param("/var/log", [], id="finding-cni-05-default"),
        pytest.param("/data/log", ["/etc/baremetal-sriov/cni.json"], id="finding-cni-05-another"),
        pytest.param('/data/"log"\\n', ["/etc/baremetal-sriov/cni.json"], id="finding-cni-05-quoted"),
    ],
)
def test_the_nodes_setting(folder: str, files: list[str]) -> None:
    """The file that the plugin reads; without it the folder is /var/log."""
    found = setting(sriov_cni_log_dir=folder)
    assert [file["dest"] for file in found] == files
    assert [json.loads(file["content"]) for file in found] == [{"format": 1, "log_dir": folder} for _file in files]


def test_the_nodes_ranges_are_in_its_setting() -> None:
    """The CNI plugin puts them into what host-local gets; the log folder stays beside them."""
    ranges = {"blue": [[{"subnet": "10.9.0.0/16", "rangeStart": "10.9.0.64", "rangeEnd": "10.9.0.127"}]]}
    (alone,) = setting(sriov_cni_log_dir="/var/log", cni_ranges=ranges)
    assert json.loads(alone["content"]) == {"format": 1, "ranges": ranges}
    (both,) = setting(sriov_cni_log_dir="/data/log", cni_ranges=ranges)
    assert json.loads(both["content"]) == {"format": 1, "log_dir": "/data/log", "ranges": ranges}
    assert setting(sriov_cni_log_dir="/var/log", cni_ranges={}) == []


STATE = "/var/lib/cni/sriov"


@pytest.mark.parametrize(("before", "left"), [
    pytest.param("", False, id="finding-node-37-made-by-us"),
    pytest.param(f"{STATE}/", True, id="finding-node-37-empty-before"),
    pytest.param(f"{STATE}/0000:01:10.0", True, id="finding-node-37-of-another-plugin"),
])  # fmt: skip
def test_the_folder_of_state_goes_only_with_the_bundle_that_made_it(tmp_path: Path, before: str, left: bool) -> None:
    """Through what the role ships there and the order in which its teardown takes things away."""
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    (place,) = [file["dest"] for file in variables["cni_state_file"]]
    assert place.startswith("{{ cni_state }}/") and "cni_files + cni_state_file" in variables["cni_bundle"]
    tasks = yaml.safe_load((ROLE / "tasks" / "absent.yml").read_text())
    paths = [task["ansible.builtin.file"]["path"] for task in tasks if "ansible.builtin.file" in task]
    assert paths == ["{{ cni_state }}/{{ item }}"], "nobody else removes the folder itself"
    names = [task["name"] for task in tasks]
    assert names.index("Remove the CNI plugin's state") < names.index("Remove the CNI plugin")
    host = fresh(tmp_path)
    host.fill({before: ""} if before else {})
    bundle = Bundle(host, files={place.replace("{{ cni_state }}", STATE): b"x"})
    bundle.run()
    host.put(f"{STATE}/journal/0000:01:10.2", "{}")
    host.real(f"{STATE}/journal/0000:01:10.2").unlink()
    host.real(f"{STATE}/journal").rmdir()
    bundle.remove()
    assert host.exists(STATE) is left and (not before or host.exists(f"/{before.strip('/')}"))
