# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server of a test's own: who may do what, who did what, and what it calls."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from sriovlab import peers
from sriovlab.progress import LabError
from support.cluster.fixtures import require
from support.cluster.folder import LOCK, PREFIX, Folder
from support.cluster.server import ApiServer, Settings
from support.cluster.waiting import patience, until
from support.processes import ENDED, eventually, state_of

pytestmark = pytest.mark.timeout(120, func_only=True)  # a start has limits of its own

RBAC = "/apis/rbac.authorization.k8s.io/v1"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GRANTED = {"get", "list", "create"}
SECRET = "the-word-that-no-log-has"
WIDGETS = {
    "group": "example.org",
    "scope": "Namespaced",
    "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
    "versions": [
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": {"type": "object", "properties": {
                "size": {"type": "integer", "maximum": 3}}}}}}}
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster_settings() -> Settings:
    """What these tests need of a cluster."""
    return Settings(controllers=(), scheduler=False)


def grant(server: ApiServer, user: str, resource: str) -> None:
    """Let a user read and create one kind of object everywhere."""
    rule = {"apiGroups": [""], "resources": [resource], "verbs": sorted(GRANTED)}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    server.api.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": user}, "rules": [rule]})
    server.api.request(
        "POST", f"{RBAC}/clusterrolebindings", {"metadata": {"name": user}, "roleRef": role, "subjects": [subject]}
    )


def core(kubeconfig: Path) -> Any:
    """The API as a user of that kubeconfig has it."""
    return client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))


def allowed(call: Any) -> bool:
    """Whether the API server lets a user do that."""
    try:
        call()
    except client.ApiException as exc:
        assert exc.status == 403, exc
        return False
    return True


def test_it_is_up_in_seconds(api_server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nAPI server alone: up in {api_server.start_seconds:.1f} s")
    assert api_server.start_seconds < 20 * patience()


def test_a_user_may_do_nothing_until_a_role_says_so(api_server: ApiServer) -> None:
    reader = core(api_server.user("reader"))
    with pytest.raises(client.ApiException) as caught:
        reader.list_namespaced_config_map("default")
    assert 'User "reader" cannot list resource "configmaps"' in json.loads(caught.value.body)["message"]
    grant(api_server, "reader", "configmaps")
    until("the role of reader", lambda: allowed(lambda: reader.list_namespaced_config_map("default")))
    assert not allowed(lambda: reader.list_namespaced_secret("default"))
    assert not allowed(lambda: reader.delete_namespaced_config_map("none", "default"))


def test_a_user_has_the_groups_of_its_certificate(api_server: ApiServer) -> None:
    kubeconfig = api_server.user("boss", groups=["team:a", "system:masters"])
    review = client.AuthenticationV1Api(config.new_client_from_config(str(kubeconfig)))
    info = review.create_self_subject_review({}).status.user_info
    assert info.username == "boss"
    assert set(info.groups) == {"team:a", "system:masters", "system:authenticated"}
    assert allowed(lambda: core(kubeconfig).list_secret_for_all_namespaces())


def test_a_user_is_who_it_was(api_server: ApiServer) -> None:
    assert api_server.user("same", groups=["one"]) == api_server.user("same", groups=["one"])
    assert allowed(lambda: core(api_server.user("admin")).list_secret_for_all_namespaces())
    with pytest.raises(LabError, match=r"user same: expected the groups \('one',\) of its certificate, found \(\)"):
        api_server.user("same")
    with pytest.raises(LabError, match=r"user 'a/b': expected letters"):
        api_server.user("a/b")


def test_the_token_of_a_service_account_is_its_identity(api_server: ApiServer) -> None:
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    api_server.api.request("POST", accounts, {"metadata": {"name": "robot"}})
    answer = api_server.api.request("POST", f"{accounts}/robot/token", {"spec": {"expirationSeconds": 600}})
    settings = client.Configuration()
    settings.host, settings.ssl_ca_cert = api_server.url, str(api_server.pki / "ca.crt")
    settings.api_key = {"authorization": f"Bearer {answer['status']['token']}"}
    review = client.AuthenticationV1Api(client.ApiClient(settings)).create_self_subject_review({})
    assert review.status.user_info.username == "system:serviceaccount:default:robot"


def test_a_custom_resource_is_held_to_its_schema(api_server: ApiServer) -> None:
    api_server.api.request("POST", CRDS, {"metadata": {"name": "widgets.example.org"}, "spec": WIDGETS})
    widgets = "/apis/example.org/v1/namespaces/default/widgets"
    until("the kind Widget", lambda: api_server.api.request("GET", widgets))
    body = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "a"}}
    api_server.api.request("POST", widgets, {**body, "spec": {"size": 3}})
    assert api_server.api.request("GET", f"{widgets}/a")["spec"] == {"size": 3}
    with pytest.raises(LabError, match=r"status 422: .*should be less than or equal to 3"):
        api_server.api.request("POST", widgets, {**body, "metadata": {"name": "b"}, "spec": {"size": 4}})


