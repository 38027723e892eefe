# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn stdin, CNI_ARGS and environments: the answer is always an error in the specification's form, with a code that
fits, and the host is as it was.
"""

from __future__ import annotations

import json
import tempfile

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sriov_cni import SUPPORTED, main
from sriov_cni.host.host import NodeHost
from sriov_cni.spec import json_text
from sriov_cni.spec.config import KEYS, canonical, parse_args
from sriov_cni.spec.errors import CniError
from sriov_cni.vf import as_new, withheld
from sriov_cni.vf.config import parse
from sriov_cni.vf.journal import Attachment
from support.cni_world import VF, World, WorldHost
from support.drawn import examples

COMMANDS = ("ADD", "DEL", "CHECK", "GC", "STATUS")
FUZZ = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(FUZZ, max_examples=examples(20))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
LIKELY = st.sampled_from(
    ["on", "off", "auto", "802.1q", "02:00:00:00:00:01", 0, 1, 5, 4094, -1, 1400, "net", VF, "1.1.0"]
)
# As os.environ gives it: any bytes but null.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30) | st.binary(
    max_size=20
).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape"))


def call(host, environment: dict[str, str], stdin: bytes) -> tuple[int, dict]:
    """The answer, which must be one JSON document."""
    with tempfile.TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        code, text = main.answer_call(host, environment, file.fileno())
    answer = json.loads(text) if text else {}
    assert (code == 1) == ("code" in answer)
    if code:
        assert answer["cniVersion"] in SUPPORTED
        assert isinstance(answer["msg"], str) and answer["msg"]
        assert answer["code"] != 999, answer
    return code, answer


@FUZZ
@given(
    raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    command=st.sampled_from(COMMANDS),
)
def test_stdin(raw, command):
    """Nothing drawn here is a network configuration: it has no name. DEL takes any object."""
    from sriov_cni.host.host import NodeHost

    assume(command != "DEL" or not raw.lstrip().startswith(b"{"))
    environment = {"CNI_COMMAND": command, "CNI_CONTAINERID": "c", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "net1"}
    code, answer = call(NodeHost(), environment, raw)
    assert code == 1
    assert answer["code"] in (1, 6, 7)


@FUZZ
@given(conf=st.dictionaries(st.sampled_from(KEYS), LIKELY | JSON, max_size=8), args=TEXT)
def test_configuration(conf, args):
    """Either understood, or refused with every mistake."""
    try:
        found = parse(canonical(conf), args)
    except CniError as error:
        assert error.code in (4, 7)
    else:
        assert found.device
        assert set(found.asked) <= {"mac", "vlan", "vlan_trunk", "rate", "spoofchk", "trust", "link_state"}


@FUZZ
@given(file=st.text(max_size=10), level=JSON)
def test_log_settings(file, level):
    """Also a path that no file can have."""
    from sriov_cni.host.host import NodeHost

    conf = {"cniVersion": "1.0.0", "name": "n", "logLevel": level, "logFile": "/dev/null/" + file, "deviceID": "x"}
    environment = {"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c", "CNI_NETNS": "/nowhere", "CNI_IFNAME": "net1"}
    code, answer = call(NodeHost(), environment, json.dumps(conf).encode())
    assert code == 1
    assert answer["code"] in (6, 7)  # 6 for the numbers that JSON does not have


@FUZZ
@given(args=TEXT | st.lists(st.tuples(TEXT, TEXT).map("=".join), max_size=4).map(";".join))
def test_args(args):
    try:
        pairs = parse_args(args)
    except CniError as error:
        assert error.code == 4
    else:
        assert set(pairs) <= {"MAC", "IgnoreUnknown"} or "IgnoreUnknown" in pairs


@FUZZ
@given(value=JSON)
def test_json_both_ways(value):
    """Our reader gives what the json package gives, and refuses what JSON does not have."""
    text = json.dumps(value)
    if "NaN" in text or "Infinity" in text:
        return
    assert json_text.loads(text.encode()) == json.loads(text)


@FUZZ
@given(raw=st.binary(max_size=60) | TEXT.map(lambda text: text.encode("utf-8", "surrogateescape")))
def test_json_that_is_none(raw):
    """Nothing but ValueError, and only where the json package refuses as well."""
    try:
        value = json_text.loads(raw)
    except ValueError:
        return
    assert json.loads(raw) == value


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """One world for all drawings: what one of them leaves, the next would find."""
    with World(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


@settings(FUZZ, max_examples=examples(30))
@given(
    keys=st.dictionaries(st.sampled_from(sorted(set(KEYS) - {"logFile", "ipam", "name"})), LIKELY | JSON, max_size=6),
    environment=st.dictionaries(
        st.sampled_from(["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH", "CNI_NETNS_OVERRIDE"]),
        TEXT, max_size=4,
    ),
    command=st.sampled_from(COMMANDS) | TEXT.filter(lambda text: text != "VERSION"),
)  # fmt: skip
def test_calls_that_may_succeed(lasting, keys, environment, command):
    """ADD and DEL of what was drawn; whatever came of it, a DEL makes all as it was."""
    before = lasting.snapshot()
    conf = {**lasting.conf, "logLevel": "panic", **keys}
    full = {**lasting.environment(command), **environment}
    code, answer = call(WorldHost(lasting), full, json.dumps(conf).encode())
    assert command in COMMANDS or answer["code"] == 4
    if code == 0 and command == "ADD":
        call(WorldHost(lasting), {**full, "CNI_COMMAND": "DEL"}, json.dumps({**conf, "cniVersion": "1.1.0"}).encode())
    assert lasting.snapshot() == before


# What a journal has, by a hand that is not ours.
FIELDS = Attachment(address=VF, container="c", ifname="net1").to_dict()
CHANGED = st.dictionaries(st.sampled_from([*FIELDS, "more"]), JSON | LIKELY, max_size=4)


@FEW
@given(changes=CHANGED, link=st.dictionaries(st.sampled_from([*as_new.ATTRIBUTES, "features", "rings"]), JSON))
def test_journals(changes, link):
    """Understood, or refused by the one error; what is understood can be acted on."""
    raw = {**FIELDS, "kernel": False, "link": link, **changes}
    try:
        attachment = Attachment.from_dict(raw)
    except ValueError:
        return
    assert json_text.loads(json_text.dumps(attachment.to_dict()).encode())["address"] == attachment.address
    assert as_new.flags_of(attachment) in (as_new.FLAGS, as_new.FIRST_FLAGS)


@FEW
@given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
       | st.dictionaries(st.sampled_from(["format", "time", "cause", "container", "interface", "tries"]), JSON | LIKELY)
       .map(lambda value: json.dumps({"format": 1, **value}).encode()))  # fmt: skip
def test_files_of_withheld_vfs(tmp_path_factory, raw):
    """Nobody else writes them: one that is none is as if it told nothing, and its VF is tried again."""
    host = NodeHost()
    host.state = str(tmp_path_factory.mktemp("state"))
    withheld.keep(host, VF, ("c", "net1"), "because")
    with open(f"{host.state}/withheld/{VF}", "wb") as file:
        file.write(raw)
    seen = withheld.read(host, VF)
    assert seen is None or (isinstance(seen["cause"], str) and seen["tries"] > 0)
    assert withheld.addresses(host) == [VF]
    withheld.pending(host)
    withheld.keep(host, VF, ("c", "net1"), "again")
    assert withheld.read(host, VF)["cause"] == "again"
