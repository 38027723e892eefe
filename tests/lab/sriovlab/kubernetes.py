# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes binaries: a given folder, or 1.20.2 built once from Debian 12's source package."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import cache
from .apt import PrivateApt
from .command import run
from .progress import LabError, step

REQUIRED = ("kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
OPTIONAL = ("kubectl",)
VERSION = "1.20.2"
# Unpacked, not installed: the build needs this one toolchain, and no C compiler (CGO_ENABLED=0).
GO_PACKAGES = ("golang-1.19-go", "golang-1.19-src")
# Kubernetes 1.20 vendors a reflect2 that walks maps as Go had them before 1.18: the API server dies on the first
# custom resource. Debian's own package of it knows both layouts.
REFLECT2_PACKAGE = "golang-github-modern-go-reflect2-dev"
REFLECT2 = "github.com/modern-go/reflect2"
IMPORT_ROOT = "k8s.io/kubernetes"
OPENAPI_TAG = "+k8s:openapi-gen="
OPENAPI_PACKAGE = "pkg/generated/openapi"


@dataclass(frozen=True)
class Kubernetes:
    """Where the binaries are, and their version as (major, minor)."""

    folder: Path
    version: tuple[int, int]
    key: str


def parse_version(text: str) -> tuple[int, int]:
    """`Kubernetes v1.20.2` -> (1, 20). Raises LabError for anything else."""
    found = re.match(r"Kubernetes v(\d+)\.(\d+)", text.strip())
    if not found:
        raise LabError(f"`kubelet --version` should say `Kubernetes vX.Y.Z`, found {text.strip()[:80]!r}")
    return int(found[1]), int(found[2])


def ldflags(version: str) -> str:
    """Linker flags that strip the binaries and stamp the version that clients parse."""
    major, minor, _patch = version.split(".")
    values = {
        "gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor,
        "gitCommit": "debian", "gitTreeState": "clean", "buildDate": "2021-01-13T00:00:00Z",
    }  # fmt: skip
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    stamps = [f"-X {IMPORT_ROOT}/vendor/{pkg}.{key}={val}" for pkg in packages for key, val in values.items()]
    return " ".join(["-s", "-w", *stamps])


def openapi_packages(tree: Path) -> list[str]:
    """Import paths of the packages that carry the OpenAPI tag, as the generator wants them."""
    found: set[str] = set()
    staging = tree / "staging" / "src"
    for base, prefix in ((tree / "pkg", f"{IMPORT_ROOT}/pkg"), (staging, f"{IMPORT_ROOT}/vendor")):
        for path in base.rglob("*.go"):
            parts = path.relative_to(base).parts
            if {"testdata", "vendor", "_examples"} & set(parts) or path.name.endswith("_test.go"):
                continue
            # The generator's own sources quote the tag without being input.
            if "code-generator" in parts or not path.is_file():
                continue
            if OPENAPI_TAG in path.read_text(errors="replace"):
                found.add("/".join([prefix, *parts[:-1]]))
    if not found:
        raise LabError(
            f"no package under {tree} carries {OPENAPI_TAG}: not the Kubernetes source that was expected"
        )
    return sorted(found)


def _build(folder: Path, apt: PrivateApt) -> None:
    """Fill `folder` with the binaries; everything else that the build makes is removed."""
    log = folder / "build.log"
    toolchain, sources, gopath = folder / "toolchain", folder / "sources", folder / "gopath"
    for path in (toolchain, sources, gopath / "src" / "k8s.io"):
        path.mkdir(parents=True)
    with step("Kubernetes: fetching its source and Go 1.19 from Debian"):
        apt.update()
        for package in apt.download((*GO_PACKAGES, REFLECT2_PACKAGE), toolchain):
            run(["dpkg-deb", "-x", package, toolchain])
        tree = gopath / "src" / IMPORT_ROOT
        apt.source("kubernetes", sources).rename(tree)
        shutil.rmtree(tree / "vendor" / REFLECT2)
        shutil.copytree(toolchain / "usr/share/gocode/src" / REFLECT2, tree / "vendor" / REFLECT2)
    go = toolchain / "usr/lib/go-1.19/bin/go"
    env = {
        "GOROOT": str(go.parents[1]), "GOPATH": str(gopath), "GOCACHE": str(folder / "gocache"),
        "GO111MODULE": "off", "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOPROXY": "off",
        "TMPDIR": str(folder),
    }  # fmt: skip
    with step("Kubernetes: generating the OpenAPI definitions that Debian's source leaves out"):
        _generate_openapi(go, tree, gopath, env, log)
    binaries = folder / "bin"
    binaries.mkdir()
    for name in (*REQUIRED, *OPTIONAL):
        with step(f"Kubernetes: building {name} (a few minutes, once)"):
            flags = ["-trimpath", "-ldflags", ldflags(VERSION)]
            run(
                [go, "build", *flags, "-o", binaries / name, f"./cmd/{name}"],
                cwd=tree,
                env=env,
                log=log,
                timeout=5400,
            )
    for path in (toolchain, sources, gopath, folder / "gocache"):
        shutil.rmtree(path)
    for path in binaries.iterdir():
        path.rename(folder / path.name)
    binaries.rmdir()


def _generate_openapi(go: Path, tree: Path, gopath: Path, env: Mapping[str, str], log: Path) -> None:
    """Run kube-openapi's generator over the tagged packages (hack/make-rules does the same in a release)."""
    generator = gopath / "openapi-gen"
    run(
        [go, "build", "-o", generator, "./vendor/k8s.io/kube-openapi/cmd/openapi-gen"],
        cwd=tree,
        env=env,
        log=log,
        timeout=1800,
    )
    header = tree / "hack/boilerplate/boilerplate.generatego.txt"
    if not header.is_file():
        header = gopath / "header.txt"
        header.write_text("")
    run(
        [
            generator, "--logtostderr", "-h", header, "-O", "zz_generated.openapi",
            "--output-base", gopath / "src", "-p", f"{IMPORT_ROOT}/{OPENAPI_PACKAGE}",
            "-r", gopath / "openapi-report.txt", "-i", ",".join(openapi_packages(tree)),
        ],
        cwd=tree, env={**env, "PATH": f"{go.parent}:{os.environ['PATH']}"}, log=log, timeout=1800,
    )  # fmt: skip
    if not (tree / OPENAPI_PACKAGE / "zz_generated.openapi.go").is_file():
        raise LabError(f"openapi-gen wrote no {OPENAPI_PACKAGE}/zz_generated.openapi.go; see {log}")


def _given(folder: Path) -> Kubernetes:
    """The user's own binaries ($BAREMETAL_SRIOV_K8S_BIN), checked for completeness."""
    missing = [name for name in REQUIRED if not os.access(folder / name, os.X_OK)]
    if missing:
        raise LabError(
            f"BAREMETAL_SRIOV_K8S_BIN={folder}: expected executables {', '.join(REQUIRED)}; "
            f"missing: {', '.join(missing)}"
        )
    marks = []
    for name in (*REQUIRED, *OPTIONAL):
        if (folder / name).is_file():
            info = (folder / name).stat()
            marks.append(f"{name} {info.st_size} {info.st_mtime_ns}")
    version = parse_version(run([folder / "kubelet", "--version"]))
    return Kubernetes(folder.absolute(), version, cache.digest("given", *marks))


def build_key() -> str:
    """Names the cached build: what goes into the binaries, and nothing else."""
    return cache.digest(VERSION, *GO_PACKAGES, REFLECT2_PACKAGE, ldflags(VERSION), *REQUIRED, *OPTIONAL)


def binaries() -> Kubernetes:
    """The binaries for the node, built if needed (about ten minutes on two cores, then cached)."""
    given = os.environ.get("BAREMETAL_SRIOV_K8S_BIN")
    if given:
        return _given(Path(given))
    key = build_key()
    folder = cache.artefact(
        f"kubernetes-{VERSION}-{key}", lambda work: _build(work, PrivateApt(cache.root() / "apt"))
    )
    return Kubernetes(folder, parse_version(run([folder / "kubelet", "--version"])), key)
