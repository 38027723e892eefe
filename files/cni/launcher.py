# The installer puts the line of the interpreter before this one: #!PYTHON -BIS
# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/opt/cni/bin/sriov: few lines, because Python compiles this file again at each call.

The folder is named by the version of what is in it, and stays until the version after the next one is installed: a call
has one version from its start to its end.
"""

import gc
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

gc.disable()  # nothing is worth collecting in some milliseconds
sys.path.insert(0, "/usr/lib/baremetal-sriov/cni/@CNI_VERSION@")


def tell(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
    """Of a version that is damaged: the runtime gets an error that it can read."""
    sys.__excepthook__(kind, error, trace)
    if b"CNI_COMMAND" in posix.environ:
        msg = f"the plugin cannot be loaded ({kind.__name__}, the rest is on stderr): install it again"
        posix.write(1, f'{{"cniVersion":"1.1.0","code":999,"msg":"{msg}"}}\n'.encode())


sys.excepthook = tell

from sriov_cni.main import main  # noqa: E402 - from the folder above

posix._exit(main())  # no interpreter teardown: the kernel frees all of it faster
