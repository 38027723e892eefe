# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of other software's files that set VFs and do nothing else, and the files without them. Pure.

What a line does is judged by the syntax of its file. One that is not understood counts as doing more, and a file with
such a line is left to its owner as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

MARK = "# baremetal.sriov has switched this off: "
NOTHING = ": "  # a command of the shell that does nothing: a comment alone is no body of a loop

# The syntaxes of files, as the rows of `vf_places` name them.
UNIT, DROP_IN, UDEV, SHELL, CRON, STANZAS, KEYS = "unit", "drop-in", "udev", "shell", "cron", "stanzas", "keys"
SECTION, LINK, YAML, OPTIONS, IFCFG, MORE = "section", "link", "yaml", "options", "ifcfg", ""

_QUOTED = r"""["']?{}["']?"""
_NUMBER, _PATH = _QUOTED.format(r"[\w${}]+(?:\\n)?"), _QUOTED.format(r"[\w/${}.:*-]*sriov_numvfs")
_QUIET = r"(?:\s*[12]?>\s*/dev/null|\s*2>&1)*"
_WRITE = (
    rf"(?:sudo\s+)?(?:/bin/|/usr/bin/)?(?:echo|printf)(?:\s+-n)?\s+{_NUMBER}\s*"
    rf"(?:>>?|\|\s*(?:sudo\s+)?(?:/usr)?(?:/bin/)?tee(?:\s+-a)?)\s*{_PATH}{_QUIET}"
)
_SETTING = r"(?:sudo\s+)?(?:/usr)?(?:/s?bin/)?ip\s+(?:-\S+\s+)*link\s+set\s+(?:dev\s+)?[\w${}.-]+\s+vf\s+[\w${} .:-]+"
_IDLE = r"sleep\s+[\d.]+|true|:"
_INNER = r"(?:/usr)?(?:/bin/)?(?:ba|da)?sh\s+-[a-z]*c\s+(?P<quote>[\"'])(?P<command>.*)(?P=quote)"
_INTERPRETER = r"#!\s*(?:/usr)?/bin/(?:env\s+)?(?:ba|da|k)?sh\b"
_UDEV_PART = r"\s*([A-Z_]+(?:\{[^}]*\})?)\s*(==|!=|\+=|-=|:=|=)\s*\"((?:[^\"\\]|\\.)*)\"\s*,?"
_SECTION = r"\s*\[([^]]+)\]"
_YAML_KEYS = r"( +)(?:virtual-function-count|embedded-switch-mode|delay-virtual-functions-rebind):\s*\S+\s*"
_KEY = r"\s*(?:[wW]\S*\s+\S*sriov_numvfs(?:\s.*)?|(?:\S*sriov_numvfs|sriov-num-vfs)\s*=\s*\d+)\s*"
_OPTIONS = r"\s*options\s+\S+(?:\s+(?:max_vfs|num_vfs|probe_vf)=\S+)+\s*"


def is_vf_command(text: str) -> bool:
    """Whether a command line of a shell writes numbers of VFs, or settings of VFs, and does nothing else."""
    text = text.strip()
    inner = re.fullmatch(_INNER, text)
    if inner:
        return is_vf_command(inner["command"])
    parts = [part.strip() for part in re.split(r"\|\||&&|;", text) if part.strip()]
    sets = [bool(re.fullmatch(_WRITE, part) or re.fullmatch(_SETTING, part)) for part in parts]
    return any(sets) and all(done or re.fullmatch(_IDLE, part) for done, part in zip(sets, parts))


def without(text: str, syntax: str, numbers: Sequence[int]) -> dict[int, str] | None:
    """The lines that take the place of those that set VFs, by their numbers from 1. numbers: of lines that do.

    None where one of these does more, or nobody can tell.
    """
    lines = text.split("\n")
    chosen = _chosen(lines, syntax, numbers)
    if chosen is None or any(_continued(lines, number) for number in chosen):
        return None
    start = NOTHING if syntax == SHELL else ""
    return {number: f"{start}{MARK}{lines[number - 1]}" for number in chosen}


def replaced(text: str, lines: Mapping[int, str]) -> str:
    """The text with these lines in the place of its own."""
    found = text.split("\n")
    for number, line in lines.items():
        found[number - 1] = line
    return "\n".join(found)


def restored(text: str) -> str:
    """The text with all that was switched off in it as it was."""
    return re.sub(rf"(?m)^(?:{re.escape(NOTHING)})?{re.escape(MARK)}", "", text)


def is_vf_unit(text: str) -> bool:
    """Whether all that a service runs sets VFs."""
    commands = [match[1] for match in re.finditer(r"(?m)^\s*Exec(?!Condition)\w+\s*=\s*[-@+!:]*(.*)$", text)]
    return bool(commands) and "\\\n" not in text and all(map(is_vf_command, commands))


