# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gRPC server and socket per pool: the device plugin API, and what the kubelet's plugin watcher asks."""

from __future__ import annotations

import errno
import logging
import queue
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, NoReturn, TypeVar

import grpc

from ..api import deviceplugin_pb2 as api
from ..api import pluginregistration_pb2 as watcher_api
from ..errors import DeviceChangedError, DevicePluginError, UnknownDeviceError, WithdrawnError
from ..host.device_nodes import Nodes
from ..host.discovery import Device, Scanner
from ..pool import allocation, cdi, device_info, preference
from ..pool.allocation import Grant
from ..pool.config import PoolConfig
from ..pool.pools import Member, Pool, match
from ..pool.withdrawn import Withdrawn
from .renamed_allocations import RenamedAllocations

API_VERSION = "v1beta1"
HEALTHY, UNHEALTHY = "Healthy", "Unhealthy"
BURST = 0.1  # seconds between two lists that a kubelet is sent, at least
PART = 128  # devices
MAX_STREAMS = 3  # a kubelet holds one; while it restarts, the old one may not have ended yet
WORKERS = MAX_STREAMS + 5
NAMED_IDS = 5  # of many unknown ids, how many an error names
OPTIONS = api.DevicePluginOptions(get_preferred_allocation_available=True)  # the optional calls that we answer

log = logging.getLogger(__name__)

T = TypeVar("T")


