# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ADD: give a VF to a pod (CNI specification 1.1.0, section 2).

Two things take the time: the move into the namespace, in which the kernel waits for an RCU grace period, and the IPAM
plugin. One runs beside the other where the IPAM plugin allows it.
"""

from __future__ import annotations

import os

from ..host.host import NodeHost
from ..netlink.addresses import ZERO_MAC
from ..netlink.messages import Interface
from ..pod.interface import Pod
from ..spec.config import DAD_OFF
from ..spec.errors import ENVIRONMENT, TRY_AGAIN, CniError
from ..spec.json_text import Json
from ..spec.result import Result, to_version
from ..vf.config import Config, parse
from ..vf.journal import Attachment, Store
from ..vf.pf_port import PfPort
from ..vf.vf import Vf, find, move_to_pod, remember, set_mac, set_on_host, set_on_pf
from . import Request, pod_netns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..pod.ipam import Ipam


def add(host: NodeHost, request: Request) -> Json:
    """Give the VF to the pod. Raises CniError, with all undone, or left to the journal where that failed."""
    config = parse(request.conf, request.args, host.log.problem)
    for doubt in config.doubts:
        host.log.warning(doubt)
    vf = find(host, config.device)
    host.log.fields["vf"] = vf.address
    ipam = request.ipam(host)
    if ipam is not None:
        ipam.find()  # before anything is changed
    store = Store(host)
    store.prepare()
    pod = Pod(host, pod_netns(request))
    with store.lock(vf.address, "VF"):
        _clear_way(host, store, vf, request)
        if vf.kernel and pod.link(request.ifname) is not None:
            raise CniError(
                ENVIRONMENT, f"CNI_IFNAME: the namespace {request.netns} has an interface {request.ifname} already"
            )
        setup = _Setup(host, store, request, config, vf, pod, ipam)
        host.step("journal")
        store.begin(setup.attachment)
        try:
            _be_the_only_one(store, setup.attachment)
            setup.end_earlier_address()
            answer = to_version(setup.make(), request.version)
            host.step("commit")
            store.commit(setup.attachment)
        except BaseException as error:
            setup.undo(error)
            raise
    host.log.info(f"{vf} is {request.ifname} of the pod now")
    return answer


def _clear_way(host: NodeHost, store: Store, vf: Vf, request: Request) -> None:
    """See that nobody has the VF; repair what a dead owner, or an ADD that died, left. Raises CniError
    (11).
    """
    mine = store.of_owner(request.container, request.ifname)
    if mine is not None and mine.address != vf.address:
        raise CniError(
            TRY_AGAIN, f"{mine.owner} has VF {mine.address} by an earlier ADD; expected its DEL first"
        )
    try:
        attachment = store.of_vf(vf.address)
    except CniError as error:
        from ..vf import withheld

        for bad in store.damaged():
            if bad.address == vf.address:
                withheld.keep(host, bad.address, (bad.container, bad.ifname), str(error))
        raise
    if attachment is None:
        if os.access(f"{host.state}/pci/{vf.address}", os.R_OK):
            from ..vf.go_plugin_state import clear_way

            clear_way(host, store, vf)
        return
    from ..vf.restore import alive, give_back
    from .releases import expect

    netns = alive(host, attachment)
    # This call has the VF's lock: the process of an ADD that is not complete is dead.
    if netns is not None and attachment.complete:
        raise CniError(
            TRY_AGAIN,
            f"VF {vf.address} is in use by {attachment.owner} (network {attachment.network}), whose namespace "
            f"{attachment.netns} "
            "is alive; expected the runtime to call DEL for it first",
        )
    host.log.warning(f"VF {vf.address} was left by {attachment.owner}: it is brought back first")
    expect(host, attachment.container, attachment.ifname)
    why = give_back(host, store, attachment, netns)
    if why:
        raise CniError(
            TRY_AGAIN, f"VF {vf.address} is withheld: it is not as it was before {attachment.owner} had it: {why}"
        )


def _be_the_only_one(store: Store, attachment: Attachment) -> None:
    """Raises CniError (11) where the owner gets another VF at the same time: both calls found none before. One of the
    two sees the other's file, and its DEL would take one VF back.
    """
    others = [vf for vf in store.vfs_of(attachment.container, attachment.ifname) if vf != attachment.address]
    if others:
        raise CniError(
            TRY_AGAIN, f"{attachment.owner} gets VF {others[0]} by another ADD at this moment; expected one at a time"
        )


class _Setup:
    """One VF on its way into a pod. Making one changes nothing; it reads what the journal needs."""

    def __init__(
        self, host: NodeHost, store: Store, request: Request, config: Config, vf: Vf, pod: Pod, ipam: Ipam | None
    ) -> None:
        self._host, self._store, self._config = host, store, config
        self._vf, self._pod, self._delegate = vf, pod, ipam
        self._ipam: Ipam | None = None  # the delegate, from when it may be started
        self._request = request
        self.held = False  # an earlier ADD of the same owner has an address that was not released
        self._previous = request.previous()
        self.port = PfPort.find(host, vf.pf) if vf.pf else None
        self.attachment = Attachment(
            container=request.container, ifname=request.ifname, network=request.conf["name"], netns=request.netns,
            netns_id=pod.netns.identity, boot=host.boot_id(),
        )  # fmt: skip
        self._link = remember(host, vf, config, self.port, self.attachment)
        if self._link is not None:
            from ..vf.in_use import refuse_in_use

            refuse_in_use(host, vf, self._link)

    def make(self) -> Result:
        """All changes of ADD, after the journal has them."""
        host, config, pod = self._host, self._config, self._pod
        if self._link is not None:
            set_on_host(host, self._store, self._vf, self.port, self._link, config)
        if self.port is not None:
            set_on_pf(host, self._store, self._vf, self.port, config)
        link: Interface | None = None
        if self._link is not None:
            link = move_to_pod(host, self._link, self.attachment.ifname, pod, self._start_ipam)
            pod.prepare(self.attachment.ifname)
            if config.mac:
                set_mac(host, pod.socket, link, config.mac)
            host.step("up")
            pod.up(link, config.flags)
        else:
            self._start_ipam()
        result = Result()
        if self._ipam is not None:
            host.step("ipam")
            result = self._ipam.add()
            for ip in result.ips:
                ip["interface"] = 0  # of the one interface that we make
            host.step("configure")
            if link is not None:
                pod.configure(link, result, config.dad)
                link.mac = config.mac or link.mac
                if config.dad == DAD_OFF:
                    from ..pod.announce import announce

                    announce(host, pod, link, result)
        mac = config.mac or (link.mac if link is not None else self.attachment.original["mac"])
        result.interface = {
            "name": self.attachment.ifname,
            "mac": "" if mac == ZERO_MAC else mac,
            "mtu": link.mtu if link is not None else self.port.mtu if self.port is not None else 0,
            "sandbox": self.attachment.netns,
            "pciID": self._vf.address,
        }
        result.dns = result.dns or config.dns
        result.after(self._previous)
        return result

    def _start_ipam(self) -> None:
        """Start an IPAM plugin that does not need the interface in the pod; to start it takes its time as well."""
        self._ipam = self._delegate
        if self._ipam is not None and self._ipam.aside:
            self._host.step("ipam aside")
            self._ipam.begin("ADD")

    def end_earlier_address(self) -> None:
        """See to one that an earlier ADD of the same owner left, before the IPAM plugin is asked for another."""
        if os.access(f"{self._host.state}/releases", os.F_OK):
            from .releases import before_add

            self.held = before_add(self._host, self._request)

    def _end_address(self) -> CniError | None:
        """Have the IPAM plugin do its DEL, also where its ADD failed: it may have reserved something (specification,
        section 4). What may be held then is kept to be tried again. Returns why it was not done.
        """
        from .releases import note

        if self._ipam is None or not (self._ipam.started or self.held):
            if self.held:
                note(self._host, self._request)
            return None
        try:
            self._ipam.call("DEL")
        except CniError as problem:
            if self._ipam.may_hold or self.held:
                note(self._host, self._request, problem)
            return problem
        return None

    def undo(self, error: BaseException) -> None:
        """After make() failed. What fails here is told with `error`, and left to the next DEL or ADD."""
        from ..vf.restore import bring_back, settle

        problems = []
        failure = self._end_address()
        if failure is not None and str(failure) not in str(error):
            problems.append(str(failure))
        try:
            left = bring_back(self._host, self._store, self.attachment, self._pod)
            why = settle(self._host, self._store, self.attachment, left)
        except (CniError, OSError) as problem:
            why = str(problem)
        if why:
            problems.append(f"VF {self._vf.address} is not as it was, the next DEL or ADD tries again: {why}")
        for text in problems:
            self._host.log.error(f"undoing a failed ADD: {text}")
        if problems and isinstance(error, CniError):
            error.details = "; ".join([error.details, *problems] if error.details else problems)
