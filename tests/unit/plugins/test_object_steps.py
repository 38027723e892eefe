# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that roles own as steps of a plan: what comes, changes and goes, in all forms, and without secrets."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from ansible_collections.baremetal.sriov.plugins.filter.object_filters import (
    foreign_refusal,
    object_changes,
    record_steps,
    steps_of_objects,
)
from ansible_collections.baremetal.sriov.plugins.plugin_utils import cluster_plan, fleet, injector, multus
from ansible_collections.baremetal.sriov.plugins.plugin_utils.approval import cluster_differences
from ansible_collections.baremetal.sriov.plugins.plugin_utils.object_steps import ROLES
from ansible_collections.baremetal.sriov.plugins.plugin_utils.plan_rows import sections
from ansible_collections.baremetal.sriov.plugins.plugin_utils.verdicts import document

ID = "finding-people-07"
THICK = multus.objects(multus.on("kubeadm", kind="thick"))
THIN = multus.objects(multus.on("kubeadm", kind="thin"))
NAMES = multus.references("kube-system")


def changed(wanted: list[dict[str, Any]], found: list[dict[str, Any]], defined: bool = True) -> list[dict[str, Any]]:
    return steps_of_objects(object_changes(wanted, found, NAMES), found, "multus", defined)


def told(steps: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(step["action"], step["target"]) for step in steps]


@pytest.mark.parametrize("kind", [pytest.param(one, id=f"{ID}-multus-{one}") for one in ("thin", "thick")])
def test_multus_comes_changes_and_goes(kind: str) -> None:
    """Nothing twice; the definition of networks first where the cluster has none; the other kind's objects go."""
    wanted, other = (THICK, THIN) if kind == "thick" else (THIN, THICK)
    (first, *rest) = changed(wanted, [], defined=False)
    assert (first["kind"], first["role"]) == ("custom_resource_definition", "multus")
    assert [step["action"] for step in rest] == ["add"] * len(wanted)
    assert rest[-1]["target"] == "DaemonSet kube-system/kube-multus-ds"
    assert rest[-1]["after"]["images"].startswith("ghcr.io/k8snetworkplumbingwg/multus-cni:v4.3.0")
    assert {step["part"] for step in rest} == {"cluster"} and {step["before"] for step in rest} == {None}
    assert changed(wanted, wanted) == []
    moved = dict(told(changed(wanted, other)))
    assert ("remove" in moved) == (kind == "thin")
    gone = told(changed([], wanted))
    assert len(gone) == len(wanted) and {action for action, _target in gone} == {"remove"}


