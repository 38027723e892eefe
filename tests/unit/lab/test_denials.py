# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from audit records: the kernel's words (security/selinux/avc.c, security/apparmor/audit.c)."""

from __future__ import annotations

import denials
import pytest
from denials import Denial

AVC = ('avc:  denied  { read open } for  pid=7 comm="python3" name="x" dev="vda1" ino=5 '
       "scontext=system_u:system_r:init_t:s0 tcontext=system_u:object_r:shadow_t:s0-s0:c0.c1 tclass=file permissive=0")
APPARMOR = ('apparmor="DENIED" operation="open" class="file" profile="/opt/cni/bin/sriov" name="/etc/passwd" pid=9 '
            'comm="sriov" requested_mask="r" denied_mask="r" fsuid=0 ouid=0')  # fmt: skip
READ = Denial("python3", "init_t", "read open", "shadow_t", "file")
OPEN = Denial("sriov", "/opt/cni/bin/sriov", "open r", "/etc/passwd", "file")


@pytest.mark.parametrize(
    ("message", "denial"),
    [
        (f"AVC {AVC}", READ),
        (f"audit: type=1400 audit(1764350000.123:45): {AVC}", READ),
        (f"AVC {APPARMOR}", OPEN),
        ('AVC apparmor="DENIED" operation="capable" class="cap" profile="p" comm="ip" capname="net_admin"',
         Denial("ip", "p", "capable net_admin", "", "cap")),
        ('AVC apparmor="STATUS" operation="profile_load" profile="unconfined" name="p"', None),
        ('AVC apparmor="ALLOWED" operation="open" profile="p" name="/x" comm="c"', None),
        (f"AVC {AVC.replace('denied ', 'granted')}", None),
        ("e1000: link is up", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_refusal_is_read_and_nothing_else(message: str, denial: Denial | None) -> None:
    assert denials.parse(message) == denial


def test_one_that_both_the_log_and_the_journal_tell_counts_once() -> None:
    def entries(boot: str, serial: int) -> list[dict[str, str]]:
        return [{"MESSAGE": f"AVC {AVC}", "_AUDIT_ID": str(serial), "_BOOT_ID": boot},
                {"MESSAGE": f"audit: type=1400 audit(1.2:{serial}): {AVC}", "_BOOT_ID": boot}]  # fmt: skip

    both = entries("a", 1) + entries("a", 2) + entries("b", 1)
    assert denials.of_entries([*both, {"MESSAGE": "x"}, {"MESSAGE": [1, 2]}, {}]) == [READ] * 3


def test_it_is_told_in_words() -> None:
    assert str(READ) == "python3 as init_t: read open of file shadow_t"
