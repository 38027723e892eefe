# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process: environment and stdin in, one JSON document out (CNI specification 1.1.0, section 2).

VERSION is answered before anything else is imported.
"""

from __future__ import annotations

import os
import sys

from . import SUPPORTED
from .spec.errors import CONFIG, DECODE, ENVIRONMENT, INTERNAL, IO, VERSION, CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .host.host import NodeHost
    from .spec.json_text import Json

_TRACE_LIMIT = 512  # characters in a log line
_STDIN_LIMIT = 1 << 20  # bytes
_REQUIRED = {
    "ADD": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    "DEL": ("CNI_CONTAINERID", "CNI_IFNAME"),
    "CHECK": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    "GC": (),
    "STATUS": (),
}
# The file of commands/ that answers, which alone is loaded, and its function.
_FUNCTIONS = {
    "ADD": ("add", "add"), "DEL": ("delete", "delete"), "CHECK": ("check", "check"), "GC": ("gc_status", "collect"),
    "STATUS": ("gc_status", "status"),
}  # fmt: skip
# The version of CNI that a command came with.
_SINCE = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}
_CONTAINER_LIMIT = 200  # characters: container, interface and PCI address name one journal file


def main() -> int:
    """Answer the call that the environment describes. Returns the exit code."""
    if sys.argv[1:] == ["serve"]:
        from .warm.service import serve

        return serve(os.environ, answer, answer_call)
    if len(sys.argv) > 1:
        from .cli import run

        code, text = run(sys.argv[1:])
        os.write(1 if code == 0 else 2, text.encode("utf-8", "surrogateescape"))
        return code
    code, text, later = answer(dict(os.environ))
    if text:
        os.write(1, text.encode() + b"\n")
    if later is not None:
        from .pod.announce import run_later

        run_later(later)
    return code


def answer(environment: dict[str, str]) -> tuple[int, str, Callable[[], None] | None]:
    """Do what one call asks for. Returns the exit code, the one document for stdout ("" where there is none), and what
    is to be done once the runtime has them.
    """
    if environment.get("CNI_COMMAND") == "VERSION":
        versions = '","'.join(SUPPORTED)
        return 0, f'{{"cniVersion":"{SUPPORTED[-1]}","supportedVersions":["{versions}"]}}', None
    from .host.host import NodeHost

    host = NodeHost()
    code, text = answer_call(host, environment)
    return code, text, host.later


def answer_call(host: NodeHost, environment: dict[str, str], stdin: int = 0) -> tuple[int, str]:
    """Exit code and the one document for stdout ("" where there is none). Never raises an Exception."""
    from .spec.delegate import MARK, again
    from .spec.json_text import dumps

    version = SUPPORTED[-1]
    try:
        command = check_environment(environment)
        raw = _read(stdin)
        conf = _decode(raw)
        try:
            version = _version(conf)
            _check_configuration(conf, command, version)
        except CniError as error:
            if command != "DEL":
                raise
            # Its ADD was refused for the same reason, or the configuration was another one then: the pod has to go.
            host.log.warning(f"{error}. DEL goes on without it")
        if MARK in environment:
            raise CniError(CONFIG, again(conf))
        result = _dispatch(host, command, environment, raw, conf)
        return 0, "" if result is None else dumps(result)
    except CniError as error:
        code, msg, details = error.code, error.msg, error.details
    except Exception as error:  # whatever it is, the runtime gets an error that it can read
        code, msg, details = INTERNAL, f"unexpected {type(error).__name__}: {error}", _place(error)
    host.log.error(msg)
    answer: Json = {"cniVersion": version, "code": code, "msg": msg}
    if details:
        answer["details"] = details
    return 1, dumps(answer)


def check_environment(environment: dict[str, str]) -> str:
    """The command. Raises CniError (4): first for a bad value, then for all that is missing."""
    from .spec.config import is_identifier, is_ifname

    command = environment.get("CNI_COMMAND", "")
    if command not in _REQUIRED:
        found = f"'{command}'" if command else "none: this program is called by a container runtime"
        raise CniError(ENVIRONMENT, f"CNI_COMMAND: expected ADD, DEL, CHECK, GC, STATUS or VERSION, found {found}")
    container, ifname = environment.get("CNI_CONTAINERID", ""), environment.get("CNI_IFNAME", "")
    if container and not is_identifier(container):
        raise CniError(
            ENVIRONMENT,
            f"CNI_CONTAINERID: expected a letter or digit, then letters, digits, '_', '.', '-'; "
            f"found '{container}'",
        )
    if len(container) > _CONTAINER_LIMIT:
        raise CniError(ENVIRONMENT, f"CNI_CONTAINERID: expected at most {_CONTAINER_LIMIT} characters")
    if ifname and not is_ifname(ifname):
        raise CniError(
            ENVIRONMENT, f"CNI_IFNAME: expected 1 to 15 bytes without '/', ':' and spaces, found '{ifname}'"
        )
    missing = [name for name in _REQUIRED[command] if not environment.get(name)]
    if missing:
        raise CniError(ENVIRONMENT, f"{command} needs the environment variables {', '.join(missing)}")
    return command


def _read(stdin: int) -> bytes:
    from .host.host import read_all

    try:
        raw = read_all(stdin, _STDIN_LIMIT)
    except OSError as error:
        raise CniError(IO, f"stdin cannot be read: {error.strerror}") from None
    if len(raw) > _STDIN_LIMIT:
        raise CniError(
            DECODE, f"stdin: expected a network configuration of at most {_STDIN_LIMIT} bytes, found more"
        )
    return raw


def _decode(raw: bytes) -> Json:
    from .spec.config import canonical
    from .spec.json_text import loads

    try:
        conf = loads(raw)
    except ValueError as error:
        raise CniError(DECODE, f"stdin: expected a network configuration in JSON: {error}") from None
    if not isinstance(conf, dict):
        raise CniError(DECODE, "stdin: expected a JSON object, the network configuration")
    return canonical(conf)


def _version(conf: Json) -> str:
    """The configuration's version. Raises CniError (1) for one that is not supported."""
    version = conf.get("cniVersion") or "0.1.0"
    if version in SUPPORTED:
        return str(version)
    from .spec.config import shown

    raise CniError(
        VERSION,
        f"cniVersion: the configuration has {shown(version)}, which this plugin does not support",
        "supported are " + ", ".join(SUPPORTED),
    )


