# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Multus does for one attachment of one pod, in the standard library. Runs on the node, as root.

    python3 multus_standin.py ADD --namespace NS --pod POD --ifname net1 --resource PREFIX/POOL < network.json

The device id comes from the kubelet's pod-resources API, the sandbox from containerd; the CNI plugins in
/opt/cni/bin are called as libcni calls them, with the id injected as `deviceID` and `pciBusID`. ADD leaves a
file in /run, so that CHECK and DEL need no input and DEL works when the pod is gone. The plugin's answer goes
to stdout; a plugin's error goes there too, with exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KUBELET_SOCKET = "/var/lib/kubelet/pod-resources/kubelet.sock"
LIST_METHOD = "/v1.PodResourcesLister/List"
CNI_PATH = "/opt/cni/bin"
STATE = Path("/run/multus-standin")
TIMEOUT = 120.0  # seconds; emulated nodes are slow


class StandinError(Exception):
    """Said on stderr; the exit status is 2."""


# -- protobuf: https://protobuf.dev/programming-guides/encoding/


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise StandinError("pod-resources: a number runs past the end of its message")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, content) of the length-delimited fields of one message; others are skipped."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            _value, at = _varint(data, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise StandinError("pod-resources: a field runs past the end of its message")
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            raise StandinError(f"pod-resources: unknown wire type {kind}")


def device_ids(response: bytes, namespace: str, pod: str, resource: str) -> list[str]:
    """The ids that the kubelet gave to a pod, from a ListPodResourcesResponse (kubelet's podresources/v1)."""
    found: list[str] = []
    for _number, entry in ((n, c) for n, c in fields(response) if n == 1):
        content = list(fields(entry))
        names = {number: data.decode() for number, data in content if number in (1, 2)}
        if (names.get(2), names.get(1)) != (namespace, pod):
            continue
        for container in (data for number, data in content if number == 3):
            for devices in (data for number, data in fields(container) if number == 2):
                parts = list(fields(devices))
                if (1, resource.encode()) in parts:
                    found += [data.decode() for number, data in parts if number == 2]
    return found


# -- one unary gRPC call over HTTP/2 (RFC 9113), headers in HPACK literals (RFC 7541, 6.2.2)


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _request(method: str) -> bytes:
    headers = {
        ":method": "POST", ":scheme": "http", ":path": method, ":authority": "localhost",
        "content-type": "application/grpc", "te": "trailers",
    }  # fmt: skip
    block = b"".join(
        b"\0" + bytes([len(key)]) + key.encode() + bytes([len(value)]) + value.encode()
        for key, value in headers.items()
    )
    empty_message = bytes(5)
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + _frame(4, 0, 0)
        + _frame(1, 0x4, 1, block)
        + _frame(0, 0x1, 1, empty_message)
    )


def unary_call(path: str, method: str) -> bytes:
    """Call `method` with an empty message on a Unix socket; returns the response message."""
    message = b""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(TIMEOUT)
        sock.connect(path)
        sock.sendall(_request(method))
        with sock.makefile("rb") as stream:
            while True:
                head = stream.read(9)
                if len(head) < 9:
                    raise StandinError(f"{method}: the server ended the connection")
                kind, flags = head[3], head[4]
                payload = stream.read(int.from_bytes(head[:3], "big"))
                if kind == 0:
                    message += payload
                    if payload:  # give the window back, for the connection and for the stream
                        credit = struct.pack(">I", len(payload))
                        sock.sendall(_frame(8, 0, 0, credit) + _frame(8, 0, 1, credit))
                elif kind == 4 and not flags & 1:
                    sock.sendall(_frame(4, 1, 0))
                elif kind == 6 and not flags & 1:
                    sock.sendall(_frame(6, 1, 0, payload))
                elif kind in (3, 7):
                    raise StandinError(f"{method}: the server refused the call (frame type {kind})")
                if kind in (0, 1) and flags & 1:
                    break
    if len(message) < 5 or message[0] != 0 or len(message) - 5 != int.from_bytes(message[1:5], "big"):
        raise StandinError(f"{method}: no message in the answer: the call failed in the server")
    return message[5:]


# -- the pod's sandbox, from containerd


