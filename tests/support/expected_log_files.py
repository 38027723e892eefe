# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which `logFile` the plugin writes to, as root, for whoever may write a network's configuration.

# source: Filesystem Hierarchy Standard 3.0, 5.10 (/var/log holds log files); open(2) for O_NOFOLLOW, O_NONBLOCK and
# what opening a FIFO or a device does; proc(5), sysctl kernel.core_pattern and ld.so(8), /etc/ld.so.preload, for what
# a line of text is enough for elsewhere. The expectation itself: below the node's log folder, and nowhere else.
"""

from __future__ import annotations

# {folder} is the node's log folder, {other} a folder beside it. Path: words of what was found.
REFUSED_PATHS = {
    "ld.so.preload": ("/etc/ld.so.preload", "/etc/ld.so.preload"),
    "core_pattern": ("/proc/sys/kernel/core_pattern", "core_pattern"),
    "beside": ("{other}/log", "/log"),
    "same beginning": ("{folder}-more/log", "-more/log"),
    "relative": ("log", "'log'"),
    "relative with folder": ("var/log/log", "'var/log/log'"),
    "parent": ("{folder}/../other/log", ".."),
    "parent and back": ("{folder}/../log/log", ".."),
    "parent at the end": ("{folder}/..", ".."),
    "the folder": ("{folder}", "the folder"),
    "the folder with a slash": ("{folder}/", "the folder"),
    "line feed": ("{folder}/a\nb", "control character"),
    "null": ("{folder}/a\0b", "control character"),
    "standard error": ("/dev/stderr", "/dev/stderr"),
    "own descriptor": ("/proc/self/fd/2", "/proc/self/fd/2"),
    "cron": ("/etc/cron.d/log", "/etc/cron.d/log"),
}
# What is there already: made by the test. Words of what was found; the object is as before, nothing waits for it.
REFUSED_OBJECTS = {
    "FIFO": "a FIFO",
    "FIFO that is read": "a FIFO",
    "socket": "a socket",
    "character device": "a device",
    "block device": "a device",
    "folder": "a folder",
    "symbolic link": "a symbolic link",
    "symbolic link within": "a symbolic link",
    "dangling link": "a symbolic link",
    "link in the way": "a symbolic link",
    "link in the way, two levels up": "a symbolic link",
    "hard link": "2 names",
    "file in the way": "no folder",
    "of another user": "another user",
    "writable by others": "writable by others",
}
# Fit, and written; the mode is of a file that was not there.
FIT_PATHS = ("{folder}/log", "{folder}/sub/log", "{folder}//sub/./log", "{folder}/a b.log", "{folder}/\u00e4.log")
MODE = 0o600
# Fit, but it cannot be written now: the pod gets its VF, and the lines go to stderr.
NOT_NOW = ("{folder}/missing/log", "{folder}/" + "n" * 256)

# Command: code for an unfit one, 0 for success. Only who makes something new is refused.
CODES = {"ADD": 7, "STATUS": 50, "DEL": 0, "GC": 0}
LINE_BYTES = 4096  # at most, of one line
FILE_BYTES = 64 << 20  # a file of that size gets no more lines: they go to stderr

# Text that somebody else chose, in a line of the log: no byte of it may end the line or move a terminal's cursor.
FORBIDDEN = ["\n", "\r", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e"]

# The node's setting, /etc/baremetal-sriov/cni.json: text, and whether {other} is the log folder then.
SETTINGS = {
    "another folder": ('{{"format": 1, "log_dir": "{other}"}}', True),
    "no folder named": ('{{"format": 1}}', False),
}
# A setting that is no good: no file is written at all.
BAD_SETTINGS = {
    "no JSON": "{{",
    "a list": "[]",
    "another format": '{{"format": 2, "log_dir": "{other}"}}',
    "relative": '{{"format": 1, "log_dir": "other"}}',
    "the root": '{{"format": 1, "log_dir": "/"}}',
    "parent": '{{"format": 1, "log_dir": "{other}/.."}}',
    "a number": '{{"format": 1, "log_dir": 5}}',
    "too long": '{{"format": 1, "log_dir": "{other}"}}' + " " * 70000,
}

# Other paths and names that root uses: key or variable, value, and code of ADD. DEL of each answers 0, or 4 for what
# names no attachment at all.
OTHER_PATHS = {
    "deviceID up": ({"deviceID": "../../../../etc"}, {}, 7, 0),
    "deviceID absolute": ({"deviceID": "/etc/passwd"}, {}, 7, 0),
    "deviceID with a folder": ({"deviceID": "0000:01:10.0/net"}, {}, 7, 0),
    "deviceID with null": ({"deviceID": "0000:01:10.0\0"}, {}, 7, 0),
    "container up": ({}, {"CNI_CONTAINERID": "../c1"}, 4, 4),
    "container with a folder": ({}, {"CNI_CONTAINERID": "a/b"}, 4, 4),
    "interface up": ({}, {"CNI_IFNAME": ".."}, 4, 4),
    "interface with a folder": ({}, {"CNI_IFNAME": "a/b"}, 4, 4),
    "namespace is a file": ({}, {"CNI_NETNS": "{root}/pf.json"}, 4, 0),
    "namespace is a FIFO": ({}, {"CNI_NETNS": "{root}/fifo"}, 4, 0),
    "namespace is a device": ({}, {"CNI_NETNS": "/dev/null"}, 4, 0),
    "namespace of another kind": ({}, {"CNI_NETNS": "/proc/self/ns/uts"}, 4, 0),
    "IPAM plugin up": ({"ipam": {"type": "../bin/test-ipam"}}, {}, 7, 0),
    "network up": ({"name": "../net"}, {}, 7, 0),
    "PF from the configuration": ({"deviceID": "0000:01:00.0"}, {}, 100, 0),
}
