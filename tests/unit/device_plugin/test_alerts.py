# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules: of Prometheus' form, and about metrics and labels that are served.

source: Prometheus' documentation, "Alerting rules" and "Querying basics".
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from sriov_device_plugin import metrics
from sriov_device_plugin.host.discovery import Device
from sriov_device_plugin.host.node_state import Drift, NodeState
from sriov_device_plugin.kubelet.registration import PoolEndpoint
from support.dp_daemon import PLUGIN

DOCUMENT = yaml.safe_load((PLUGIN / "alerts.yml").read_text())
RULES = [rule for group in DOCUMENT["groups"] for rule in group["rules"]]
STATE = NodeState(Drift(1, 1, 1, 1, 1.0), True, 1, 1)
WORDS = {"time", "unless", "on", "and", "or", "max_over_time", "increase", "by", "sum"}


@pytest.fixture(scope="module")
def served() -> dict[str, set[str]]:
    """Metric -> its labels, where everything is there that can be; of pools and VFs by what makes theirs."""
    text = metrics.render([], "/nowhere", ["x"], STATE, ["d"])
    found = {line.split("{")[0]: set(re.findall(r'(\w+)="', line)) for line in text.splitlines() if line[0] != "#"}
    none: list[PoolEndpoint] = []
    found.update({metric.name: {"resource"} for metric in metrics._pools(none, {})})
    labels = metrics._vf_labels("r", Device(id="a", class_id="020000"), metrics.Holder())
    found.update({metric.name: set(labels) for metric in metrics._vf_counters(none, {})})
    return found


def test_the_file_has_prometheus_form() -> None:
    assert set(DOCUMENT) == {"groups"}
    for group in DOCUMENT["groups"]:
        assert set(group) <= {"name", "rules", "interval"} and isinstance(group["name"], str)
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) >= 8
    for rule in RULES:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule
        assert re.fullmatch("[A-Z][A-Za-z]+", rule["alert"]) and re.fullmatch("[0-9]+[smhd]", rule["for"])
        assert rule["labels"] in ({"severity": "warning"}, {"severity": "critical"}, {"severity": "info"})
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_it_is_about_what_is_served(rule: dict[str, Any], served: dict[str, set[str]]) -> None:
    names = set(re.findall(r"[a-zA-Z_]\w*", re.sub(r"\[\w+\]|\{[^}]*\}", "", rule["expr"]))) - WORDS
    metrics_named = {name for name in names if name.startswith("sriov_")}
    labels = set.intersection(*(served[name] for name in metrics_named))
    assert metrics_named and names - metrics_named <= labels
    assert rule["expr"].count("(") == rule["expr"].count(")")
    assert re.search(r" (>|<|==|!=) ", rule["expr"])
    used = {word for text in rule["annotations"].values() for word in re.findall(r"\$labels\.(\w+)", text)}
    assert used <= labels | {"instance"}
    for text in rule["annotations"].values():
        assert text.count("{{") == text.count("}}")


@pytest.mark.parametrize("what", ["drift", "reboot_pending", "withheld", "failed_restores"])
def test_what_the_programs_left_has_a_rule(what: str) -> None:
    assert any(what in rule["expr"] for rule in RULES)
