# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking the place of another device plugin: ready beside it, and the kubelet hears of us in the moment when it leaves.

Two that serve the same resources take the socket from each other. So where the node library says that one is to leave
(its file is there), nothing is offered while somebody else listens for a resource of ours.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Collection, Iterable

from shared.places import HANDOVER

from ..notify import notify
from ..pool.config import PoolConfig
from . import registration

PAUSE = 0.05  # seconds between two looks: so long nobody may be there for the kubelet

log = logging.getLogger(__name__)


def other(state_dir: str, kubelet_dir: str, pools: Iterable[PoolConfig]) -> str:
    """The socket at which somebody else listens for one of these pools; "" where there is none, or none is to leave."""
    if not os.path.exists(os.path.join(state_dir, HANDOVER)):
        return ""
    folders = registration.registration_dirs(kubelet_dir)
    paths = (registration.socket_path(folder, pool.prefix, pool.name) for pool in pools for folder in folders)
    return next(filter(registration.accepts, paths), "")


def wait(leaving: Callable[[], str], stop: Collection[int], beat: Callable[[], object]) -> bool:
    """Ready, until nobody else listens; False where a signal of `stop`, which are blocked, ends us first."""
    waited = ""
    while path := leaving():
        if path != waited:
            waited = path
            log.info("ready, and waiting for the other device plugin to leave, which listens on %s", path)
            notify("READY=1", f"STATUS=waiting for the other device plugin to leave: {path}", wait=True)
        caught = signal.sigtimedwait(stop, PAUSE)
        if caught is not None:
            log.info("%s: leaving", signal.Signals(caught.si_signo).name)
            return False
        beat()
    return True
