# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An IPAM plugin that fails in the ways of expected_address_releases.py."""

from __future__ import annotations

from pathlib import Path

from support.expected_address_releases import BROKEN, NO_RESULT


class Broken:
    """An IPAM plugin that does its part, or fails one command in one way."""

    def __init__(self, folder: Path) -> None:
        self.file, self.calls = folder / "broken", folder / "broken-calls"
        self.works()

    def _write(self, text: str, mode: int = 0o755) -> None:
        aside = self.file.with_suffix(".new")
        aside.write_text(text)
        aside.chmod(mode)
        aside.rename(self.file)

    def _head(self) -> str:
        return f'#!/bin/sh\nconf=$(cat)\necho "$CNI_COMMAND $CNI_CONTAINERID" >> {self.calls}\n'

    def works(self) -> None:
        answer = '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.5/24"}]}'
        self._write(self._head() + f"[ $CNI_COMMAND != ADD ] || echo '{answer}'\n")

    def fails(self, kind: str, *commands: str) -> None:
        """Those commands; where it is not there, or cannot be started, all."""
        text = {**BROKEN, **NO_RESULT}[kind]
        if kind == "missing":
            self.file.unlink()
        elif kind == "not executable":
            self._write(self._head() + text, 0o644)
        elif kind == "no program":
            self._write(text)
        else:
            answer = '{"cniVersion": "1.0.0", "ips": [{"address": "10.9.0.5/24"}]}'
            rest = f"[ $CNI_COMMAND != ADD ] || echo '{answer}'\nexit 0\n"
            case = f"case $CNI_COMMAND in {'|'.join(commands)}) ;; *) {rest.replace(chr(10), ';')} esac\n"
            self._write(self._head() + case.replace("; esac", ";; esac").replace(";;;", ";;") + text)

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []
