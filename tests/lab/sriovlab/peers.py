# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of other projects that run on the nodes, or are compared with ours: built once from Go modules.

Each folder of ../peers pins one build by its go.mod and go.sum. The ordinary go command fetches and builds, with its
own caches. A folder of built programs can be named instead: those in it take the place of the ones built here.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import cache
from .command import run
from .progress import LabError, step

PEERS = Path(__file__).resolve().parents[1] / "peers"
K8S_BIN, PEERS_BIN = "BAREMETAL_SRIOV_K8S_BIN", "BAREMETAL_SRIOV_PEERS_BIN"
WITHOUT = "BAREMETAL_SRIOV_WITHOUT_PEERS"  # set for a run that is to do without them
BUILD_SECONDS = 5400.0  # one program; Kubernetes takes about eleven minutes on two quiet cores


@dataclass(frozen=True)
class Group:
    """What one go.mod builds."""

    name: str  # its folder
    module: str  # the module whose version is the group's
    programs: Mapping[str, str]  # program -> its main package
    given: str = PEERS_BIN  # the environment variable that names a folder of built programs
    links: tuple[str, ...] = ()  # the names that the one program is called by
    optional: tuple[str, ...] = ()  # what a folder of built programs may lack
    stamps: Mapping[str, str] = field(default_factory=dict)  # linker variable -> what it says, as a format
    # Of the module's source: files that come along under their own names. Not in the keys of groups without any.
    files: tuple[str, ...] = field(default=(), repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The programs as they are called, and what comes along."""
        return self.links or (*self.programs, *(path.rpartition("/")[2] for path in self.files))

    def text(self, name: str = "go.mod") -> str:
        """A file of the folder."""
        return (PEERS / self.name / name).read_text()

    def pinned(self, module: str) -> str:
        """The version of a module, such as 1.37.2. Raises LabError where go.mod has none."""
        found = re.search(rf"^(?:require )?\s*{re.escape(module)} v([^\s+]+)", self.text(), re.M)
        if not found:
            raise LabError(f"{PEERS / self.name / 'go.mod'}: expected a version of {module}, found none")
        return found[1]

    def ldflags(self) -> str:
        """Linker flags that strip the programs and stamp the versions that clients parse."""
        version = self.pinned(self.module)
        major, minor = version.split(".")[:2]
        stamps = [
            f"-X={name}={text.format(version=version, major=major, minor=minor)}" for name, text in self.stamps.items()
        ]
        return " ".join(["-s", "-w", *stamps])

    def key(self) -> str:
        """Names the cached build: what goes into it."""
        return cache.digest(cache.tree_digest(PEERS / self.name), self.ldflags(), repr(self), *self.files)


_VERSION = "k8s.io/component-base/version"
_MULTUS = "gopkg.in/k8snetworkplumbingwg/multus-cni.v4"
_PLUGINS = "github.com/containernetworking/plugins"
KUBERNETES = Group(
    "kubernetes",
    "k8s.io/kubernetes",
    {"kubernetes": "."},
    given=K8S_BIN,
    links=("kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubectl"),
    optional=("kubectl",),
    stamps={
        f"{_VERSION}.gitVersion": "v{version}",
        f"{_VERSION}.gitMajor": "{major}",
        f"{_VERSION}.gitMinor": "{minor}",
    },
)
ETCD = Group("etcd", "go.etcd.io/etcd/server/v3", {"etcd": "go.etcd.io/etcd/server/v3"})
CNI_PLUGINS = Group(
    "cni-plugins",
    _PLUGINS,
    {
        **{name: f"{_PLUGINS}/plugins/ipam/{name}" for name in ("host-local", "static")},
        **{name: f"{_PLUGINS}/plugins/main/{name}" for name in ("bridge", "host-device", "loopback")},
        **{name: f"{_PLUGINS}/plugins/meta/{name}" for name in ("portmap", "sbr", "tuning")},
    },
    stamps={f"{_PLUGINS}/pkg/utils/buildversion.BuildVersion": "v{version}"},
)
MULTUS = Group(
    "multus",
    _MULTUS,
    {
        **{name: f"{_MULTUS}/cmd/{name}" for name in ("install_multus", "multus", "multus-daemon", "multus-shim")},
        "passthru": f"{_MULTUS}/cmd/passthru-cni",
        "thin_entrypoint": f"{_MULTUS}/cmd/thin_entrypoint",
    },
    stamps={f"{_MULTUS}/pkg/multus.version": "v{version}"},
)
# What only groups of tests need.
CLUSTER = Group(
    "cluster",
    "github.com/k8snetworkplumbingwg/whereabouts",
    {
        "webhook": "github.com/k8snetworkplumbingwg/network-resources-injector/cmd/webhook",
        "whereabouts": "github.com/k8snetworkplumbingwg/whereabouts/cmd",
    },
)
WHEREABOUTS = Group(  # the rest of its image; the plugin itself is one of the programs above
    "whereabouts",
    "github.com/k8snetworkplumbingwg/whereabouts",
    {"ip-control-loop": "github.com/k8snetworkplumbingwg/whereabouts/cmd/controlloop"},
    files=(
        *(f"script/{name}" for name in ("install-cni.sh", "lib.sh", "token-watcher.sh")),
        "doc/crds/daemonset-install.yaml",
        *(f"doc/crds/whereabouts.cni.cncf.io_{name}.yaml" for name in (
            "ippools", "nodeslicepools", "overlappingrangeipreservations")),
    ),
)  # fmt: skip
DEVICE_PLUGIN = Group(
    "device-plugin",
    "github.com/k8snetworkplumbingwg/sriov-network-device-plugin",
    {"sriovdp": "github.com/k8snetworkplumbingwg/sriov-network-device-plugin/cmd/sriovdp"},
)
SRIOV_CNI = Group("sriov-cni", "github.com/intel/sriov-cni", {"sriov": "github.com/intel/sriov-cni/cmd/sriov"})
_CONTAINERD = "github.com/containerd/containerd/v2"
CONTAINERD = Group(
    "containerd",
    _CONTAINERD,
    {name: f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2")},
    stamps={f"{_CONTAINERD}/version.Version": "v{version}"},
)
_CNI = "github.com/containernetworking/cni"
CNITOOL = Group("cnitool", _CNI, {"cnitool": f"{_CNI}/cnitool"})
NODE = (KUBERNETES, ETCD, CNI_PLUGINS, MULTUS)  # what each node has


@dataclass(frozen=True)
class Built:
    """Where a group's programs are."""

    folder: Path
    key: str  # differs where a program does

    def program(self, name: str) -> Path:
        """One of them."""
        return self.folder / name


def numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version: 1.26.8 is (1, 26, 8)."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def problem(group: Group) -> str:
    """Say why the group is neither here nor can be built, and what to do; "" where all is well."""
    there = (cache.root() / _artefact(group)).is_dir()
    if there or not set(group.names) - _given(group).keys() - set(group.optional):
        return ""
    wanted = re.search(r"^go (\S+)$", group.text(), re.M)
    needed = wanted[1] if wanted else "1.26"
    go = shutil.which("go")
    found = run([go, "env", "GOVERSION"]).strip().removeprefix("go") if go else ""
    if found and numbers(found) >= numbers(needed):
        return ""
    return (
        f"Go {needed} or newer to build {', '.join(group.names)} (found: {found or 'none'}): "
        f"install it from go.dev/dl, or name a folder of built programs in {group.given}"
    )


def _build(group: Group, folder: Path) -> None:
    missing = problem(group)
    if missing:
        raise LabError(f"missing: {missing}")
    env = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", group.ldflags()]
    for name, package in group.programs.items():
        with step(f"peers: building {name} of {group.module} {group.pinned(group.module)} (once)"):
            run(["go", "build", *flags, "-o", folder / name, package],
                cwd=PEERS / group.name, env=env, log=folder / "build.log", timeout=BUILD_SECONDS)  # fmt: skip
    if group.files:
        told = run(["go", "list", "-m", "-f", "{{.Dir}}", group.module], cwd=PEERS / group.name, env=env)
        source = Path(told.strip())
        for path in group.files:
            shutil.copyfile(source / path, folder / Path(path).name)
            (folder / Path(path).name).chmod(0o755)
    for name in group.links:
        (folder / name).symlink_to(next(iter(group.programs)))


def _artefact(group: Group) -> str:
    return f"peers-{group.name}-{group.key()}"


def _ours(group: Group) -> Path:
    return cache.artefact(_artefact(group), lambda work: _build(group, work))


def _given(group: Group) -> dict[str, Path]:
    """The programs of the group in the folder that the user named. Raises LabError where that is no folder."""
    value = os.environ.get(group.given)
    if not value:
        return {}
    folder = Path(value).absolute()
    if not folder.is_dir():
        raise LabError(f"{group.given}={value}: expected a folder of built programs, found none")
    return {name: folder / name for name in group.names if os.access(folder / name, os.X_OK)}


def built(group: Group) -> Built:
    """The group's programs, built if needed; those that the user has given take the place of ours."""
    given = _given(group)
    lacking = [name for name in group.names if name not in given and name not in group.optional]
    if not given:
        return Built(_ours(group), group.key())
    if lacking and group.links:
        raise LabError(f"{group.given}={os.environ[group.given]}: expected the executables {', '.join(group.names)}; "
                       f"missing: {', '.join(lacking)}")  # fmt: skip
    sources = dict(given)
    if lacking:
        sources.update({name: _ours(group) / name for name in lacking})
    marks = [f"{name} {path.stat().st_size} {path.stat().st_mtime_ns}" for name, path in sorted(sources.items())]
    key = cache.digest(*marks)

    def link(work: Path) -> None:
        for name, path in sources.items():
            (work / name).symlink_to(path)

    return Built(cache.artefact(f"peers-given-{key}", link), key)


def version(program: Path) -> tuple[int, int]:
    """(major, minor) of a kubelet, as it says itself. Raises LabError for anything else."""
    text = run([program, "--version"]).strip()
    found = re.match(r"Kubernetes v(\d+)\.(\d+)", text)
    if not found:
        raise LabError(f"`{program} --version`: expected `Kubernetes vX.Y.Z`, found {text[:80]!r}")
    return int(found[1]), int(found[2])
