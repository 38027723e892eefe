# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this plugin may delegate to: never to itself, under whatever name, and not from within a delegation.

A call that starts this plugin again, with the same configuration, would start it without end.
"""

from __future__ import annotations

import os

from .json_text import Json

OWN = "sriov"
# In the environment of each plugin that we start, and of all that it starts: a call that finds it is refused.
MARK = "BAREMETAL_SRIOV_DELEGATED"
# What client.sh and launcher.py both begin with, in every version, and nothing else.
_SIGN = b"/opt/cni/bin/sriov: "
_SCRIPT_LIMIT = 65536  # bytes; ours are a twentieth of it
_NAME_LIMIT = 255  # bytes, NAME_MAX of linux/limits.h


def is_name(kind: str) -> bool:
    """True for what can be a file in a folder of CNI_PATH."""
    if not kind or kind in (".", "..") or "/" in kind or any(c < " " or c == "\x7f" for c in kind):
        return False
    return len(kind.encode("utf-8", "surrogatepass")) <= _NAME_LIMIT


def ipam_type(conf: Json) -> str:
    """The delegated IPAM plugin's name, "" where there is none or it is no name (DEL must go on)."""
    ipam = conf.get("ipam")
    kind = ipam.get("type") if isinstance(ipam, dict) else ""
    return kind if isinstance(kind, str) and is_name(kind) else ""


def problem(kind: str, network: str, own: object) -> str:
    """What is wrong with `kind`, the ipam.type of a network whose plugin has the type `own`; "" for nothing."""
    if not is_name(kind):
        shown = "".join([c if " " <= c != "\x7f" else "?" for c in kind])
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return (
            f"ipam.type: expected the name of an IPAM plugin, a file in CNI_PATH and no path, found '{shown}' "
            f"in network '{network}'"
        )
    return itself(kind, network, "") if kind in (OWN, own) else ""


def itself(kind: str, network: str, path: str) -> str:
    """The refusal of a plugin that is this one."""
    where = f" ({path})" if path else ""
    return (
        f"ipam.type: expected an IPAM plugin, found '{kind}'{where} in network '{network}', which is this plugin "
        "itself and would start itself without end: name one such as host-local, or leave ipam out"
    )


def again(conf: Json) -> str:
    """The refusal of a call from within a delegation, by its configuration; each command would start it again."""
    kind = ipam_type(conf)
    return (
        f"network '{conf.get('name', '')}': expected a call by a container runtime, found one from within a plugin "
        f"that this one had started ({MARK} is set): it would go on without end: have ipam.type name an IPAM plugin "
        f"that does not start sriov" + (f", '{kind}' does" if kind else "")
    )


def is_ours(path: str) -> bool:
    """True where `path` leads to this program: a link to it, or a copy, under any name."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return False  # it cannot be started either
    try:
        return os.pread(fd, 2, 0) == b"#!" and _SIGN in os.pread(fd, _SCRIPT_LIMIT, 0)
    except OSError:
        return False
    finally:
        os.close(fd)
