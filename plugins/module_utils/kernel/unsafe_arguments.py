# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel arguments after which a node does not come back as it was: rescue modes, another root or init, and what
waits for somebody at the console. They are taken on request only. Pure.

Not here is what only changes how the usual system runs (`ro`, `panic=`, `selinux=0`, `systemd.debug_shell`).

Sources: kernel-command-line(7), systemd(1), systemd-run-generator(8), systemd's runlevel_to_target();
Documentation/admin-guide/kernel-parameters.txt; dracut.cmdline(7); initramfs-tools(7); systemd-debug-generator(8);
live-boot(7); casper(7).
"""

from __future__ import annotations

from ..model.errors import Mistake

_TARGET = "has systemd start another target than the node's own"
_RESCUE = "boots systemd's rescue mode, without network and SSH"
_EMERGENCY = "boots systemd's emergency mode, without network and SSH"
_SHELL = "stops the boot at a shell on the console"
_ROOT = "is about which root file system is booted"
_USR = "is about which /usr is booted"
_ASKS = "waits for somebody at the console"
_INIT = "starts another program in the place of init"
_NO_STATE = "boots without the state that the root file system has"
_INITRD = "is about which initial RAM disk is booted"

# Words that count as a whole, without a value.
_WORDS = {
    "emergency": _EMERGENCY,
    "rd.emergency": _EMERGENCY,
    "rescue": _RESCUE,
    "rd.rescue": _RESCUE,
    "single": _RESCUE,
    "s": _RESCUE,
    "S": _RESCUE,
    "1": _RESCUE,
    "2": _TARGET,
    "3": _TARGET,
    "4": _TARGET,
    "5": _TARGET,
    "recovery": "boots Ubuntu's recovery menu on the console",
    "noinitrd": _INITRD,
    "kgdbwait": "stops the kernel until a debugger is there",
}
# Keys that count with and without a value, `-` read as `_` (as systemd and the kernel do).
_KEYS = {
    "init": _INIT,
    "rdinit": _INIT,
    "initrd": _INITRD,
    "root": _ROOT,
    "rootfstype": _ROOT,
    "rootflags": _ROOT,
    "nfsroot": _ROOT,
    "roothash": _ROOT,
    "usrhash": _USR,
    "mount.usr": _USR,
    "mount.usrflags": _USR,
    "mount.usrfstype": _USR,
    "ostree": _ROOT,
    "systemd.unit": _TARGET,
    "rd.systemd.unit": _TARGET,
    "systemd.run": "boots one command in the place of the usual target",
    "systemd.break": _SHELL,
    "rd.systemd.break": _SHELL,
    "rd.break": _SHELL,
    "break": _SHELL,
}
# Keys that do no harm with a value that means no.
_SWITCHES = {
    "systemd.confirm_spawn": _ASKS,
    "systemd.volatile": _NO_STATE,
    "overlayroot": _NO_STATE,
}
_NO = ("0", "no", "n", "false", "f", "off", "disabled")
# Keys of which some values alone count.
_VALUES = {
    ("boot", "nfs"): _ROOT,
    ("boot", "live"): _ROOT,
    ("boot", "casper"): _ROOT,
    ("rd.cmdline", "ask"): _ASKS,
}
_NUMBER = "is a number alone, which is what is left of a text that was split at its commas"
_LETTER = "is one character, which is what is left of a text that was taken apart into its letters"


def what(argument: str) -> str:
    """What the argument does to the next boot, to follow "which"; empty where it is harmless."""
    plain = "".join(argument.replace('"', "").replace("'", "").split())
    if plain in _WORDS:
        return _WORDS[plain]
    if len(plain) == 1:
        return _LETTER
    if plain.isdigit():
        return _NUMBER
    key, _equals, value = plain.partition("=")
    key = key.replace("-", "_")
    if key in _SWITCHES:
        return "" if value.lower() in _NO else _SWITCHES[key]
    return _KEYS.get(key) or _VALUES.get((key, value), "")


def mistakes(arguments: tuple[str, ...], path: str, option: str) -> list[Mistake]:
    """A mistake for each argument that needs an explicit yes. path: the field that holds the list; option: the name
    of what says yes, as the reader knows it.
    """
    return [
        Mistake(
            f"{path}[{number}]",
            f"expected an argument with which the node boots as before, found {argument!r}, which {effect}. "
            f"Remove it, or set {option}: true if this is what you want",
        )
        for number, argument in enumerate(arguments)
        for effect in [what(argument)]
        if effect
    ]