class PoolService:
    """Answers the kubelet for one pool; called on gRPC's threads."""

    def __init__(
        self, pool: Pool, scanner: Scanner, devinfo_dir: str, cdi_dir: str, renamed: RenamedAllocations,
        withdrawn: Withdrawn | None = None,
    ) -> None:  # fmt: skip
        self.pool = pool
        self.scanner = scanner
        self.renamed = renamed
        self.withdrawn = withdrawn
        self.devinfo_dir = devinfo_dir
        self.cdi_dir = cdi_dir  # "": device nodes are named in the answer to Allocate
        self.endpoint = ""  # absolute path of the socket
        self.registered = threading.Event()  # the plugin watcher took us
        self.refused = threading.Event()  # the plugin watcher refused us
        self.listens = 0  # how many ListAndWatch calls there were
        self.lost = threading.Event()  # a kubelet listened to us, and does no longer
        self._message_lock = threading.Lock()
        self._told = 0  # the version of the pool that the message tells
        self._message = b""

    @property
    def is_listened_to(self) -> bool:
        """True while a kubelet's ListAndWatch is open."""
        return self.pool.has_streams

    def options(self, request: Any, context: Any) -> api.DevicePluginOptions:
        """GetDevicePluginOptions."""
        return OPTIONS

    def list_and_watch(self, request: Any, context: Any) -> Iterator[bytes]:
        """ListAndWatch: the whole list now and after each change, until the kubelet or the server ends it."""
        stream = self.pool.subscribe(MAX_STREAMS)
        try:
            more = context.add_callback(lambda: stream.put(False))  # False: already over
            if more:
                self.listens += 1
                self.lost.clear()
            while more:
                yield self._listing()
                more = _wait(stream, time.monotonic() + BURST)
        finally:
            if not self.pool.unsubscribe(stream):
                self.lost.set()

    def _listing(self) -> bytes:
        """The message; the same bytes for all streams until something changes."""
        with self._message_lock:
            version = self.pool.version  # first: what changes meanwhile is told again
            if self._told != version:
                listing = self.pool.listing()
                # One behind the other they are one message, and parts need less memory than the whole.
                parts = [_part(listing[at : at + PART]) for at in range(0, len(listing), PART)]
                self._told, self._message = version, b"".join(parts)
            return self._message

    def preferred(self, request: Any, context: Any) -> api.PreferredAllocationResponse:
        """GetPreferredAllocation."""
        devices = {device_id: member.device for device_id, member in self.pool.members.items()}
        answer = api.PreferredAllocationResponse()
        for wish in request.container_requests:
            ids = preference.choose(
                self.pool.config.preference,
                devices,
                wish.available_deviceIDs,
                wish.must_include_deviceIDs,
                wish.allocation_size,
            )
            answer.container_responses.add(deviceIDs=ids)
        return answer

    def allocate(self, request: Any, context: Any) -> api.AllocateResponse:
        """Allocate: all containers of the request, or an error and nothing."""
        config = self.pool.config
        try:
            wanted = [self._members(list(c.devices_ids)) for c in request.container_requests]
            grants = self._grants(config, wanted)
            for members in wanted:
                self.save_device_info(members)
            self.save_cdi({member.device.id: member for members in wanted for member in members})
        except UnknownDeviceError as error:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, error)
        except DevicePluginError as error:
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, error)
        except OSError as error:
            _abort(context, grpc.StatusCode.INTERNAL, f"device-info or CDI files can't be written: {error}")
        answer = api.AllocateResponse()
        for members, granted in zip(wanted, grants):
            response = answer.container_responses.add(envs=granted.envs)
            if self.cdi_dir:
                self._name_devices(response, granted.with_nodes)
            else:
                for node in granted.nodes:
                    response.devices.add(host_path=node.host_path, container_path=node.container_path, permissions="rw")
            log.info("%s: allocated %s", config.resource_name, ", ".join(m.device.id for m in members) or "nothing")
        return answer

    def _grants(self, config: PoolConfig, wanted: Sequence[Sequence[Member]]) -> list[Grant]:
        """What each container gets; by the nodes as they were seen last, where the host does not answer.

        Raises DevicePluginError where a node is missing.
        """

        def look(seen: Nodes) -> list[Grant]:
            return [allocation.grant(config, members, nodes=seen) for members in wanted]

        fresh = self._beside("the device nodes of", lambda: look(Nodes(self.scanner.root)))
        return look(self.scanner.nodes.as_seen()) if fresh is None else fresh

    def _beside(self, what: str, read: Callable[[], T]) -> T | None:
        """What a look at the host brings that is about this pool; None where the host does not answer."""
        name = self.pool.config.resource_name
        return self.scanner.beside.ask_each(what, (name,), lambda pool: read(), remember=False).get(name)

    def save_device_info(self, members: Iterable[Member]) -> None:
        """Write the device-info files of these members, where the type has them. Raises OSError."""
        config = self.pool.config
        for member in members if config.device_type.device_info else ():
            device_info.write(self.devinfo_dir, config.resource_name, member.device, member.selector.flags)

    def save_cdi(self, fresh: Mapping[str, Member]) -> None:
        """Write the CDI spec file, where CDI is on; `fresh` members are newer than the pool's. Raises OSError."""
        if self.cdi_dir:
            members = {**self.pool.members, **fresh}.values()
            config, root = self.pool.config, self.scanner.root
            done = self._beside("the CDI file of", lambda: cdi.write(self.cdi_dir, config, members, root, self._held))
            if done is None:
                raise OSError(errno.EAGAIN, "the host does not tell which device nodes there are")

    def _held(self) -> Collection[str] | None:
        """The devices that pods hold under this name; None where nobody knows all of them."""
        found = self.renamed.under([self.pool.config.resource_name]).get(self.pool.config.resource_name, {})
        return None if "" in found else found

    def _name_devices(self, response: api.ContainerAllocateResponse, ids: Sequence[str]) -> None:
        """By both ways: a runtime that gets a name twice uses it once."""
        config = self.pool.config
        if not ids:
            return
        key, value = cdi.annotation(cdi.kind(config), ids)
        response.annotations[key] = value
        for name in cdi.names(cdi.kind(config), ids):
            response.cdi_devices.add(name=name)

    def _members(self, ids: list[str]) -> list[Member]:
        """The devices as they are now: a driver or an IOMMU group may have changed since the last pass."""
        name = self.pool.config.resource_name
        known, withdrawn = self.pool.members, self.pool.withdrawn
        unknown = [device_id for device_id in ids if device_id not in known]
        for device_id in unknown:
            if device_id in withdrawn:
                raise WithdrawnError(f"pool {name}: {device_id} is not given: {withdrawn[device_id]}")
        if unknown:
            named = ", ".join(repr(text[:64]) for text in unknown[:NAMED_IDS])
            more = f" and {len(unknown) - NAMED_IDS} more" if len(unknown) > NAMED_IDS else ""
            raise UnknownDeviceError(f"pool {name} has no device {named}{more}; it has {len(known)} devices")
        # First noted, then looked again: one that moves to another pool meanwhile is either refused here or held there.
        self.renamed.allocated(name, ids)
        moved = [device_id for device_id in ids if device_id not in self.pool.members]
        if moved:
            raise DeviceChangedError(f"pool {name}: {moved[0]} was just taken out of the pool")
        members = [known[device_id] for device_id in ids]
        withdrawn = self.withdrawn.reasons(name, [m.device for m in members]) if self.withdrawn else {}
        for device_id, reason in withdrawn.items():
            raise WithdrawnError(f"pool {name}: {device_id} is not given: {reason}")
        fresh = self.scanner.refresh_each(member.device for member in members)
        return [self._checked(member, fresh) for member in members]

    def _checked(self, member: Member, fresh: Mapping[str, Device | None]) -> Member:
        """The member as it is now. Raises DeviceChangedError where it is no longer what the pool offers."""
        name, device_id = self.pool.config.resource_name, member.device.id
        if device_id not in fresh:
            log.warning("%s: %s is given as it was seen last: the host does not answer", name, device_id)
            return member
        device = fresh[device_id]
        if device is None:
            raise DeviceChangedError(f"pool {name}: {device_id} is gone from the PCI bus")
        if device.group_mates != member.device.group_mates:
            raise DeviceChangedError(f"pool {name}: other functions share IOMMU group {device.iommu_group} now")
        selector, reason = match(self.pool.config, device)
        if selector is None:
            raise DeviceChangedError(f"pool {name}: {device_id} no longer fits the pool: {reason}")
        return Member(device, selector)

    def pre_start(self, request: Any, context: Any) -> api.PreStartContainerResponse:
        """PreStartContainer: not asked for, and nothing to do."""
        return api.PreStartContainerResponse()

    def info(self, request: Any, context: Any) -> watcher_api.PluginInfo:
        """GetInfo, of the plugin watcher."""
        return watcher_api.PluginInfo(
            type="DevicePlugin",
            name=self.pool.config.resource_name,
            endpoint=self.endpoint,
            supported_versions=[API_VERSION],
        )

    def status(self, request: Any, context: Any) -> watcher_api.RegistrationStatusResponse:
        """NotifyRegistrationStatus, of the plugin watcher."""
        if request.plugin_registered:
            log.info("%s: registered with the kubelet", self.pool.config.resource_name)
            self.refused.clear()
            self.registered.set()
        else:
            log.error("%s: the kubelet refused it: %s", self.pool.config.resource_name, request.error[:500])
            self.registered.clear()
            self.refused.set()
        return watcher_api.RegistrationStatusResponse()


