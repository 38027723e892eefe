# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login at a BMC, and requests with it. Only links are followed; a session that was opened is closed."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable

from .errors import BmcError, LoginError, StatusError, UnreachableError
from .wire import BmcAddress, Reply, Wire

ROOT = "/redfish/v1/"
AUTO, SESSION, BASIC = "auto", "session", "basic"
LOGINS = (AUTO, SESSION, BASIC)
_TRIES = 3  # of a request that the BMC is too busy for
_LONGEST_WAIT = 10.0  # seconds, whatever a busy BMC asks for
_MOST_MEMBERS = 1000
Tree = dict[str, Any]


@dataclass(frozen=True)
class Credentials:
    """Who asks. The password is in no message, and in no text of this object."""

    username: str
    password: str = field(repr=False)
    login: str = AUTO


@dataclass
class Client:
    """One BMC, logged in. etags: of what was read last, by path; warnings: what the caller should tell."""

    wire: Wire
    credentials: Credentials
    sleep: Callable[[float], None] = time.sleep
    root: Tree = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    session: str | None = None
    etags: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    # logins --------------------------------------------------------------------------------------------------------

    def meet(self) -> None:
        """Look whether a BMC is there, before it is told any password. Raises BmcError."""
        self.root = self.get(ROOT)

    def login(self) -> None:
        """Open a session where there are any, else name the user with each request. Raises LoginError, BmcError."""
        if not self.root:
            self.meet()
        sessions = link(self.root.get("Links"), "Sessions")
        if self.credentials.login == BASIC or (self.credentials.login == AUTO and sessions is None):
            self._basic()
            return
        if sessions is None:
            remedy = "Use login: basic, or auto."
            raise BmcError(self.wire.target.address, "sessions", "a BMC without SessionService", remedy)
        who = {"UserName": self.credentials.username, "Password": self.credentials.password}
        try:
            reply = self.send("POST", sessions, who)
        except StatusError as error:
            if self.credentials.login != AUTO or not _no_session_free(error):
                raise
            self.warnings.append(f"{self.wire.target.address}: no session is free; the login is basic")
            self._basic()
            return
        token = reply.headers.get("x-auth-token")
        if not token:
            raise BmcError(f"POST {sessions}", "X-Auth-Token", "an answer without one", "Use login: basic.")
        where = reply.headers.get("location") or text(_parsed(reply, sessions), "@odata.id")
        self.session = _local_path(where, f"POST {sessions}", self.wire.target)
        self.headers = {"X-Auth-Token": token}

    def _basic(self) -> None:
        word = f"{self.credentials.username}:{self.credentials.password}".encode()
        self.headers = {"Authorization": f"Basic {base64.b64encode(word).decode()}"}
        self.get(link(self.root, "Systems") or ROOT)  # the one request that tells whether the login is right

    def logout(self) -> None:
        """Close the session; one that can't be closed is told, and ends by itself."""
        session, self.session = self.session, None
        try:
            if session is not None:
                self.wire.request("DELETE", session, self.headers, last=True)
        except BmcError as error:
            self.warnings.append(f"{error} The session {session} stays until the BMC ends it.")
        finally:
            self.headers = {}
            self.wire.close()

    def again(self) -> None:
        """A login in the place of one that the BMC forgot, as after its restart."""
        self.session, self.headers = None, {}
        self.login()

    # requests ------------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Tree:
        """What is there. Raises BmcError."""
        reply = self._tried("GET", path)
        found = _parsed(reply, path)
        etag = reply.headers.get("etag") or text(found, "@odata.etag")
        if etag:
            self.etags[path] = etag
        return found

    def find(self, path: str | None) -> Tree | None:
        """The same, None where there is nothing."""
        try:
            return None if path is None else self.get(path)
        except StatusError as error:
            if error.status in (404, 405, 501):
                return None
            raise

    def send(self, method: str, path: str, body: Any = None, etag: str | None = None) -> Reply:
        """Change something. What a BMC is too busy for is sent again, as it says that it did nothing."""
        extra = {"If-Match": etag} if etag else {}
        return self._tried(method, path, body, extra)

    def members(self, path: str | None) -> Iterator[Tree]:
        """The members of a collection: in one request where the BMC can, else each when it is wanted."""
        if path is not None and mapping(self.root, "ProtocolFeaturesSupported", "ExpandQuery").get("ExpandAll") is True:
            path += "?$expand=*($levels=1)"
        left = _MOST_MEMBERS
        while path is not None and left > 0:
            told = self.find(path) or {}
            for one in items(told, "Members")[:left]:
                where = link({"one": one}, "one")
                found = one if mapping(one).keys() - {"@odata.id"} else self.find(where)
                if found is not None:
                    yield {"@odata.id": where, **found}
            left -= max(len(items(told, "Members")), 1)
            path = link({"next": {"@odata.id": text(told, "Members@odata.nextLink")}}, "next")

    def _tried(self, method: str, path: str, body: Any = None, extra: dict[str, str] | None = None) -> Reply:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, **(extra or {}), "OData-Version": "4.0"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        busy = (500, 502, 503, 504) if method == "GET" else (503,)
        for left in range(_TRIES - 1, -1, -1):
            reply = self._redirected(method, path, headers, data)
            if reply.status not in busy or not left or (method != "GET" and "retry-after" not in reply.headers):
                break
            self.sleep(_seconds(reply.headers.get("retry-after")))
        if reply.status >= 300:
            raise self._error(method, path, reply)
        return reply

    def _redirected(self, method: str, path: str, headers: dict[str, str], data: bytes | None) -> Reply:
        reply = self.wire.request(method, path, headers, data)
        if method == "GET" and reply.status in (301, 302, 307, 308):
            where = _local_path(reply.headers.get("location"), f"GET {path}", self.wire.target)
            return self.wire.request(method, where, headers)
        return reply

    def _error(self, method: str, path: str, reply: Reply) -> BmcError:
        what = f"{method} {path} at {self.wire.target.address}"
        told, numbers = messages(reply)
        found = f"HTTP status {reply.status}{': ' if told else ''}{told}"
        if reply.status == 401:
            remedy = "Correct user and password. Nothing more is tried here, as a BMC locks out who fails too often."
            return LoginError(what, f"a login as {self.credentials.username}", found, remedy)
        remedy = {403: "Give that user the privilege ConfigureComponents, or use another one."}.get(
            reply.status, "Look at what the BMC says."
        )
        return StatusError(what, "success", found, remedy, reply.status, numbers)


