# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines in key=value form, to stderr, or to `logFile` instead where the configuration names one.

Levels are upstream's: panic, error, warning, info, debug; an unknown one means info. Nothing of the request's
body is logged, so a secret in it stays there. What others chose (a name, a plugin's words) can neither end a line nor
make it long.
"""

from __future__ import annotations

import os
import time

LEVELS = ("panic", "error", "warning", "info", "debug")
_LINE_LIMIT = 4096  # bytes


class Log:
    """One run's log; `fields` (container, ifname, vf ...) go into each line."""

    def __init__(self) -> None:
        self.threshold = LEVELS.index("info")
        self.file = self.folder = ""
        self.problem = ""  # what is wrong with the logFile, for who can refuse it
        self.fields: dict[str, str] = {}

    def configure(self, level: str, file: str, setting: str) -> None:
        """Take the configuration's logLevel and logFile; `setting` is the file that may name the node's log folder.
        Where the logFile is no good its lines go to stderr.
        """
        self.threshold = LEVELS.index(level) if level in LEVELS else LEVELS.index("info")
        self.file = self.problem = ""
        if not file:
            return
        from .log_file import folder_of, problem

        try:
            self.folder = folder_of(setting)
        except ValueError as error:
            self.warning(f"{error}. The log goes to stderr; have the role cni write it again")
            return
        self.problem = problem(file, self.folder)
        if self.problem:
            self.warning(self.problem)
        else:
            self.file = file

    def error(self, text: str) -> None:
        self._write("error", text)

    def warning(self, text: str) -> None:
        self._write("warning", text)

    def info(self, text: str) -> None:
        self._write("info", text)

    def debug(self, text: str) -> None:
        self._write("debug", text)

    def _write(self, level: str, text: str) -> None:
        if LEVELS.index(level) > self.threshold:
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fields = "".join([f" {key}={_value(value)}" for key, value in self.fields.items() if value])
        line = f"time={now} level={level} cniName=sriov-cni{fields} msg={_value(text)}\n".encode(
            "utf-8", "replace"
        )
        if len(line) > _LINE_LIMIT:
            line = line[: _LINE_LIMIT - 6].decode("utf-8", "ignore").encode() + b' ..."\n'
        if self.file and self._appended(line):
            return
        try:
            os.write(2, line)
        except OSError:
            return  # nobody reads stderr: there is no one left to tell

    def _appended(self, line: bytes) -> bool:
        """False where stderr has to do: a log file that cannot be written must not fail a pod."""
        from .log_file import Unfit, append

        try:
            append(self.file, self.folder, line)
        except (OSError, Unfit) as error:
            reason = (error.strerror if isinstance(error, OSError) else "") or f"found {error}"
            file, self.file = self.file, ""
            self.warning(f"logFile {file} cannot be written ({reason}): the log goes to stderr")
            return False
        return True


def _value(text: str) -> str:
    """A value that holds in one line; quoted where it has spaces, quotes or control characters."""
    if text and all(" " < c <= "~" and c not in '"=\\' for c in text):
        return text
    plain = "".join([c if c.isprintable() else " " for c in text])
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
