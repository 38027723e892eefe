# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of the lab's clusters, as the strictest of its clients takes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sriovlab import pki


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all of them."""
    folder = tmp_path_factory.mktemp("pki")
    pki.make_certificates(folder)
    return folder


@pytest.mark.parametrize("name", ["apiserver", *pki.CLIENTS])
def test_certificates_are_strictly_right(certificates: Path, name: str) -> None:
    """Source: RFC 5280, 4.2.1.1 and 4.2.1.3, which Python 3.13's ssl.create_default_context asks for."""
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", certificates / "ca.crt", certificates / f"{name}.crt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
