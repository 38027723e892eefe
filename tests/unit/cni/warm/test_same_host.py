# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is served warm: every caller that sees the same host, and nobody else; what a refusal costs.

# source: Multus 4.3.0, pkg/server/exec_chroot.go: the thick daemon, in a mount namespace of its own, changes its root
# to chrootDir and its folder to / before it starts a plugin; its manifest has the host's / at /hostroot
# (HostToContainer).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from support import cni_code
from support.cni_code import put
from support.cni_warm import ADD, CONF, Warm, launcher_with, outcome
from support.needs import missing

NETNS = f"cniwarm-{os.getpid()}"
DENY = """
from sriov_cni.warm import service


def usable(real=service._usable):
    def getfd(pidfd, fd):
        raise PermissionError(13, "Permission denied")

    real()
    return getfd


service._usable = usable
"""


def finding(number: str, *names: str):
    return pytest.mark.parametrize("name", [pytest.param(name, id=f"finding-cni-{number}-{name}") for name in names])


@pytest.fixture
def warm(program):
    if os.geteuid() != 0:
        missing("root: namespaces are made")
    subprocess.run(["ip", "netns", "add", NETNS], check=True)
    try:
        with Warm(program) as made:
            yield made
    finally:
        subprocess.run(["ip", "netns", "del", NETNS], check=True)


def call(warm, tmp_path, inside: str, chroot: bool = True, **environment: str) -> tuple[int, dict]:
    """ADD from a mount namespace of its own, in which `inside` was done; exit code and answer."""
    root = tmp_path / "hostroot"
    root.mkdir(exist_ok=True)
    enter = f"chroot {root}" if chroot else ""
    script = f"mount --rbind / {root} && {{ {inside.format(root=root)}; }} && exec {enter} {warm.program}"
    given = {**ADD, "CNI_NETNS": f"/run/netns/{NETNS}", "CNI_PATH": "/usr/lib/cni:/opt/cni/bin", **environment,
             "PATH": os.environ["PATH"]}  # fmt: skip
    argv = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script]
    done = subprocess.run(argv, env=given, input=json.dumps(CONF).encode(), capture_output=True, check=False)
    return done.returncode, json.loads(done.stdout)


@finding("06", "thick", "thick-twice", "mount-namespace", "var-run")
def test_the_same_host_is_served_warm(warm, tmp_path, name):
    changes = {"CNI_NETNS": f"/var/run/netns/{NETNS}"} if name == "var-run" else {}
    for _turn in range(2 if name == "thick-twice" else 1):
        status, answer = call(warm, tmp_path, "true", chroot=name != "mount-namespace", **changes)
        assert (status, answer["code"], warm.direct) == (1, 100, 0)


OTHERS = {
    "netns": "mount -t tmpfs none {root}/run/netns && touch {root}/run/netns/" + NETNS,
    "plugins": "mount -t tmpfs none {root}/usr/lib/cni",
    "log": "mount -t tmpfs none {root}/var/log",
    "sysfs": "mount -t tmpfs none {root}/sys",
    "state": "mkdir -p /var/lib/cni && mount -t tmpfs none {root}/var/lib/cni",
}


@finding("06", *OTHERS)
def test_another_host_is_not(warm, tmp_path, name):
    """And that costs no worker."""
    if name == "state" and not os.path.isdir("/var/lib/cni"):
        missing("/var/lib/cni")
    before = warm.workers()
    status, answer = call(warm, tmp_path, OTHERS[name])
    assert (status, answer["code"], warm.direct) == (1, 100, 1)
    assert warm.workers() == before
    assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
    assert warm.direct == 1


@finding("06", "--net", "--user --map-root-user", "--pid --fork --mount")
def test_other_namespaces_are_not(warm, name):
    before = warm.workers()
    argv = ["unshare", *name.split(), str(warm.program)]
    done = subprocess.run(argv, env=ADD, input=b"{", capture_output=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"], warm.direct) == (1, 6, 1)
    assert warm.workers() == before


@finding("06", "no-program", "no-python")
def test_without_the_hosts_root_there_is_an_error(program, tmp_path, name):
    """As where Multus has no chrootDir: its container has the plugin's folder and a shell, and no more."""
    there = tmp_path / "program"
    if name == "no-python":
        put(there, "#!/usr/lib/nowhere/python3 -BIS\n")
    client = put(tmp_path / "client", cni_code.client(str(there), "/usr/lib/nowhere", "/run/nowhere"))
    done = subprocess.run([client], env=ADD, input=b"{", capture_output=True, check=False)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["code"]) == (1, 4)
    assert f"{there}, or its Python, is not there" in answer["msg"]
    assert "set chrootDir" in answer["msg"]
    client = put(tmp_path / "client", cni_code.client(str(program), "/usr/lib/nowhere", "/run/nowhere"))
    done = subprocess.run([client], env=ADD, input=b"{", capture_output=True, check=False)
    assert json.loads(done.stdout)["code"] == 6  # it runs


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("name", ["python3", "python3.77"])
def test_an_upgrade_takes_the_interpreter_away(program, tmp_path, shell, name):
    """The program and its code are those of this root, and another of the system's Pythons runs them."""
    (tmp_path / "bin").mkdir()
    put(tmp_path / "bin" / "python3.78", "#!/bin/sh\nexit 1\n")  # one that is too old for the question
    code = next((program.parent / "lib").iterdir())
    before, _blank, rest = program.read_text().partition(" ")
    assert before.startswith("#!")
    there = put(tmp_path / "program", f"#!/usr/lib/gone/python3 {rest}")
    text = cni_code.client(str(there), str(code), "/run/nowhere").replace("/usr/bin/", f"{tmp_path}/bin/")
    client = put(tmp_path / "client", text)
    done = subprocess.run([shell, client], env=ADD, input=b"{", capture_output=True, check=False)
    assert json.loads(done.stdout)["code"] == 4
    os.symlink(sys.executable, tmp_path / "bin" / name)
    done = subprocess.run([shell, client], env=ADD, input=b"{", capture_output=True, check=False)
    assert json.loads(done.stdout)["code"] == 6  # it runs, and can't take this configuration


# What a policy may refuse besides: to read of another process (AppArmor has ptrace and ptrace read apart).
DENY_READING = """
from sriov_cni.warm import worker


def refused(*_arguments, real=worker.{what}):
    if {when}:
        raise PermissionError(13, "Permission denied")
    return real(*_arguments)


worker.{what} = refused
"""
REPLY_ALONE = "    def getfd(pidfd, fd):\n        if fd == 0:\n            return way(pidfd, fd)\n"
DENY_STREAMS = DENY.replace("    real()\n", "    way = real()\n").replace("    def getfd(pidfd, fd):\n", REPLY_ALONE)
DENIALS = {
    "said-once": DENY,
    "said-once-namespaces": DENY_READING.format(what="place_of", when='_arguments[0] != "/proc/self"'),
    "said-once-environment": DENY_READING.format(what="Client._read_environment", when="True"),
    "said-once-streams": DENY_STREAMS,
}


@finding("13", *DENIALS)
def test_a_security_policy_that_refuses_is_told_once(program, tmp_path, capfd, name):
    with Warm(launcher_with(program, tmp_path, DENIALS[name])) as warm:
        before = warm.workers()
        for turn in range(3):
            assert outcome(warm.start({"CNI_COMMAND": "VERSION"}))[0] == 0
            assert warm.direct == turn + 1
        assert warm.workers() == before
    said = capfd.readouterr().err
    assert said.count("pidfd_getfd(2) is refused for a client, as by a rule of SELinux or AppArmor") == 1
