# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines in key=value form, to stderr, or to `logFile` instead where the configuration names one.

Levels are upstream's: panic, error, warning, info, debug; an unknown one means info. Nothing of the request's
body is logged, so a secret in it stays there.
"""

from __future__ import annotations

import os
import time

LEVELS = ("panic", "error", "warning", "info", "debug")


class Log:
    """One run's log; `fields` (container, ifname, vf ...) go into each line."""

    def __init__(self) -> None:
        self.threshold = LEVELS.index("info")
        self.file = ""
        self.fields: dict[str, str] = {}

    def configure(self, level: str, file: str) -> None:
        """Take the configuration's logLevel and logFile."""
        self.threshold = LEVELS.index(level) if level in LEVELS else LEVELS.index("info")
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
        if self.file:
            try:
                fd = os.open(
                    self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
                )
                try:
                    os.write(fd, line)
                    return
                finally:
                    os.close(fd)
            except (OSError, ValueError):
                pass  # a log file that cannot be written must not fail a pod: stderr is still there
        try:
            os.write(2, line)
        except OSError:
            return  # nobody reads stderr: there is no one left to tell


def _value(text: str) -> str:
    """A value that holds in one line; quoted where it has spaces, quotes or control characters."""
    if text and all(" " < c <= "~" and c not in '"=\\' for c in text):
        return text
    plain = "".join([c if c >= " " else " " for c in text])
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
