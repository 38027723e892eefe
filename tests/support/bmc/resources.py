# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of a fake BMC, as small as a client may expect them (source: DSP0266, DSP0268)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from support.bmc.nics import CHASSIS, chassis
from support.bmc.shapes import Shape, registry

if TYPE_CHECKING:
    from support.bmc.fake import FakeBmc

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
MANAGER = f"{ROOT}/Managers/1"
RESETS = ("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle")
TARGETS = ["None", "Pxe", "Hdd", "Cd", "UefiHttp", "BiosSetup"]
Tree = dict[str, Any]


def link(path: str) -> Tree:
    """A reference."""
    return {"@odata.id": path}


def message(number: str, text: str, *attributes: str) -> Tree:
    """An item of ExtendedInfo."""
    related = [f"#/Attributes/{name}" for name in attributes]
    return {"MessageId": number, "Message": text, "RelatedProperties": related, "MessageSeverity": "Warning"}


def error(number: str, text: str, *attributes: str) -> Tree:
    """The body of a failure."""
    return {"error": {"code": number, "message": text, "@Message.ExtendedInfo": [message(number, text, *attributes)]}}


def jobs_path(shape: Shape) -> str:
    """Where the jobs, or the tasks, are."""
    return f"{MANAGER}/Jobs" if shape.job_lock else f"{ROOT}/TaskService/Tasks"


def bios_path(shape: Shape) -> str:
    """Where the BIOS is, as it is linked."""
    return f"{SYSTEM}/{shape.bios}"


def settings_path(shape: Shape) -> str:
    """Where what is staged is."""
    return f"{bios_path(shape).rstrip('/')}/{shape.settings}"


def resource(bmc: FakeBmc, path: str) -> Tree | None:
    """What a GET of a path without a slash at its end is answered, None where there is nothing."""
    shape, sessions = bmc.shape, f"{ROOT}/SessionService/Sessions"
    found: dict[str, Callable[[], Tree]] = {
        ROOT: lambda: _root(shape),
        sessions: lambda: {"Members": [link(f"{sessions}/{number}") for number in bmc.sessions]},
        f"{ROOT}/Systems": lambda: {"Members": [link(SYSTEM)]},
        f"{ROOT}/Managers": lambda: {"Members": [link(MANAGER)]},
        MANAGER: lambda: _manager(shape),
        f"{ROOT}/TaskService": lambda: {"Tasks": link(f"{ROOT}/TaskService/Tasks")},
        f"{ROOT}/TaskService/Tasks": lambda: {"Members": []},
        jobs_path(shape): lambda: {"Members": [link(job["@odata.id"]) for job in bmc.jobs.values()]},
        SYSTEM: lambda: _system(bmc),
    }
    if bmc.has_bios:
        found[bios_path(shape).rstrip("/")] = lambda: _bios(bmc)
        found[settings_path(shape).rstrip("/")] = lambda: _settings(bmc)
    if bmc.has_registry:
        found.update(_registries(bmc))
    found.update(chassis(bmc.nics, shape))
    for job in bmc.jobs.values():
        if job["@odata.id"] == path:
            return dict(job)
    return found[path]() if path in found else None


def _registries(bmc: FakeBmc) -> dict[str, Callable[[], Tree]]:
    top = f"{ROOT}/Registries"
    own = {
        "Id": "BiosAttributeRegistry", "Registry": "BiosAttributeRegistry.v1_0_0",
        "Location": [{"Language": "en", "Uri": f"{top}/Attributes/File"}],
    }  # fmt: skip
    return {
        top: lambda: {"Members": [link(f"{top}/{one}") for one in ("Base", "Attributes")]},
        f"{top}/Base": lambda: {"Id": "Base", "Registry": "Base.1.8"},
        f"{top}/Attributes": lambda: own,
        f"{top}/Attributes/File": lambda: registry(bmc.shape, bmc.read_only),
    }


def _root(shape: Shape) -> Tree:
    oem = {"HPE": "Hpe", "AMI": "Ami"}.get(shape.vendor, shape.vendor)
    found: Tree = {
        "RedfishVersion": "1.11.0", "Vendor": shape.vendor, "Oem": {oem: {}}, "Systems": link(f"{ROOT}/Systems"),
        "Managers": link(f"{ROOT}/Managers"), "Registries": link(f"{ROOT}/Registries"),
        "Tasks": link(f"{ROOT}/TaskService"),
    }  # fmt: skip
    if shape.job_lock:  # iDRAC9, ProtocolFeaturesSupported
        found["ProtocolFeaturesSupported"] = {"ExpandQuery": {"ExpandAll": True, "Levels": True}}
    if shape.sessions:
        found["Links"] = {"Sessions": link(f"{ROOT}/SessionService/Sessions")}
        found["SessionService"] = link(f"{ROOT}/SessionService")
    return found


def _manager(shape: Shape) -> Tree:
    found: Tree = {"Id": "1", "ManagerType": "BMC"}
    if shape.job_lock:
        found["Links"] = {"Oem": {"Dell": {"Jobs": link(jobs_path(shape))}}}
    return found


def _system(bmc: FakeBmc) -> Tree:
    in_post = time.monotonic() < bmc.post_until
    found = {
        "@odata.id": SYSTEM, "Id": "1", "Manufacturer": bmc.shape.vendor, "Model": "Model 1", "BiosVersion": "1.2.3",
        "UUID": "6695eb01-f6a4-8304-79aa-97f2502e193f", "SerialNumber": "S1", "PowerState": bmc.power,
        "BootProgress": {"LastState": "SystemHardwareInitializationComplete" if in_post else "OSRunning"},
        "Boot": {
            "BootSourceOverrideTarget": bmc.boot["target"], "BootSourceOverrideEnabled": bmc.boot["enabled"],
            "BootSourceOverrideMode": bmc.boot["mode"],
            "BootSourceOverrideTarget@Redfish.AllowableValues": TARGETS,
        },
        "Actions": {"#ComputerSystem.Reset": {
            "target": f"{SYSTEM}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": list(RESETS),
        }},
        "Links": {"ManagedBy": [link(MANAGER)], "Chassis": [link(CHASSIS)]},
    }  # fmt: skip
    if bmc.has_bios:
        found["Bios"] = link(bios_path(bmc.shape))
    return found


def _bios(bmc: FakeBmc) -> Tree:
    version = "v1_0_3" if bmc.shape.registry_version_differs else "v1_0_0"
    return {
        "@odata.id": bios_path(bmc.shape), "AttributeRegistry": f"BiosAttributeRegistry.{version}",
        "Attributes": dict(bmc.current),
        "@Redfish.Settings": {
            "SettingsObject": link(settings_path(bmc.shape)), "Messages": bmc.messages,
            **({"SupportedApplyTimes": list(bmc.shape.apply_times)} if bmc.shape.apply_times else {}),
        },
    }  # fmt: skip


def _settings(bmc: FakeBmc) -> Tree:
    staged = bmc.staged if bmc.shape.staged == "deltas" else {**bmc.current, **bmc.staged}
    found: Tree = {"@odata.id": settings_path(bmc.shape), "Attributes": dict(staged)}
    if bmc.shape.apply_times:
        found["@Redfish.SettingsApplyTime"] = {"SupportedApplyTimes": list(bmc.shape.apply_times)}
    if bmc.shape.etag == "body":
        found["@odata.etag"] = bmc.etag()
    return found