def _chosen(lines: Sequence[str], syntax: str, numbers: Sequence[int]) -> list[int] | None:
    if syntax in (SECTION, LINK):
        return _in_sections(lines, syntax, numbers)
    if syntax == SHELL and not _is_shell(lines):
        return None
    if syntax == YAML:
        return list(numbers) if all(_has_sibling(lines, number) for number in numbers) else None
    judge = _JUDGES.get(syntax)
    return list(numbers) if judge and all(judge(lines[number - 1]) for number in numbers) else None


def _is_shell(lines: Sequence[str]) -> bool:
    """A script that a shell runs, in which no line is a text: of a here-document, or of quotes over several lines."""
    known = not lines[0].startswith("#!") or re.match(_INTERPRETER, lines[0])
    return bool(known) and not any("<<" in line or line.count("'") % 2 or line.count('"') % 2 for line in lines)


def _continued(lines: Sequence[str], number: int) -> bool:
    """Whether a line goes on in the next one, or began in the one before."""
    return any(line.endswith("\\") for line in lines[max(number - 2, 0) : number])


def _in_sections(lines: Sequence[str], syntax: str, numbers: Sequence[int]) -> list[int] | None:
    """The whole sections that are about VFs; in a .link file, single keys as well."""
    found: list[int] = []
    section = ""
    for number, line in enumerate(lines, 1):
        head = re.match(_SECTION, line)
        section = head[1].lower() if head else section
        is_key = syntax == LINK and re.match(r"\s*SR-IOVVirtualFunctions\s*=", line)
        if line.strip() and not re.match(r"\s*[#;]", line) and (section in ("sriov", "sr-iov") or is_key):
            found.append(number)
    return found if set(numbers) <= set(found) else None


def _has_sibling(lines: Sequence[str], number: int) -> bool:
    """Whether a key of netplan's YAML leaves another one in its mapping: one without a value would be none."""
    own = re.fullmatch(_YAML_KEYS, lines[number - 1])
    if own is None:
        return False
    above, below = reversed(lines[: number - 1]), lines[number:]
    return any(_sibling(side, len(own[1])) for side in (above, below))


def _sibling(lines: Iterator[str] | Sequence[str], indent: int) -> bool:
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        here = len(line) - len(line.lstrip(" "))
        if here < indent:
            return False
        if here == indent and not re.fullmatch(_YAML_KEYS, line) and re.match(r" +[\w-]+:", line):
            return True
    return False


def _is_rule(line: str) -> bool:
    """A udev rule that does nothing but set VFs."""
    parts = re.findall(_UDEV_PART, line)
    if re.sub(_UDEV_PART, "", line).strip():
        return False
    does = [(key, value) for key, operator, value in parts if operator not in ("==", "!=")]
    plain = [key.startswith("ATTR{") and key.endswith("sriov_numvfs}") for key, _value in does]
    runs = [key.partition("{")[0] == "RUN" and is_vf_command(value) for key, value in does]
    return bool(does) and all(one or other for one, other in zip(plain, runs))


def _is_cron(line: str) -> bool:
    found = re.fullmatch(r"\s*(?:@\w+|(?:[\d*/,-]+\s+){4}[\w*/,-]+)\s+(.*)", line)
    rest = found[1] if found else ""
    return is_vf_command(rest) or is_vf_command(rest.partition(" ")[2])


def _is_stanza(line: str) -> bool:
    found = re.fullmatch(r"\s*(?:pre-up|up|post-up|pre-down|down|post-down)\s+(.*)", line)
    return found is not None and is_vf_command(found[1])


def _is_exec(line: str) -> bool:
    found = re.fullmatch(r"\s*Exec(?!Condition)\w+\s*=\s*[-@+!:]*(.*)", line)
    return found is not None and is_vf_command(found[1])


def _is_ifcfg(line: str) -> bool:
    script = re.fullmatch(r"\s*(?:PRE|POST)_(?:UP|DOWN)_SCRIPT=([\"'])(.*)\1\s*", line)
    return bool(re.match(r"\s*SRIOV_\w+=", line)) or (script is not None and is_vf_command(script[2]))


_JUDGES: Mapping[str, Callable[[str], object]] = {
    KEYS: partial(re.fullmatch, _KEY),
    OPTIONS: partial(re.fullmatch, _OPTIONS),
    SHELL: is_vf_command,
    UDEV: _is_rule,
    CRON: _is_cron,
    STANZAS: _is_stanza,
    DROP_IN: _is_exec,
    IFCFG: _is_ifcfg,
}
