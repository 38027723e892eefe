# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ADD, DEL and CHECK: the order in which things are done, and undone (CNI specification 1.1.0, section 2)."""

from __future__ import annotations

from .addresses import ZERO_MAC, parse_cidr
from .config import ipam_type, parse
from .errors import CONFIG, DIFFERS, ENVIRONMENT, NETNS, TRY_AGAIN, CniError
from .ipam import Ipam
from .journal import Record, Store
from .netns import Netns, open_netns, own_netns
from .pf import FIELDS_OF
from .pod import Pod
from .result import Result, kernel_routes, parse_result, to_version
from .rtnl import IFF_UP, Link
from .vf import Vf, bring_back, find, move_to_pod, port_of, remember, set_mac, set_on_host, set_on_pf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .config import Config
    from .host import Host


class Request:
    """One call: the environment's variables, judged by main, and the configuration."""

    def __init__(self, environment: dict[str, str], raw: bytes, conf: dict[str, Any]) -> None:
        self.environment = environment
        self.raw = raw
        self.conf = conf
        self.container = environment.get("CNI_CONTAINERID", "")
        self.netns = environment.get("CNI_NETNS", "")
        self.ifname = environment.get("CNI_IFNAME", "")
        self.args = environment.get("CNI_ARGS", "")
        self.version: str = conf.get("cniVersion") or "0.1.0"

    def ipam(self, host: Host) -> Ipam | None:
        """The delegated IPAM plugin, None where the configuration names none."""
        kind = ipam_type(self.conf)
        return Ipam(host, kind, self.environment, self.raw, self.version) if kind else None


def add(host: Host, request: Request) -> dict[str, Any]:
    """Give the VF to the pod. Raises CniError, with all undone, or left to the journal where that failed."""
    config = parse(request.conf, request.args)
    vf = find(host, config.device)
    host.log.fields["vf"] = vf.address
    store = Store(host)
    store.prepare()
    pod = Pod(host, _pod_netns(request))
    with store.lock(vf.address, "VF"):
        _clear_way(host, store, vf, request)
        if vf.kernel and pod.link(request.ifname) is not None:
            raise CniError(
                ENVIRONMENT, f"CNI_IFNAME: the namespace {request.netns} has an interface {request.ifname} already"
            )
        attachment = _Attachment(host, store, request, config, vf, pod)
        store.begin(attachment.record)
        try:
            answer = to_version(attachment.make(), request.version)
            host.step("commit")
            store.commit(attachment.record)
        except BaseException as error:
            attachment.undo(error)
            raise
    host.log.info(f"VF {vf.index} of PF {attachment.port.name} is {request.ifname} of the pod now")
    return answer


def _pod_netns(request: Request) -> Netns:
    netns = open_netns(request.netns)
    if netns is None:
        raise CniError(ENVIRONMENT, f"CNI_NETNS: expected a network namespace at {request.netns}, found none")
    override = request.environment.get("CNI_NETNS_OVERRIDE", "")
    if netns.identity == own_netns().identity and override.lower() not in ("1", "true"):
        raise CniError(
            NETNS, f"CNI_NETNS: {request.netns} is the namespace that this plugin runs in, not a pod's"
        )
    return netns


def _alive(host: Host, record: Record) -> Netns | None:
    """The namespace that the record's VF went to; None where it has ended (its path may name another by
    now).
    """
    if record.boot != host.boot_id():
        return None
    netns = open_netns(record.netns)
    return netns if netns is not None and netns.identity == record.netns_id else None


def _clear_way(host: Host, store: Store, vf: Vf, request: Request) -> None:
    """See that nobody has the VF; repair what a dead owner, or an ADD that died, left. Raises CniError
    (11).
    """
    mine = store.of_owner(request.container, request.ifname)
    if mine is not None and mine.address != vf.address:
        raise CniError(
            TRY_AGAIN, f"{mine.owner} has VF {mine.address} by an earlier ADD; expected its DEL first"
        )
    record = store.of_vf(vf.address)
    if record is None:
        return
    netns = _alive(host, record)
    # This call has the VF's lock: the process of an ADD that is not complete is dead.
    if netns is not None and record.complete:
        raise CniError(
            TRY_AGAIN,
            f"VF {vf.address} is in use by {record.owner} (network {record.network}), whose namespace "
            f"{record.netns} "
            "is alive; expected the runtime to call DEL for it first",
        )
    host.log.warning(f"VF {vf.address} was left by {record.owner}: it is brought back first")
    _give_back(host, store, record, netns)


def _give_back(host: Host, store: Store, record: Record, netns: Netns | None) -> None:
    """Bring the VF back and forget the record; one of an earlier boot describes a VF that is no more."""
    if record.boot == host.boot_id():
        bring_back(host, store, record, Pod(host, netns) if netns is not None else None)
    store.remove(record)


