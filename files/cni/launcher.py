# The installer puts the line of the interpreter before this one: #!PYTHON -IS
# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/opt/cni/bin/sriov: few lines, because Python compiles this file again at each call.

All modules come out of one file, which the installer replaces by a rename: a call has one version from its start to
its end. Where that file is missing, or of another Python, the modules are imported one by one, which takes longer.
"""

import gc
import marshal
import posix
import sys
from _frozen_importlib_external import MAGIC_NUMBER

FOLDER = "/usr/lib/baremetal-sriov/cni"
gc.disable()  # nothing is worth collecting in some milliseconds
try:
    pack = posix.open(FOLDER + "/sriov_cni/__pycache__/__init__.all.pyc", posix.O_RDONLY | posix.O_CLOEXEC)
    head = posix.pread(pack, 4096, 0)
except OSError:
    head = b""
if head.startswith(MAGIC_NUMBER):
    index, start = marshal.loads(head[16:]), vars(type(sys)("start"))
    exec(marshal.loads(posix.pread(pack, *index["start"])), start)
    start["install"](pack, index)
else:
    sys.path.insert(0, FOLDER)

from sriov_cni.main import main  # noqa: E402 - the lines above say where from

posix._exit(main())  # no interpreter teardown: the kernel frees all of it faster
