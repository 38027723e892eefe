# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelet's word on who holds a VF: our own gRPC call against a real server, and against what is none."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.baremetal.sriov.plugins.module_utils.host.host import Host
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import HostError, RefusedError
from ansible_collections.baremetal.sriov.plugins.module_utils.usage import grpc_call, pod_resources
from sriov_device_plugin.api import podresources_pb2 as api
from support.fake_kubelet import GROUPS, NOTE, UID, allocate, pod_lister, response, stranger
from support.node_runs import KERNEL, PF1, absent, make_host, present

FOLDER = "/var/lib/kubelet"
TWO = [{**KERNEL, "num_vfs": 2}]
OTHER = "/srv/kubelet"


def settings(*frames: bytes) -> bytes:
    """What a server begins with, and more frames."""
    return b"\0\0\0\4\0\0\0\0\0" + b"".join(frames)


def frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def message(text: bytes, compressed: bool = False) -> bytes:
    return bytes((compressed,)) + len(text).to_bytes(4, "big") + text


def test_the_kubelet_names_the_pod(tmp_path: Path) -> None:
    """With nothing else on the node that does."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    said = response(("default", "web-0", "app", [host.vf_address(PF1, 1)]), ("kube-system", "dns", "dns", []))
    with pod_lister(tmp_path / FOLDER[1:], lambda request, context: said):
        with pytest.raises(RefusedError, match=r"VF 1 \(0000:01:10\.2\) by pod default/web-0, container app\."):
            present(host, TWO)
        assert host.numvfs(PF1) == 4
    present(host, TWO)
    assert host.numvfs(PF1) == 2, "no kubelet, no checkpoint: nobody has one"


def test_a_run_that_changes_nothing_does_not_ask(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    present(host, [KERNEL])
    asked: list[Any] = []
    with pod_lister(tmp_path / FOLDER[1:], lambda request, context: asked.append(request) or response()):
        present(host, [KERNEL])
        assert not asked
        present(host, TWO)
        assert asked


def test_a_kubelet_that_has_just_started_does_not_know_all(tmp_path: Path) -> None:
    """Its checkpoint does; what the kubelet tells of is not told twice."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    vfs = [host.vf_address(PF1, index) for index in (0, 1)]
    allocate(host, *vfs)
    (tmp_path / "sys/fs/cgroup" / GROUPS[0]).mkdir(parents=True)
    with pod_lister(tmp_path / FOLDER[1:], lambda request, context: response(("a", "b", "c", vfs[:1]))):
        (held,) = present(host, TWO, check=True).plan.held
    assert f"VF 0 ({vfs[0]}) by pod a/b, container c; VF 1 ({vfs[1]}) by pod with the UID {UID}, con" in str(held)


@pytest.mark.parametrize(("logs", "runs", "held"), [(True, False, False), (True, True, True), (False, False, True)])
def test_a_pod_that_has_ended_and_is_still_told_of(tmp_path: Path, logs: bool, runs: bool, held: bool) -> None:
    """Older kubelets tell of completed pods. One that is about to start has no logs and no control group either."""
    host = make_host(tmp_path)
    present(host, [KERNEL])
    vf = host.vf_address(PF1, 1)
    allocate(host, vf)
    if logs:
        (tmp_path / f"var/log/pods/default_web-0_{UID}").mkdir(parents=True)
    if runs:
        (tmp_path / "sys/fs/cgroup" / GROUPS[0]).mkdir(parents=True)
    with pod_lister(tmp_path / FOLDER[1:], lambda request, context: response(("default", "web-0", "app", [vf]))):
        assert bool(present(host, TWO, check=True).plan.held) is held


def test_a_checkpoint_that_can_not_be_read_does_not_matter_then(tmp_path: Path) -> None:
    """Unless the kubelet knows of no pod: it may have started a moment ago."""
    host = make_host(tmp_path)
    host.put(NOTE, "damaged")
    said = response()
    with pod_lister(tmp_path / FOLDER[1:], lambda request, context: said):
        with pytest.raises(HostError, match="kubelet's note"):
            present(host, [KERNEL])
        said.MergeFrom(response(("kube-system", "dns", "dns", [])))
        present(host, [KERNEL])
    assert host.numvfs(PF1) == 4


def test_another_folder_of_the_kubelet(tmp_path: Path) -> None:
    """As the role tells it, and as the node remembers it for those that are told nothing."""
    host = make_host(tmp_path)
    present(host, [KERNEL], kubelet_root_dir=OTHER)
    said = response(("default", "web-0", "app", [host.vf_address(PF1, 1)]))
    with pod_lister(tmp_path / OTHER[1:], lambda request, context: said):
        assert present(host, TWO, check=True, kubelet_root_dir=OTHER).plan.held
        assert absent(host, check=True).plan.held
    host.put("etc/baremetal-sriov/node.json", json.dumps({"kubelet_root_dir": ["/"]}))
    assert present(host, TWO, check=True).plan.steps


def test_an_answer_of_many_frames(tmp_path: Path) -> None:
    """Far more than the window that HTTP/2 begins with: 6,000 pods, 1.6 MB."""
    many = [(f"namespace-{n}", f"pod-{n}", "x" * 200, [f"0000:{n >> 8:02x}:{n & 255:02x}.0"]) for n in range(6000)]
    with pod_lister(tmp_path / FOLDER[1:], lambda request, context: response(*many)):
        found = pod_resources.containers(Host(str(tmp_path)), FOLDER)
    assert found == [pod_resources.Container(*pod[:3], tuple(pod[3])) for pod in many]