class _Attachment:
    """One VF on its way into a pod. Making one changes nothing; it reads what the journal needs."""

    def __init__(self, host: Host, store: Store, request: Request, config: Config, vf: Vf, pod: Pod) -> None:
        self._host, self._store, self._request, self._config = host, store, request, config
        self._vf, self._pod = vf, pod
        self._ipam = request.ipam(host)
        self.port = port_of(host, vf.address, vf.pf)
        self.record = Record()
        self.record.container, self.record.ifname = request.container, request.ifname
        self.record.network = request.conf["name"]
        self.record.netns, self.record.netns_id = request.netns, pod.netns.identity
        self.record.boot = host.boot_id()
        self._link = remember(host, vf, config, self.port, self.record)

    def make(self) -> Result:
        """All changes of ADD, after the journal has them."""
        host, config, pod = self._host, self._config, self._pod
        if self._link is not None:
            set_on_host(host, self._link, self._vf.driver, config)
        set_on_pf(host, self._store, self._vf, self.port, config)
        link: Link | None = None
        if self._link is not None:
            link = move_to_pod(host, self._link, self.record.ifname, pod)
            pod.prepare(self.record.ifname)
            if config.mac:
                set_mac(host, pod.socket, link, config.mac)
            host.step("up")
            pod.up(link)
        result = Result()
        if self._ipam is not None:
            host.step("ipam")
            result = self._ipam.add()
            host.step("configure")
            if link is not None:
                pod.configure(link, result)
        mac = config.mac or (link.mac if link is not None else self.record.original.mac)
        result.interface = {
            "name": self.record.ifname,
            "mac": "" if mac == ZERO_MAC else mac,
            "mtu": link.mtu if link is not None else self.port.mtu,
            "sandbox": self.record.netns,
            "pciID": self._vf.address,
        }
        result.dns = result.dns or config.dns
        return result

    def undo(self, error: BaseException) -> None:
        """After make() failed. What fails here is told with `error`, and left to the next DEL or ADD."""
        problems = []
        if self._ipam is not None:
            try:
                # also where its ADD failed: it may have reserved something (specification, section 4)
                self._ipam.delete()
            except CniError as problem:
                problems.append(str(problem))
        try:
            bring_back(self._host, self._store, self.record, self._pod)
            self._store.remove(self.record)
        except (CniError, OSError) as problem:
            problems.append(
                f"VF {self._vf.address} is not as it was, the next DEL or ADD tries again: {problem}"
            )
        for text in problems:
            self._host.log.error(f"undoing a failed ADD: {text}")
        if problems and isinstance(error, CniError):
            error.details = "; ".join([error.details, *problems] if error.details else problems)


def delete(host: Host, request: Request) -> None:
    """Take the VF back. Succeeds where there is nothing to do. Raises CniError where something is left to be
    done.
    """
    failure: CniError | None = None
    ipam = request.ipam(host)
    if ipam is not None:
        try:
            ipam.delete()
        except CniError as error:
            failure = (
                error  # the VF comes back all the same; the runtime calls again, and only this is left then
            )
    store = Store(host)
    store.prepare()
    record = store.of_owner(request.container, request.ifname)
    if record is None:
        host.log.info("no journal of this container and interface: no VF to bring back")
    else:
        host.log.fields["vf"] = record.address
        with store.lock(record.address, "VF"):
            record = store.of_owner(request.container, request.ifname)  # another DEL may have been faster
            if record is not None:
                _give_back(host, store, record, _alive(host, record))
                host.log.info("the VF is back")
    if failure is not None:
        raise failure


def check(host: Host, request: Request) -> None:
    """Compare what is there with what ADD left. Raises CniError (102) that lists every difference."""
    config = parse(request.conf, request.args)
    try:
        previous = parse_result(request.conf.get("prevResult"), request.version)
    except ValueError as error:
        raise CniError(CONFIG, f"prevResult: {error}") from None
    if not previous.interfaces:
        raise CniError(CONFIG, "prevResult: CHECK needs the result of ADD with its interface, found none")
    record = Store(host).of_owner(request.container, request.ifname)
    if record is None:
        raise CniError(
            DIFFERS, f"container {request.container} has no VF as {request.ifname}: no journal of its ADD"
        )
    vf = find(host, config.device)
    problems = []
    if record.address != vf.address:
        problems.append(f"deviceID: expected {vf.address}, the journal has {record.address}")
    state = port_of(host, vf.address, vf.pf).read(vf.index)
    for key in config.asked:
        for field in FIELDS_OF[key]:
            expected, found = getattr(config.target, field), getattr(state, field)
            if found not in (expected, -1, ""):  # what a driver does not report cannot differ
                problems.append(f"VF {vf.index} of PF {vf.pf}: {field}: expected {expected}, found {found}")
    if vf.kernel:
        pod = Pod(host, _pod_netns(request))
        problems += _differences(pod, request, config, previous)
    if problems:
        raise CniError(DIFFERS, "not as ADD left it: " + "; ".join(problems))
    ipam = request.ipam(host)
    if ipam is not None:
        ipam.check()


def _differences(pod: Pod, request: Request, config: Config, previous: Result) -> list[str]:
    """The pod's interface, addresses and routes against the result of ADD."""
    link = pod.link(request.ifname)
    if link is None:
        return [f"interface {request.ifname} is not in {request.netns}"]
    problems = []
    ours = [i for i, entry in enumerate(previous.interfaces) if entry.get("name") == request.ifname]
    for index in ours:
        mac = previous.interfaces[index].get("mac")
        if mac and mac != link.mac:
            problems.append(f"{request.ifname}: expected MAC {mac}, found {link.mac}")
    if not ours:
        problems.append(f"prevResult has no interface {request.ifname}")
    if config.mtu and link.mtu != config.mtu:
        problems.append(f"{request.ifname}: expected MTU {config.mtu}, found {link.mtu}")
    if not link.flags & IFF_UP:
        problems.append(f"{request.ifname}: expected it up, found it down")
    present = {parse_cidr(text) for index, text, _rest in pod.addresses() if index == link.index and text}
    for ip in previous.ips:
        if ip.get("interface", 0) in ours and parse_cidr(ip["address"]) not in present:
            problems.append(f"{request.ifname}: address {ip['address']} is missing")
    routes = {(r.family, r.dst, r.prefix, r.gateway) for r in pod.routes() if r.oif == link.index}
    for route, entry in zip(kernel_routes(previous), previous.routes):
        if (route.family, route.dst, route.prefix, route.gateway) not in routes:
            problems.append(f"{request.ifname}: the route to {entry['dst']} is missing")
    return problems
