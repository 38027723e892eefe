# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON text to objects and back, from the interpreter's C parts.

The json package costs as much as the bare interpreter to import (it needs re and enum); its C scanner does
not.
"""

from __future__ import annotations

try:
    from _json import encode_basestring_ascii as _quote
    from _json import make_scanner as _make_scanner
except ImportError:  # another Python than CPython: the package does the same, later
    import json.encoder
    import json.scanner

    _quote = json.encoder.py_encode_basestring_ascii
    _make_scanner = json.scanner.py_make_scanner  # type: ignore[misc,attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


class _Context:
    """What the C scanner asks of a json.JSONDecoder."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)
    memo: ClassVar[dict[str, str]] = {}  # of the scanner that is written in Python


_scan = _make_scanner(_Context())  # type: ignore[arg-type]
_SPACE = " \t\r\n"


Json = dict[str, "Any"]  # an object


def loads(raw: bytes) -> Any:
    """The one JSON value in `raw` (UTF-8). Raises ValueError with the reason for anything else."""
    text = raw.decode("utf-8")
    start, end = 0, len(text)
    while start < end and text[start] in _SPACE:
        start += 1
    try:
        try:
            value, stop = _scan(text, start)
        except SystemError:  # it takes its exception's class from the json package, and fails where that is not loaded
            import json.decoder  # noqa: F401 - for the message, where time does not count any more

            value, stop = _scan(text, start)
    except StopIteration as stop_at:
        raise ValueError(f"no JSON value at character {stop_at.value}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    while stop < end and text[stop] in _SPACE:
        stop += 1
    if stop != end:
        raise ValueError(f"text after the JSON value at character {stop}")
    return value


def dumps(value: Any) -> str:
    """Compact JSON of dict, list, str, int, bool and None. Raises TypeError for anything else."""
    if isinstance(value, str):
        return str(_quote(value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([dumps(item) for item in value]) + "]"
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quote(key)}:{dumps(item)}" for key, item in value.items()]) + "}"
    raise TypeError(f"no JSON form of {type(value).__name__}")