def test_one_answer_after_the_other_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    host = Host(str(tmp_path))
    with pod_lister(tmp_path / FOLDER[1:], lambda request, context: response(("a", "b", "c", ["d"]))):
        for _number in range(20):
            assert len(pod_resources.containers(host, FOLDER) or []) == 1
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def refuses(request: Any, context: grpc.ServicerContext) -> api.ListPodResourcesResponse:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, "not here")
    raise AssertionError


OVER = threading.Event()  # the client has given up


def sleeps(request: Any, context: grpc.ServicerContext) -> api.ListPodResourcesResponse:
    OVER.wait(60.0)
    return response()


@pytest.mark.parametrize(
    ("answer", "method", "seconds", "words"),
    [
        (refuses, "List", 30.0, "0 bytes that are no message"),
        (sleeps, "List", 0.5, "nothing more in time"),
        (refuses, "GetAllocatableResources", 30.0, "0 bytes that are no message"),
        # A busy machine takes its time to send so much.
        (lambda request, context: response(("a", "b", "c" * (17 << 20), [])), "List", 30.0, "more than 16777216 bytes"),
    ],
)
def test_a_server_that_does_not_answer(
    tmp_path: Path, answer: Any, method: str, seconds: float, words: str
) -> None:
    """In words, within the time."""
    OVER.clear()
    with pod_lister(tmp_path / FOLDER[1:], answer, method):
        with pytest.raises(HostError, match=words):
            grpc_call.call(Host(str(tmp_path)), f"{FOLDER}/{pod_resources.SOCKET}", pod_resources.METHOD, seconds)
        OVER.set()


PING = frame(6, 0, b"12345678", 0)
ANSWER = api.ListPodResourcesResponse.SerializeToString(response(("a", "b", "c", ["d"])))


@pytest.mark.parametrize(
    "said",
    [
        settings(frame(1, 4, b""), frame(0, 1, message(ANSWER))),
        settings(PING, frame(0, 0, message(ANSWER)[:7]), PING, frame(0, 1, message(ANSWER)[7:])),
        settings(frame(0, 9, b"\3" + message(ANSWER) + b"\0\0\0")),
        settings(frame(7, 0, b"\0\0\0\1\0\0\0\0", 0), frame(0, 0, message(ANSWER)), frame(1, 5, b"")),
        settings(frame(0, 1, b"of another stream", 3), frame(0, 1, message(ANSWER))),
    ],
    ids=["plain", "pieces and pings", "padded", "goaway that lets us end", "another stream"],
)
def test_what_a_server_may_do(tmp_path: Path, said: bytes) -> None:
    with stranger(tmp_path / FOLDER[1:], said, stays=True):
        found = pod_resources.containers(Host(str(tmp_path)), FOLDER)
    assert found == [pod_resources.Container("a", "b", "c", ("d",))]


@pytest.mark.parametrize(
    ("said", "stays", "words"),
    [
        (b"", False, "the end of the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False, "so no HTTP/2"),
        (settings(), True, "nothing more in time"),
        # Whether our answer to the settings comes before the end, or after it, is the scheduler's choice.
        (settings(), False, "the end of the connection|Broken pipe|Connection reset by peer"),
        (settings(frame(7, 0, bytes(8), 0)), True, "GOAWAY"),
        (settings(frame(3, 0, b"\0\0\0\7")), True, "gives up the call .error 7"),
        (settings(frame(3, 0, b"")), True, "gives up the call"),
        (settings(frame(1, 5, b"")), True, "0 bytes that are no message"),
        (settings(frame(0, 1, message(ANSWER, compressed=True))), True, "no message"),
        (settings(frame(0, 1, message(ANSWER)[:-1])), True, "no message"),
        (settings(frame(0, 1, message(ANSWER) + b"x")), True, "no message"),
        (settings(frame(0, 9, b"\x50" + message(b""))), True, "more padding"),
        (settings(frame(0, 9, b"")), True, "more padding"),
        (settings(b"\xff\xff\xff\0\0\0\0\0\1"), True, "so no HTTP/2"),
    ],
)
def test_what_is_no_answer(tmp_path: Path, said: bytes, stays: bool, words: str) -> None:
    """Each in words; the caller then reads the checkpoint."""
    host, path = Host(str(tmp_path)), f"{FOLDER}/{pod_resources.SOCKET}"
    with stranger(tmp_path / FOLDER[1:], said, stays), pytest.raises(HostError, match=words):
        grpc_call.call(host, path, pod_resources.METHOD, 0.5)
    assert pod_resources.containers(host, FOLDER) is None, "nobody listens any more"


def test_frames_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_call, "FRAMES_LIMIT", 10)
    said = settings(*[frame(9, 0, b"")] * 20)
    with stranger(tmp_path / FOLDER[1:], said, True), pytest.raises(HostError, match="more than 10 frames"):
        grpc_call.call(Host(str(tmp_path)), f"{FOLDER}/{pod_resources.SOCKET}", pod_resources.METHOD, 5.0)


NAMES = st.text(max_size=20)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES, st.lists(NAMES, max_size=3)), max_size=5))
def test_any_answer_is_read_as_protobuf_reads_it(pods: list[tuple[str, str, str, list[str]]]) -> None:
    found = pod_resources.decode(response(*pods).SerializeToString(), "x")
    assert found == [pod_resources.Container(*pod[:3], tuple(pod[3])) for pod in pods]


@given(st.binary(max_size=200))
def test_any_bytes_end_in_words(data: bytes) -> None:
    """Fields that are not known are passed over; what is no message is said."""
    try:
        pod_resources.decode(data, "x")
    except HostError as error:
        assert "a ListPodResourcesResponse" in str(error)
