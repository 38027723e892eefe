# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI plugin `sriov`: moves an SR-IOV VF into a pod, sets it up, and gives it back as it was.

Start-up time is most of a CNI call, so what runs on each call imports nothing but C modules of the
interpreter and the files of this folder: no json, re, logging, subprocess, dataclasses or typing
(tests/unit/cni/test_main.py). Only what a command needs is loaded. Imports point down only: main, cli,
warm, commands, vf, pod, spec, host, netlink, shared (tests/unit/test_architecture.py).
"""

SUPPORTED = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
