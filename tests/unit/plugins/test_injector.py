# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network-resources-injector as data: what it is never asked for, and what a new certificate does."""

from __future__ import annotations

import base64
from typing import Any

from ansible_collections.baremetal.sriov.plugins.filter.filters import injector_objects
from ansible_collections.baremetal.sriov.plugins.plugin_utils.owned_objects import is_ours

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"


def made(pem: str = KEY + CERTIFICATE, **options: Any) -> dict[str, dict[str, Any]]:
    found = injector_objects({"pem": pem}, **options)["objects"]
    assert all(is_ours(item) for item in found)
    return {item["kind"]: item for item in found}


def test_pods_that_it_is_not_for_do_not_wait_for_it() -> None:
    """source: Kubernetes, "Dynamic Admission Control", good practices: leave kube-system out, and ignore failures."""
    for hook in made(namespace="nets")["MutatingWebhookConfiguration"]["webhooks"]:
        (expression,) = hook["namespaceSelector"]["matchExpressions"]
        assert (expression["operator"], expression["values"]) == ("NotIn", ["kube-system", "nets"])
        assert hook["objectSelector"]["matchLabels"] and hook["failurePolicy"] == "Ignore"
        assert hook["timeoutSeconds"] <= 10 and hook["sideEffects"] == "None"


def test_variables_reach_their_places() -> None:
    other = {"failure_policy": "Fail", "labels": [{"a": "b"}], "pull_secrets": ["s"]}
    found = made(image="x:1", namespace="nets", replicas=3, **other)
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "x:1" and pod["imagePullSecrets"] == [{"name": "s"}]
    assert found["Deployment"]["spec"]["replicas"] == 3
    (hook,) = found["MutatingWebhookConfiguration"]["webhooks"]
    assert hook["objectSelector"] == {"matchLabels": {"a": "b"}} and hook["failurePolicy"] == "Fail"
    assert hook["clientConfig"]["service"]["namespace"] == found["Secret"]["metadata"]["namespace"] == "nets"


def test_certificate_and_key_in_whatever_order() -> None:
    for pem in (KEY + CERTIFICATE, CERTIFICATE + KEY):
        found = made(pem)
        data = {name: base64.b64decode(text).decode() for name, text in found["Secret"]["data"].items()}
        assert data == {"tls.crt": CERTIFICATE, "tls.key": KEY}
        hooks = found["MutatingWebhookConfiguration"]["webhooks"]
        assert {base64.b64decode(hook["clientConfig"]["caBundle"]).decode() for hook in hooks} == {CERTIFICATE}


def test_a_new_certificate_makes_new_pods() -> None:
    def annotations(pem: str) -> dict[str, str]:
        found: dict[str, str] = made(pem)["Deployment"]["spec"]["template"]["metadata"]["annotations"]
        return found

    assert annotations(CERTIFICATE + KEY) == annotations(KEY + CERTIFICATE)
    assert annotations(CERTIFICATE.replace("A", "C") + KEY) != annotations(CERTIFICATE + KEY)


def test_nothing_is_sent_to_it_before_it_is_there_and_after_it_is_gone() -> None:
    found = injector_objects({})
    made_kinds = [item["kind"] for item in found["objects"]]
    assert made_kinds[-1] == found["references"][0]["kind"] == "MutatingWebhookConfiguration"
    assert sorted(made_kinds) == sorted(item["kind"] for item in found["references"])


def test_it_reads_networks_and_its_switches_alone() -> None:
    found = made()
    rules = found["ClusterRole"]["rules"] + found["Role"]["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert {name for rule in rules for name in rule["resources"]} == {"network-attachment-definitions", "configmaps"}
