# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A short sample of the long loop that kills runs at random moments; `make soak` runs it for long."""

from __future__ import annotations

import os
import subprocess
import sys

from support.checkout import ROOT

PROGRAM = ROOT / "tests" / "soak" / "soak_node_kills.py"
# With the checkout as the collection; `make soak` runs the program with the installed one.
START = "import runpy, sys; import support.checkout; runpy.run_path(sys.argv.pop(1), run_name='__main__')"


def test_sample() -> None:
    """Every rerun ends where it should, and teardown gives everything back."""
    argv = [sys.executable, "-c", START, str(PROGRAM), "--count=15", "--seed=3"]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, env=path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "15/15 killed" in done.stdout