def _ctr(*words: str) -> str:
    argv = ["ctr", "-n", "k8s.io", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise StandinError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def sandbox(namespace: str, pod: str) -> tuple[str, str, str]:
    """(container id, path of the network namespace, pod UID) of the pod's running sandbox."""
    wanted = {
        "io.cri-containerd.kind": "sandbox",
        "io.kubernetes.pod.namespace": namespace,
        "io.kubernetes.pod.name": pod,
    }
    running = {
        line.split()[0] for line in _ctr("tasks", "ls").splitlines() if line.split()[-1:] == ["RUNNING"]
    }
    query = ",".join(f'labels."{key}"=={value}' for key, value in wanted.items())
    found = [name for name in _ctr("containers", "ls", "-q", query).split() if name in running]
    if len(found) != 1:
        raise StandinError(f"pod {namespace}/{pod}: expected one running sandbox, found {len(found)}")
    info = json.loads(_ctr("containers", "info", found[0]))
    for entry in info["Spec"]["linux"]["namespaces"]:
        if entry["type"] == "network" and entry.get("path"):
            return found[0], str(entry["path"]), str(info["Labels"]["io.kubernetes.pod.uid"])
    raise StandinError(f"pod {namespace}/{pod}: its sandbox has no network namespace of its own")


# -- CNI, as libcni runs a network (CNI specification, section 3)


def plugin_configs(network: dict[str, Any], device: str) -> list[dict[str, Any]]:
    """The configuration of each plugin of a network, the device id injected."""
    shared: dict[str, Any] = {key: network[key] for key in ("cniVersion", "name") if key in network}
    injected = {"deviceID": device, "pciBusID": device} if device else {}
    return [{**plugin, **shared, **injected} for plugin in network.get("plugins", [network])]


def call_plugin(command: str, config: dict[str, Any], environment: dict[str, str]) -> dict[str, Any] | None:
    """Run one plugin. Its error is printed as it is, and ends this program."""
    program = os.path.join(CNI_PATH, os.path.basename(config["type"]))
    done = subprocess.run(
        [program], input=json.dumps(config), capture_output=True, text=True, timeout=TIMEOUT, check=False,
        env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin"), **environment, "CNI_COMMAND": command},
    )  # fmt: skip
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        print(done.stdout)
        raise SystemExit(1)
    result: dict[str, Any] | None = json.loads(done.stdout) if done.stdout.strip() else None
    return result


def run_network(command: str, saved: dict[str, Any]) -> dict[str, Any] | None:
    """ADD, CHECK or DEL over all plugins of the saved attachment (DEL in reverse order)."""
    environment = {
        "CNI_CONTAINERID": saved["container"],
        "CNI_NETNS": saved["netns"] if os.path.exists(saved["netns"]) else "",
        "CNI_IFNAME": saved["ifname"],
        "CNI_PATH": CNI_PATH,
        "CNI_ARGS": saved["args"],
    }
    result: dict[str, Any] | None = saved.get("result")
    configs = plugin_configs(saved["network"], saved["device"])
    for config in reversed(configs) if command == "DEL" else configs:
        wanted = {
            key: value for key, value in saved["runtime"].items() if config.get("capabilities", {}).get(key)
        }
        if wanted:
            config["runtimeConfig"] = wanted
        if result is not None:
            config["prevResult"] = result
        answer = call_plugin(command, config, environment)
        if command == "ADD":
            result = answer
    return result if command == "ADD" else None


def _prepare(args: argparse.Namespace) -> dict[str, Any]:
    """What an ADD needs, from stdin, the kubelet and containerd."""
    network = json.load(sys.stdin)
    device = args.device or ""
    if args.resource and not device:
        found = device_ids(unary_call(KUBELET_SOCKET, LIST_METHOD), args.namespace, args.pod, args.resource)
        if len(found) <= args.index:
            raise StandinError(
                f"pod {args.namespace}/{args.pod} has {len(found)} device(s) of {args.resource}, "
                f"expected more than {args.index}"
            )
        device = sorted(found)[args.index]
    container, netns, uid = sandbox(args.namespace, args.pod)
    words = {
        "IgnoreUnknown": "true", "K8S_POD_NAMESPACE": args.namespace, "K8S_POD_NAME": args.pod,
        "K8S_POD_INFRA_CONTAINER_ID": container, "K8S_POD_UID": uid,
    }  # fmt: skip
    return {
        "network": network, "device": device, "container": container, "netns": netns, "ifname": args.ifname,
        "args": ";".join(f"{key}={value}" for key, value in words.items()),
        "runtime": json.loads(args.runtime_config),
    }  # fmt: skip


def main() -> int:
    """Run one command; see the top of this file."""
    parser = argparse.ArgumentParser(description="Attach a network to a pod as Multus does.")
    parser.add_argument("command", choices=("ADD", "CHECK", "DEL"))
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--pod", required=True)
    parser.add_argument("--ifname", default="net1")
    parser.add_argument("--resource", help="whose device to take, as PREFIX/POOL")
    parser.add_argument(
        "--index", type=int, default=0, help="which of the pod's devices, in order of address"
    )
    parser.add_argument("--device", help="use this device id instead of asking the kubelet")
    parser.add_argument(
        "--runtime-config", default="{}", help="JSON; a plugin gets the keys of its capabilities"
    )
    args = parser.parse_args()
    state = STATE / f"{args.namespace}_{args.pod}_{args.ifname}.json"
    try:
        if args.command == "ADD":
            STATE.mkdir(mode=0o700, exist_ok=True)
            saved = _prepare(args)
            state.write_text(json.dumps(saved))
            saved["result"] = run_network("ADD", saved)
            state.write_text(json.dumps(saved))
            print(json.dumps(saved["result"], indent=1))
        else:
            run_network(args.command, json.loads(state.read_text()))
            if args.command == "DEL":
                state.unlink()
    except (StandinError, OSError, ValueError, KeyError) as exc:
        print(f"multus stand-in: {exc!r}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
