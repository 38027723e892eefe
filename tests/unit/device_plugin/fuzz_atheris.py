# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes from outside, led by the coverage that they reach: a program for atheris, which is no requirement of the tests.

    pip install atheris
    export PYTHONPATH=files/device_plugin:plugins/module_utils:tests
    python tests/unit/device_plugin/fuzz_atheris.py pool/test_config.py::test_any_resource_is_read_or_refused_in_words

It feeds one property test that takes no fixture: hypothesis makes its examples of the bytes. What follows is for
libFuzzer, such as -max_total_time=60. It ends at the first example that fails.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import atheris

if __name__ == "__main__":
    file, name = sys.argv[1].split("::")
    with atheris.instrument_imports(include=["sriov_device_plugin"]):
        test = runpy.run_path(str(Path(__file__).parent / file))[name]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], test.hypothesis.fuzz_one_input)
    atheris.Fuzz()