def _part(listing: Sequence[tuple[str, int, bool]]) -> bytes:
    """A message about these devices."""
    answer = api.ListAndWatchResponse()
    for device_id, node, healthy in listing:
        device = answer.devices.add(ID=device_id, health=HEALTHY if healthy else UNHEALTHY)
        if node >= 0:
            device.topology.nodes.add(ID=node)
    data: bytes = answer.SerializeToString()
    return data


def _wait(stream: queue.SimpleQueue[bool], not_before: float) -> bool:
    """The next signal; several changes until `not_before` are one. The end waits for nobody."""
    more = stream.get()
    while more:
        left = not_before - time.monotonic()
        try:
            more = stream.get(timeout=left) if left > 0 else stream.get_nowait()
        except queue.Empty:
            return True
    return False


def _abort(context: Any, code: grpc.StatusCode, problem: object) -> NoReturn:
    log.error("Allocate refused: %s", problem)
    context.abort(code, str(problem))
    raise AssertionError("abort() always raises")


class PoolServer:
    """The gRPC server of one pool on one socket."""

    def __init__(self, service: PoolService) -> None:
        self.service = service
        self._server: grpc.Server | None = None

    def start(self, path: str) -> None:
        """Listen on the Unix socket `path`. Raises OSError.

        The library takes the place of a stale socket, and leaves what is not a socket.
        """
        self.stop(0)  # one whose socket was wiped before it could be seen
        self.service.endpoint = path
        self.service.registered.clear()
        self.service.refused.clear()
        self.service.lost.clear()
        server = grpc.server(ThreadPoolExecutor(WORKERS, self.service.pool.config.name))
        server.add_generic_rpc_handlers(_handlers(self.service))
        try:
            bound = server.add_insecure_port(f"unix:{path}")
        except RuntimeError as error:  # newer grpcio raises, older answers 0
            raise OSError(f"can't listen on {path}: {error}") from None
        if not bound:
            raise OSError(f"can't listen on {path}; is its folder there and writable?")
        server.start()
        self._server = server

    def stop(self, grace: float = 1.0) -> None:
        """End the streams and let running calls finish within `grace` seconds.

        The library removes the socket by its path; we wait for that, lest it takes away a later one.
        """
        ended = self.begin_stop(grace)
        if ended is not None:
            ended.wait(grace + 2)

    def begin_stop(self, grace: float) -> threading.Event | None:
        """The same without waiting: what is set once it has ended; None where it did not run."""
        if self._server is None:
            return None
        self.service.pool.tell(False)
        ended: threading.Event = self._server.stop(grace)
        self._server = None
        return ended


def _handlers(service: PoolService) -> tuple[grpc.GenericRpcHandler, ...]:
    def unary(method: Any, request: Any) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_unary_rpc_method_handler(
            method, request_deserializer=request.FromString, response_serializer=_serialize
        )

    plugin = {
        "GetDevicePluginOptions": unary(service.options, api.Empty),
        "ListAndWatch": grpc.unary_stream_rpc_method_handler(
            service.list_and_watch,
            request_deserializer=api.Empty.FromString,
            response_serializer=None,  # they are bytes already
        ),
        "GetPreferredAllocation": unary(service.preferred, api.PreferredAllocationRequest),
        "Allocate": unary(service.allocate, api.AllocateRequest),
        "PreStartContainer": unary(service.pre_start, api.PreStartContainerRequest),
    }
    watcher = {
        "GetInfo": unary(service.info, watcher_api.InfoRequest),
        "NotifyRegistrationStatus": unary(service.status, watcher_api.RegistrationStatus),
    }
    return (
        grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", plugin),
        grpc.method_handlers_generic_handler("pluginregistration.Registration", watcher),
    )


def _serialize(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