def _check_configuration(conf: Json, command: str, version: str) -> None:
    """Raises CniError: 1 for a command that its version does not have, 7 for the network's name."""
    from .spec.config import is_identifier, shown
    from .spec.result import version_tuple

    since = _SINCE.get(command, version)
    if version_tuple(version) < version_tuple(since):
        raise CniError(VERSION, f"{command} came with CNI {since}, the configuration has {version}")
    name = conf.get("name", "")
    if not isinstance(name, str) or not is_identifier(name):
        raise CniError(
            CONFIG,
            f"name: expected a letter or digit, then letters, digits, '_', '.', '-', found {shown(name)}",
        )


def _dispatch(
    host: NodeHost, command: str, environment: dict[str, str], raw: bytes, conf: Json
) -> Json | None:
    """The answer for stdout, None where the command has none. Raises CniError."""
    from .commands import TRACE, Request

    level, file = conf.get("logLevel", ""), conf.get("logFile", "")
    host.log.fields = {
        "command": command,
        "containerID": environment.get("CNI_CONTAINERID", ""),
        "netns": environment.get("CNI_NETNS", ""),
        "ifname": environment.get("CNI_IFNAME", ""),
        **{name.lower(): environment.get(name, "")[:_TRACE_LIMIT] for name in TRACE},
    }
    file = file if isinstance(file, str) else ""
    host.log.configure(level if isinstance(level, str) else "", file, host.setting)
    module, function = _FUNCTIONS[command]
    try:
        act = getattr(__import__(f"{__package__}.commands.{module}", fromlist=[function]), function)
        answer: Json | None = act(host, Request(environment, raw, conf))
        return answer
    finally:
        if _has_left(host.state, "releases") or _has_left(host.state, "withheld"):
            from .commands.sweep import plan

            plan(host)


def _has_left(state: str, folder: str) -> bool:
    """Whether something in a folder of the state is to be seen to later."""
    try:
        return bool(os.listdir(f"{state}/{folder}"))
    except OSError:
        return False


def _place(error: BaseException) -> str:
    """Where an unexpected error was raised: file and line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (
        f"at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        if trace is not None
        else ""
    )