def test_the_audit_log_says_who_did_what(api_server: ApiServer) -> None:
    writer = core(api_server.user("writer"))
    grant(api_server, "writer", "configmaps")
    until("the role of writer", lambda: allowed(lambda: writer.list_namespaced_config_map("default")))
    mark = api_server.mark()
    for name in ("one", "two", "three"):
        writer.create_namespaced_config_map("default", {"metadata": {"name": f"audit-{name}"}})
    assert not allowed(lambda: writer.create_namespaced_secret("default", {"metadata": {"name": "no"}}))
    by_writer = api_server.audit(since=mark, user="writer")
    assert [(one.verb, one.resource, one.namespace, one.name, one.status) for one in by_writer] == [
        ("create", "configmaps", "default", "audit-one", 201),
        ("create", "configmaps", "default", "audit-two", 201),
        ("create", "configmaps", "default", "audit-three", 201),
        ("create", "secrets", "default", "", 403),
    ]
    assert all("OpenAPI-Generator" in one.agent for one in by_writer)
    assert [one.time for one in by_writer] == sorted(one.time for one in by_writer)
    assert len(api_server.audit(since=mark, resource="configmaps")) == 3
    assert len(api_server.audit(since=mark, user="writer", status=403)) == 1
    assert api_server.audit(since=api_server.mark(), user="writer") == []
    assert api_server.audit(user="nobody") == []


def test_the_audit_log_has_no_bodies(api_server: ApiServer) -> None:
    mark = api_server.mark()
    data = {"word": base64.b64encode(SECRET.encode()).decode()}
    api_server.api.request("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}, "data": data})
    (record,) = api_server.audit(since=mark, resource="secrets", verb="create")
    assert (record.user, record.name, record.status) == ("admin", "s", 201)
    text = api_server.audit_log.read_text()
    assert data["word"] not in text and SECRET not in text


def test_a_dry_run_is_no_write(api_server: ApiServer) -> None:
    mark = api_server.mark()
    api_server.api.request("POST", f"{CONFIGMAPS}?dryRun=All", {"metadata": {"name": "dry"}})
    assert api_server.audit(since=mark, writes=True) == []
    api_server.api.request("POST", CONFIGMAPS, {"metadata": {"name": "wet"}})
    assert [one.name for one in api_server.audit(since=mark, writes=True)] == ["wet"]


def test_two_servers_know_nothing_of_each_other(api_server: ApiServer, cluster_settings: Settings) -> None:
    with ApiServer(cluster_settings) as second:
        assert second.port != api_server.port
        second.api.request("POST", CONFIGMAPS, {"metadata": {"name": "theirs"}})
        assert api_server.api.request("GET", f"{CONFIGMAPS}/theirs") is None
        folder, pids = second.folder, second.pids
        assert len(pids) == 2 and folder.is_dir()
    eventually(lambda: all(state_of(pid) in ENDED for pid in pids))
    assert not folder.exists()
    assert api_server.api.request("GET", "/api/v1/namespaces/default")["metadata"]["name"] == "default"


def test_a_start_that_fails_shows_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = Settings(controllers=(), scheduler=False, api_flags=("--no-such-flag",))
    with pytest.raises(LabError, match=r"kube-apiserver: expected it to run, found exit status 1") as caught:
        ApiServer(settings).start()
    assert "unknown flag: --no-such-flag" in str(caught.value)
    (log,) = (Path(word.strip("()")) for word in str(caught.value).split() if "kube-apiserver.log" in word)
    assert log.is_file() and not (log.parent / "pki").exists()


def test_what_a_killed_test_run_left_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    used = Folder()
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    (left / LOCK).touch()
    mine = Folder()
    assert sorted(tmp_path.iterdir()) == sorted([used.path, mine.path])
    used.remove()
    mine.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ci", "end"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_where_nothing_can_be_built_one_line_says_so(
    ci: str, end: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.delenv(peers.WITHOUT, raising=False)
    monkeypatch.setattr(peers, "problem", lambda group: f"Go 1.26 or newer to build {group.name}")
    with pytest.raises(end, match=r"^needs Go 1\.26 or newer to build etcd$"):
        require()


KILLED = """
import sys, time
from pathlib import Path
from support.cluster.programs import Program
print(Program(["sleep", "600"], Path(sys.argv[1]), "sleep").pid, flush=True)
time.sleep(600)
"""


def test_programs_end_with_a_test_run_that_is_killed(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    argv = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        pid = json.loads(run.stdout.readline())
        # From then on it has asked the kernel for its end.
        eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
        run.send_signal(signal.SIGKILL)
    eventually(lambda: state_of(pid) in ENDED)