@contextmanager
def logged_in(
    target: BmcAddress, credentials: Credentials, stop: threading.Event | None = None
) -> Iterator[Client]:
    """A login that ends with the block, however that ends."""
    client = Client(Wire(target, stop or threading.Event()), credentials)
    try:
        client.login()
        yield client
    finally:
        client.logout()


def is_unavailable(error: BmcError) -> bool:
    """True for what may pass while a host or its BMC starts: no connection, or a BMC that is too busy."""
    return isinstance(error, UnreachableError) or (isinstance(error, StatusError) and error.status >= 500)


# what BMCs send, of any type ---------------------------------------------------------------------------------------


def mapping(value: Any, *names: str) -> Tree:
    """The mapping below these names, an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def text(value: Any, *names: str) -> str:
    """The text below these names, an empty one where there is none."""
    found = mapping(value, *names[:-1]).get(names[-1])
    return found if isinstance(found, str) else ""


def items(value: Any, *names: str) -> list[Any]:
    """The list below these names, an empty one where there is none."""
    found = mapping(value, *names[:-1]).get(names[-1])
    return found if isinstance(found, list) else []


def link(value: Any, *names: str) -> str | None:
    """The path that is linked below these names, None where there is none that stays at this BMC."""
    path = text(mapping(value, *names), "@odata.id")
    return path if path.startswith("/") and not path.startswith("//") and path.isprintable() else None


def links(value: Any) -> list[str]:
    """The paths of a collection's members."""
    found = (link({"one": one}, "one") for one in items(value, "Members"))
    return [path for path in found if path is not None]


def messages(reply: Reply) -> tuple[str, tuple[str, ...]]:
    """What ExtendedInfo tells, in one line, and the MessageIds of all that is not OK."""
    try:
        body = json.loads(reply.body or b"{}")
    except (ValueError, RecursionError):
        return "", ()
    told = items(body, "error", "@Message.ExtendedInfo") or items(body, "@Message.ExtendedInfo")
    numbers = (text(one, "MessageId") for one in told
               if "OK" not in (text(one, "MessageSeverity"), text(one, "Severity")))  # fmt: skip
    return told_by(told) or text(body, "error", "message")[:300], tuple(numbers)


def told_by(infos: Sequence[Any]) -> str:
    """Messages in one line: number, text, what they are about."""
    lines = []
    for one in infos[:5]:
        about = ", ".join(str(name) for name in items(one, "RelatedProperties")[:5])
        words = (text(one, "MessageId"), text(one, "Message"), f"({about})" if about else "")
        lines.append(" ".join(word for word in words if word)[:300])
    return "; ".join(lines)


def _parsed(reply: Reply, path: str) -> Tree:
    try:
        found = json.loads(reply.body or b"{}")
    except (ValueError, RecursionError) as error:
        start = " ".join(reply.body[:60].decode("utf-8", "replace").split())
        kind = "HTML" if start.lower().startswith("<") else "no JSON"
        remedy = "Look whether that address is a BMC with Redfish, and whether its web server is up."
        raise BmcError(f"GET {path}", "a JSON object", f"{kind}: {start!r}", remedy) from error
    if not isinstance(found, dict):
        raise BmcError(f"GET {path}", "a JSON object", f"a {type(found).__name__}", "Look at the BMC.")
    return found


def _local_path(where: str | None, what: str, target: BmcAddress) -> str:
    """A path of this BMC; credentials go to no other place."""
    path = where or ""
    start = target.address.rstrip("/")
    for prefix in (start, f"https://{start}"):
        if path.startswith(f"{prefix}/"):
            path = path[len(prefix) :]
    if not path.startswith("/") or path.startswith("//") or not path.isprintable():
        remedy = "Name the BMC that answers, as its address."
        raise BmcError(f"{what} at {target.address}", "a path at this BMC", f"a way to {where!r}", remedy)
    return path


def _no_session_free(error: StatusError) -> bool:
    return any("SessionLimitExceeded" in number for number in error.message_ids)


def _seconds(retry_after: str | None) -> float:
    return min(float(retry_after), _LONGEST_WAIT) if retry_after and retry_after.isdigit() else 1.0
