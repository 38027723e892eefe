# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods request: by the network-resources-injector's own program, and in our examples."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.baremetal.sriov.plugins.plugin_utils import injector
from ansible_collections.baremetal.sriov.plugins.plugin_utils.networks import network_attachments
from devtool.collection import ROOT
from sriovlab import peers
from sriovlab.progress import LabError
from support.cluster.programs import Program
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import until
from support.kubevirt_crds import definitions

pytestmark = pytest.mark.timeout(180, func_only=True)

KERNEL, NETWORKS = "baremetal.sriov/kernel", "k8s.v1.cni.cncf.io/networks"
ACCOUNTS, PODS = "/api/v1/namespaces/{}/serviceaccounts", "/api/v1/namespaces/{}/pods"
PATHS = {
    "ServiceAccount": ACCOUNTS, "Secret": "/api/v1/namespaces/{}/secrets", "Service": "/api/v1/namespaces/{}/services",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "NetworkAttachmentDefinition": "/apis/k8s.cni.cncf.io/v1/namespaces/{}/network-attachment-definitions",
    "Pod": PODS, "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "VirtualMachine": "/apis/kubevirt.io/v1/namespaces/{}/virtualmachines",
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}  # fmt: skip
# Where the program looks for what a pod is given; var/run leads to run.
SECRETS = "/run/secrets/kubernetes.io/serviceaccount"
START = """mount -t tmpfs none /run && mkdir -p {secrets} && cp token ca.crt {secrets}/
exec "$@"
"""


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False)


def create(server: ApiServer, item: dict[str, Any], query: str = "") -> dict[str, Any]:
    path = PATHS[item["kind"]].format(item["metadata"].get("namespace", ""))
    found: dict[str, Any] = server.api.request("POST", path + query, item)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def objects(api_server: ApiServer) -> list[dict[str, Any]]:
    """Our objects, with a certificate for this machine; the rights are in the cluster, as is a network."""
    certificate, key = api_server.certificate("injector")
    made = injector.objects(injector.of_pem(certificate.read_text() + key.read_text()))
    crd = yaml.safe_load((ROOT / "roles/networks/vars/main.yml").read_text())["networks_crd"]
    create(api_server, crd)
    (network,) = network_attachments([{"name": "blue", "resource_name": "kernel"}], "baremetal.sriov")
    until("the definition", lambda: accepted(api_server, network))
    for namespace in ("default", "kube-system"):
        api_server.api.request("POST", ACCOUNTS.format(namespace), {"metadata": {"name": "default"}})
    for item in made:
        if item["kind"] in ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
            create(api_server, item)
    return made


def accepted(server: ApiServer, item: dict[str, Any]) -> bool:
    try:
        return bool(create(server, item))
    except LabError:
        return False


@contextlib.contextmanager
def webhook(server: ApiServer, folder: Path) -> Iterator[int]:
    """The program in a mount namespace of its own, with its account's token; its port."""
    token = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}}
    answer = server.api.request("POST", f"{ACCOUNTS.format('kube-system')}/{injector.NAME}-sa/token", token)
    (folder / "token").write_text(answer["status"]["token"])
    for name, source in (("ca.crt", "ca.crt"), ("tls.crt", "injector.crt"), ("tls.key", "injector.key")):
        shutil.copy(server.pki / source, folder / name)
    (folder / "start.sh").write_text(START.format(secrets=SECRETS))
    port, health = free_port(), free_port()
    flags = [*injector.arguments(str(folder / "tls.crt"), str(folder / "tls.key")), f"-port={port}",
             f"-health-check-port={health}", "-bind-address=127.0.0.1"]  # fmt: skip
    program = peers.built(peers.CLUSTER).program("webhook")
    place = ["env", "KUBERNETES_SERVICE_HOST=127.0.0.1", f"KUBERNETES_SERVICE_PORT={server.port}"]
    running = Program([*place, "unshare", "--mount", "sh", "start.sh", program, *flags], folder, "webhook")

    def listens() -> bool:
        running.check()
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    try:
        until("the injector", listens, 60.0, running.tail)
        yield port
    finally:
        running.stop()


def pod(networks: str = "blue", requests: str = "", **labels: str) -> dict[str, Any]:
    given = {"requests": {KERNEL: requests}, "limits": {KERNEL: requests}} if requests else {}
    container = {"name": "main", "image": "example.org/pause:1", "resources": given}
    metadata = {"name": "one", "labels": labels, "annotations": {NETWORKS: networks}}
    return {"metadata": metadata, "spec": {"containers": [container]}}


def asked(server: ApiServer, wanted: dict[str, Any], namespace: str = "default") -> dict[str, str]:
    """What the pod requests once the API server has asked all webhooks."""
    found = server.api.request("POST", f"{PODS.format(namespace)}?dryRun=All", wanted)
    requests: dict[str, str] = found["spec"]["containers"][0]["resources"].get("requests", {})
    return requests


def refused_or_untouched(server: ApiServer, wanted: dict[str, Any]) -> bool:
    """An answer that is an error counts as none, where failures are ignored."""
    try:
        return asked(server, wanted) == {}
    except LabError as error:
        return "admission webhook" in str(error)


def test_each_object_is_taken_by_the_api_server(api_server: ApiServer, objects: list[dict[str, Any]]) -> None:
    for item in objects:
        if item["kind"] not in ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
            assert create(api_server, item, "?dryRun=All&fieldValidation=Strict")["metadata"]["name"], item["kind"]


def certificate_at(port: int) -> str:
    """What answers there, "" while it starts anew."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", port))
    except OSError:
        return ""


def test_requests_by_the_webhook(api_server: ApiServer, objects: list[dict[str, Any]], tmp_path: Path) -> None:
    """Added, kept, refused, not asked for; with a new certificate, and down."""
    with webhook(api_server, tmp_path) as port:
        hooks = json.loads(json.dumps(objects[-1]))
        bundle = base64.b64encode((api_server.pki / "ca.crt").read_bytes()).decode()
        for hook in hooks["webhooks"]:
            hook["clientConfig"] = {"url": f"https://127.0.0.1:{port}/mutate", "caBundle": bundle}
            hook["timeoutSeconds"] = 30  # the most there is: a busy machine is none of this test's business
        create(api_server, hooks)
        inject = {"baremetal.sriov/inject": "true"}
        until("the injector's network", lambda: asked(api_server, pod(**inject)) == {KERNEL: "1"})
        assert asked(api_server, pod("blue,blue", **inject)) == {KERNEL: "2"}
        assert asked(api_server, pod(**{"kubevirt.io": "virt-launcher"})) == {KERNEL: "1"}
        assert asked(api_server, pod(requests="3", **inject)) == {KERNEL: "3"}
        assert asked(api_server, pod()) == {}, "without the label nobody asks it"
        assert asked(api_server, pod(**inject), "kube-system") == {}
        for malformed in ("[", "a/b/c", "not-there"):
            assert refused_or_untouched(api_server, pod(malformed, **inject)), malformed
        before = ssl.get_server_certificate(("127.0.0.1", port))
        for name in ("injector.crt", "injector.key"):
            (api_server.pki / name).unlink()
        certificate, key = api_server.certificate("injector")
        # Whole at once, as the kubelet swaps a secret's files: it ends where it reads half of one.
        for source, name in ((key, "tls.key"), (certificate, "tls.crt")):
            shutil.copy(source, tmp_path / "next")
            (tmp_path / "next").replace(tmp_path / name)
        until("the new certificate", lambda: certificate_at(port) not in ("", before))
        assert asked(api_server, pod(**inject)) == {KERNEL: "1"}
    assert asked(api_server, pod(**inject)) == {}, "a pod does not wait for one that is down"


@pytest.mark.parametrize("path", sorted((ROOT / "examples/pods").glob("*.yml")), ids=lambda path: path.stem)
def test_each_example_is_taken_by_the_api_server(api_server: ApiServer, objects: Any, path: Path) -> None:
    """source: the schemas of Kubernetes, with unknown fields as mistakes. `objects`: the account that each pod has."""
    for item in yaml.safe_load_all(path.read_text()):
        assert create(api_server, item, "?dryRun=All&fieldValidation=Strict")["metadata"]["name"] and objects


@pytest.fixture(scope="module")
def machines(api_server: ApiServer) -> None:
    """KubeVirt's kinds, as far as our examples use them."""
    for item in definitions():
        create(api_server, item)
    path = PATHS["VirtualMachine"].format("default")
    until("KubeVirt's kinds", lambda: api_server.api.request("GET", path) is not None)


@pytest.mark.parametrize("path", sorted((ROOT / "examples/kubevirt").glob("*.yml")), ids=lambda path: path.stem)
def test_each_virtual_machine_is_taken_by_the_api_server(api_server: ApiServer, machines: None, path: Path) -> None:
    """A field that is misspelt or in another place is one that the definition does not have."""
    for item in yaml.safe_load_all(path.read_text()):
        assert create(api_server, item, "?dryRun=All&fieldValidation=Strict")["metadata"]["name"]
        wrong = json.loads(json.dumps(item).replace('"macAddress"', '"macAdress"'))
        with pytest.raises(LabError, match="macAdress"):
            create(api_server, wrong, "?dryRun=All&fieldValidation=Strict")
