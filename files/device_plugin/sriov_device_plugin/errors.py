# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device plugin's own exceptions; `str()` of one is fit for a person."""

from __future__ import annotations


class DevicePluginError(Exception):
    """Base of all errors that the device plugin raises on purpose."""


class ConfigError(DevicePluginError):
    """The configuration file is wrong; `problems` holds every mistake, each with its JSON path."""

    def __init__(self, path: str, problems: list[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} mistake{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{path}: {count}, nothing of it is used:" + "".join(f"\n  - {p}" for p in problems))


class UnknownDeviceError(DevicePluginError):
    """The kubelet asked for devices that the pool does not have."""


class DeviceChangedError(DevicePluginError):
    """A device of the pool is gone, or no longer what the pool offers."""


class WithdrawnError(DeviceChangedError):
    """A device is taken back before it is changed, and given to no pod any more."""


class UnusableDeviceError(DeviceChangedError):
    """A container could do nothing with the device now; `reason` says why, without naming the device."""

    def __init__(self, device_id: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{device_id} {reason}")
