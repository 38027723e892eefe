# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One BMC: what it holds, what a reset does to that, what it counts. `support.bmc.server` puts it on the network."""

from __future__ import annotations

import base64
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from support.bmc import resources
from support.bmc.nics import DellNic, FakeNic
from support.bmc.shapes import Shape, shape

USER, PASSWORD = "sriov", "Geh3im-never-shown"
ROOT = "/redfish/v1"


@dataclass
class Fault:
    """What goes wrong: with which requests, how, from which of them on, and how often."""

    what: str  # a status, or "hang", "die", "die-after", "html", "huge", "drip", "elsewhere", "garbage"
    method: str = "GET"
    path: str = ".*"
    after: int = 0
    times: int = 1_000_000

    def hits(self, method: str, path: str) -> bool:
        """Whether it is this request's turn."""
        if method != self.method or not re.search(self.path, path):
            return False
        self.after -= 1
        if self.after >= 0 or self.times <= 0:
            return False
        self.times -= 1
        return True


@dataclass
class Answer:
    """What a request is answered."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class FakeBmc:
    """A BMC of a vendor's shape. What tests look at: sessions, writes, resets, refused, log."""

    def __init__(self, vendor: str = "dell", *, post_seconds: float = 0.0, session_limit: int = 4) -> None:
        self.shape: Shape = shape(vendor)
        self.user, self.password = USER, PASSWORD
        self.current = {name: told["current"] for name, told in self.shape.attributes.items()}
        self.staged: dict[str, Any] = {}
        self.applied_by_job = False  # whether a reset takes over what is staged, where that needs an apply time
        self.refuses: set[str] = set()  # attributes that the BIOS does not take over: SettingsFailed
        self.messages: list[dict[str, Any]] = []
        self.power, self.boot = "On", {"target": "None", "enabled": "Disabled", "mode": "UEFI"}
        self.booted: list[str] = []  # what each boot started from
        self.jobs: dict[str, dict[str, Any]] = {}
        self.read_only: set[str] = set()
        self.nics: list[FakeNic | DellNic] = []
        self.has_bios = self.has_registry = True
        self.post_seconds, self.session_limit = post_seconds, session_limit
        self.post_until, self.boots_left, self.revision = 0.0, 0, 1
        self.sessions: dict[str, str] = {}  # number -> token
        self.most_sessions = self.opened = self.refused = 0
        self.writes: list[tuple[str, str, Any]] = []
        self.resets: list[str] = []
        self.log: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()

    # who asks ----------------------------------------------------------------------------------------------------

    def knows(self, headers: Any) -> bool:
        """Whether a request names a user, or a session that is open."""
        if (token := headers.get("X-Auth-Token")) is not None:
            return token in self.sessions.values()
        word = headers.get("Authorization", "")
        good = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if word and word != f"Basic {good}":
            self.refused += 1
        return bool(word == f"Basic {good}")

    def login(self, body: Any) -> Answer:
        """A new session."""
        if (body.get("UserName"), body.get("Password")) != (self.user, self.password):
            self.refused += 1
            return Answer(401, resources.error("Base.1.8.InsufficientPrivilege", "There are no such credentials"))
        if len(self.sessions) >= self.session_limit:
            return Answer(503, resources.error("Base.1.8.SessionLimitExceeded", "No session is free"))
        self.opened += 1
        number, token = str(self.opened), f"token-{self.opened}"
        self.sessions[number] = token
        self.most_sessions = max(self.most_sessions, len(self.sessions))
        where = f"{ROOT}/SessionService/Sessions/{number}"
        return Answer(201, {"@odata.id": where}, {"X-Auth-Token": token, "Location": where})

    # what happens to the host ------------------------------------------------------------------------------------

    def reset(self, kind: str) -> Answer:
        """POST Reset."""
        if kind not in resources.RESETS:
            return Answer(400, resources.error("Base.1.8.ActionParameterNotSupported", f"{kind} is not supported"))
        self.resets.append(kind)
        if kind in ("ForceOff", "GracefulShutdown"):
            self.power = "Off"
            return Answer(204)
        self.power, self.boots_left = "On", self.shape.resets
        self.start_post()
        return Answer(204)

    def start_post(self) -> None:
        """The firmware starts; the host boots when it is through."""
        self.boots_left -= 1
        self.post_until = time.monotonic() + self.post_seconds
        self.tick()

    def tick(self) -> None:
        """What has happened meanwhile: the end of a POST, which takes over what is staged."""
        while self.post_until and time.monotonic() >= self.post_until:
            self.post_until = 0.0
            if self.boots_left > 0:
                self.boots_left -= 1
                self.post_until = time.monotonic() + self.post_seconds
                continue
            self.end_of_post()

    def end_of_post(self) -> None:
        """Settings, jobs and the boot override."""
        if not self.shape.needs_apply_time or self.applied_by_job:
            self.messages = []
            for name, value in self.staged.items():
                if name in self.refuses:
                    self.messages.append(resources.message("Base.1.8.SettingsFailed", f"{name} was refused", name))
                else:
                    self.current[name] = value
            self.staged, self.applied_by_job = {}, False
            self.revision += 1
            for job in self.jobs.values():
                job["JobState"] = job["TaskState"] = "Completed"
        for nic in self.nics:
            nic.now = nic.then if nic.now is not None else None
        self.booted.append(self.boot["target"] if self.boot["enabled"] != "Disabled" else "None")
        if self.boot["enabled"] == "Once":
            self.boot.update(target="None", enabled="Disabled")

    # what is staged ----------------------------------------------------------------------------------------------

    def stage(self, body: Any, etag: str | None) -> Answer:
        """PATCH of the settings object."""
        if self.shape.if_match and etag is None:
            return Answer(428, resources.error("Base.1.8.PreconditionRequired", "If-Match is needed"))
        if etag not in (None, "*", self.etag()):
            return Answer(412, resources.error("Base.1.8.PreconditionFailed", "The resource has changed"))
        if self.shape.job_lock and any(job["JobState"] == "Scheduled" for job in self.jobs.values()):
            text = "A configuration job is scheduled already"
            return Answer(400, resources.error("IDRAC.2.8.SYS428", text))
        wrong = [name for name, value in body.get("Attributes", {}).items() if not self.takes(name, value)]
        if wrong or not body.get("Attributes"):
            return Answer(400, resources.error("Base.1.8.PropertyValueNotInList", "Not accepted", *wrong))
        self.staged.update(body["Attributes"])
        self.revision += 1
        apply = (body.get("@Redfish.SettingsApplyTime") or {}).get("ApplyTime")
        if apply is not None and apply not in self.shape.apply_times:
            return Answer(400, resources.error("Base.1.8.PropertyUnknown", "No such apply time"))
        headers = {}
        if self.shape.answer == 202 and (apply or not self.shape.needs_apply_time):
            self.applied_by_job = True
            headers["Location"] = self.new_job()
        answer = 200 if self.shape.answer == 202 and not headers else self.shape.answer
        told = self.shape.answer_message
        return Answer(answer, resources.error(told, "A reset is needed") if told else None, headers)

    def takes(self, name: str, value: Any) -> bool:
        """Whether the BIOS has such an attribute, which may be set to this."""
        told = self.shape.attributes.get(name)
        if told is None or told.get("read_only") or name in self.read_only:
            return False
        low, high = told.get("range", (0, 0))
        return value in told["values"] if "values" in told else isinstance(value, int) and low <= value <= high

    def new_job(self, kind: str = "BIOSConfiguration", state: str = "Scheduled") -> str:
        """A job, or a task where that is the vendor's word for it."""
        number = f"JID_{len(self.jobs) + 1}"
        self.jobs[number] = {
            "Id": number, "Name": f"Configure: {kind}", "JobType": kind, "JobState": state, "TaskState": "Pending",
            "@odata.id": f"{resources.jobs_path(self.shape)}/{number}",
        }  # fmt: skip
        return str(self.jobs[number]["@odata.id"])

    def etag(self) -> str:
        """Of the settings object."""
        return f'W/"{self.revision}"'
