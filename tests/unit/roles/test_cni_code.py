# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role cni ships, and that tests, benchmarks and long loops lay the plugin out in the same way."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from ansible_collections.baremetal.sriov.plugins.action import sriov_bundle as action
from ansible_collections.baremetal.sriov.plugins.module_utils.bundle.store import Item, request_from
from support import cni_code

ROLE = cni_code.ROOT / "roles" / "cni"
VARS = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
PYTHON = "/usr/bin/python3"


class Looking(action.ActionModule):
    """The action without a node."""

    def __init__(self) -> None:
        pass


def filled(text: str, **variables: Any) -> str:
    """A template of the role."""
    environment = Environment(keep_trailing_newline=True)
    environment.globals["lookup"] = lambda _kind, path, rstrip: Path(path).read_text()
    return environment.from_string(text).render(role_path=str(ROLE), **variables)


def shipped(service: bool) -> tuple[str, dict[str, Item]]:
    """The version, and by its path each file that the node gets."""
    given: dict[str, Any] = {"sriov_cni_service": service}
    for name in ("cni_folder", "cni_program", "cni_launcher", "cni_client"):
        given[name] = filled(VARS[name], **given)
    files = []
    for entry in VARS["cni_files"] + VARS["cni_in_place"]:
        file = dict.fromkeys(("src", "member", "content", "mode", "version"))
        file |= {"exclude": [], "template": False, "compile": False, "if_missing": False}
        files.append(file | {key: filled(value, **given) if isinstance(value, str) else value
                             for key, value in entry.items()})  # fmt: skip
    entries = Looking()._manifest(files, {})
    variables = {"PYTHON": PYTHON, "CNI_BIN_DIR": "/opt/cni/bin", **action.versions(entries)}
    request = request_from("cni", {"files": entries}, [], variables, False)
    return variables["CNI_VERSION"], {item.path: item for item in request.items}


@pytest.mark.parametrize("service", [True, False])
def test_tests_lay_the_plugin_out_as_the_role_does(service: bool) -> None:
    version, items = shipped(service)
    code, program = f"{cni_code.NODE_FOLDER}/{version}", f"{cni_code.NODE_FOLDER}/sriov"
    expected = {f"{code}/{name}": hashlib.sha256(path.read_bytes()).hexdigest()
                for name, path in cni_code.sources().items()}  # fmt: skip
    assert {path: item.sha256 for path, item in items.items() if item.version} == expected
    assert {(item.mode, item.compile, item.version) for item in items.values() if item.version} == {(0o644, True, code)}
    launcher = cni_code.launcher(PYTHON, code)
    client = cni_code.client(program, code, cni_code.HANDOFF) if service else launcher
    others = {path: (item.text, item.mode) for path, item in items.items() if not item.version}
    assert others == {program: (launcher, 0o755), "/opt/cni/bin/sriov": (client, 0o755)}
    assert not [path for path, item in items.items() if re.search("@[A-Z_]+@", path + (item.text or ""))]


def test_programs_lead_to_a_version_after_it_is_there() -> None:
    """The installer writes those that have a version first, and the others in this order."""
    _version, items = shipped(True)
    paths = [path for path, item in items.items() if not item.version]
    assert paths == [f"{cni_code.NODE_FOLDER}/sriov", "/opt/cni/bin/sriov"]


def test_the_service_is_started_by_the_interpreters_name() -> None:
    """SELinux gives a service the domain that its first file leads to: the script's lib_t leaves it in init_t."""
    (entry,) = VARS["cni_unit_file"]
    assert entry["template"] is True
    text = (cni_code.CNI / VARS["cni_unit"]).read_text().replace("@PYTHON@", PYTHON)
    (start,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    interpreter, *options = cni_code.launcher(PYTHON, "/code").splitlines()[0].removeprefix("#!").split()
    assert start == f"ExecStart={interpreter} {' '.join(options)} {cni_code.NODE_FOLDER}/sriov serve"