def test_a_change_names_the_paths_that_differ() -> None:
    found = copy.deepcopy(THIN)
    pod = found[-1]["spec"]["template"]["spec"]
    pod["containers"][0]["image"] = "old:1"
    del found[0]["metadata"]["labels"]
    found[0]["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "baremetal.sriov"}
    (step,) = changed(THIN, found)
    assert step["before"] == {"spec.template.spec.containers[0].image": "old:1"}
    assert list(step["after"]) == list(step["before"])
    (section,) = sections({"plan": {"steps": [step]}})
    (row,) = section.rows
    assert section.title == "cluster" and row.before == "spec.template.spec.containers[0].image old:1"


THEIRS = {**THIN[-1], "metadata": {**THIN[-1]["metadata"], "labels": {}}}


@pytest.mark.parametrize("role", [pytest.param(one, id=f"{ID}-foreign-{one}") for one in ROLES])
def test_objects_of_somebody_else_are_neither_changed_nor_removed(role: str) -> None:
    changes = object_changes(THIN[:-1], [THEIRS], NAMES)
    assert changes["delete"] == [] and changes["foreign"] == [THEIRS]
    sentence = foreign_refusal(changes["foreign"], role)
    assert sentence.startswith("DaemonSet kube-system/kube-multus-ds: expected no object of somebody else, found one")
    assert foreign_refusal([], role) == ""
    assert "Multus already, of somebody else: kube-multus-ds." in foreign_refusal([THEIRS], "another multus")


def test_what_only_the_other_kind_has_stays_where_it_is_somebody_elses() -> None:
    (config,) = [item for item in THICK if item["kind"] == "ConfigMap"]
    theirs = {**config, "metadata": {**config["metadata"], "labels": {}}}
    changes = object_changes(THIN, [*THIN, theirs], NAMES)
    assert changes["delete"] == [] and changes["foreign"] == [theirs]


def made(certificate: str = injector.NEW, key: str = injector.NEW, **options: Any) -> list[dict[str, Any]]:
    return injector.objects(injector.Injector(certificate, key, **options))


def injected(wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    changes = object_changes(wanted, found, injector.references("kube-system"))
    return steps_of_objects(changes, found, "injector")


@pytest.mark.parametrize("what", [pytest.param("certificate", id=f"{ID}-injector")])
def test_a_new_certificate_is_told_and_no_key_is(what: str) -> None:
    """Before it is made: what an approved plan has is what is compared with it."""
    found = made("OLD", "S3CRET")
    steps = injected(made(), found)
    assert told(steps) == [
        ("change", "Secret kube-system/network-resources-injector-tls"),
        ("change", "Deployment kube-system/network-resources-injector"),
        ("change", "MutatingWebhookConfiguration network-resources-injector"),
    ]
    assert steps[0]["after"] == {"data[tls.crt]": injector.NEW, "data[tls.key]": injector.NEW}
    assert set(steps[1]["after"].values()) == set(steps[2]["after"].values()) == {injector.NEW}
    text = json.dumps([*steps, *injected(made("OLD", "S3CRET"), []), *injected([], found)])
    assert "S3CRET" not in text and base64.b64encode(b"S3CRET").decode() not in text, what
    assert injected(made("OLD", "S3CRET"), found) == []


def test_new_objects_that_differ_are_told_apart() -> None:
    """A plan that was approved for one image is none for another."""
    one, other = (injected(made(image=image), []) for image in ("a:1", "a:2"))
    assert told(one) == told(other) and one != other


RECORD = "kube-system/baremetal-sriov-slices"


def record(*nodes: int) -> dict[str, str]:
    return {"blue": json.dumps({f"n{n:03}": [f"10.9.{n}.0-10.9.{n}.63"] for n in nodes})}


@pytest.mark.parametrize(
    "case", [pytest.param(one, id=f"{ID}-slices-{one}") for one in ("first", "more", "less", "none")]
)
def test_the_record_of_slices(case: str) -> None:
    before, then, goes, expected = {
        "first": (None, record(1), False, [("add", f"ConfigMap {RECORD}"), ("add", "network blue node n001")]),
        "more": (record(1), record(1, 2), False, [("add", "network blue node n002")]),
        "less": (record(1, 2), record(2), False, [("remove", "network blue node n001")]),
        "none": (record(1), {}, True, [("remove", "network blue node n001"), ("remove", f"ConfigMap {RECORD}")]),
    }[case]
    assert told(record_steps(then, before, RECORD, goes)) == expected
    assert record_steps(then, then, RECORD) == []


def test_slices_of_many_nodes_are_one_row() -> None:
    steps = record_steps(record(*range(1, 201)), None, RECORD)
    (section,) = sections({"plan": {"steps": steps}})
    assert [row.target for row in section.rows] == [f"ConfigMap {RECORD}", "network blue, 200 nodes"]
    assert section.rows[1].after == "10.9.1.0-10.9.1.63 .. 10.9.200.0-10.9.200.63"
    assert len(steps) == 201


@pytest.mark.parametrize("form", [pytest.param(one, id=f"{ID}-cluster-{one}") for one in ("text", "markdown", "json")])
def test_all_forms_say_the_same_of_the_cluster(form: str) -> None:
    steps = [*changed(THIN, [], defined=False), *injected(made(), []), *record_steps(record(1), None, RECORD)]
    document_of_all = document({}, [], {"prod": cluster_plan.plan(steps)})
    assert document_of_all["verdict"] == document_of_all["clusters"]["prod"]["verdict"] == "changes"
    text = {"text": "\n".join(fleet.text(document_of_all)), "json": json.dumps(document_of_all),
            "markdown": fleet.markdown(document_of_all)}[form]  # fmt: skip
    for word in ("kube-multus-ds", "MutatingWebhook", "network blue node n001", "10.9.1.0-10.9.1.63"):
        assert word in text, text


def test_each_role_compares_its_own_steps_with_the_approved_ones() -> None:
    """Also in batches, of which each does some of its steps."""
    steps = {"multus": changed(THIN, []), "injector": injected(made(), []),
             "slices": record_steps(record(1, 2), None, RECORD)}  # fmt: skip
    everything = [step for listed in steps.values() for step in listed]
    text = json.dumps(document({}, [], {"prod": cluster_plan.plan(everything)}))
    for role, own in steps.items():
        assert cluster_differences(own, text, "prod", role=role) == []
        assert cluster_differences(own[:-1], text, "prod", role=role) != []
        assert cluster_differences(own[:-1], text, "prod", role=role, some=True) == []
    (other,) = cluster_differences(record_steps(record(3), record(), RECORD), text, "prod", role="slices", some=True)
    assert other.startswith("planned now, and not approved: network blue node n003: add")
