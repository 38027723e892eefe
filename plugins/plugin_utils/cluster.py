# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a cluster's API server, and what its answers say that no second try makes better."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from .verdicts import without_wrappers

# Option of kubernetes.core -> the variable of its environment, which counts where the inventory says nothing.
_ENVIRONMENT = {
    "kubeconfig": "K8S_AUTH_KUBECONFIG",
    "context": "K8S_AUTH_CONTEXT",
    "host": "K8S_AUTH_HOST",
    "api_key": "K8S_AUTH_API_KEY",
}
_PATHS_SEPARATOR = ":"  # of KUBECONFIG, which may name several files

# What the client library, the API server and Ansible say -> what was expected, what was found, what to do.
# source: messages of kubernetes.core 5 and 6, of the Python client 31 to 35, and the status codes of the API server.
_FINAL: tuple[tuple[re.Pattern[str], str, str, str], ...] = (
    (
        re.compile(r"object with name (?P<found>\S+) in .*(contexts|clusters|users) list"),
        "a kubeconfig that has the context, and what the context names",
        "no {found} in it",
        "Correct sriov_kube_context, or the kubeconfig's current-context.",
    ),
    (
        re.compile(r"Invalid kube-?config file|Unable to load (the )?kube ?config|while (parsing|scanning)"),
        "a kubeconfig",
        "a file that is none",
        "Name another file.",
    ),
    (
        re.compile(r"Could not find or access|No such file or directory|Failed to find .*kubeconfig"),
        "a kubeconfig that exists on the controller",
        "none",
        "Correct the path.",
    ),
    (
        re.compile(r"\b401\b|Unauthorized"),
        "credentials that the API server takes",
        "401 (Unauthorized)",
        "Renew the kubeconfig's certificate or token.",
    ),
    (
        re.compile(r"\b403\b|[Ff]orbidden"),
        "a user that may do this in the cluster",
        "403 (Forbidden)",
        "Give its user the rights that docs/playbooks.md lists, or name another kubeconfig.",
    ),
    (
        re.compile(r"Failed to resolve '(?P<found>[^']*)'|Name or service not known"),
        "an API server whose name can be resolved",
        "unknown host {found}",
        "Correct the kubeconfig's server, or sriov_kube_host.",
    ),
    (
        re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"),
        "an API server with a certificate that the kubeconfig trusts",
        "another one",
        "Correct the kubeconfig's certificate-authority, or its server.",
    ),
    (
        re.compile(r"Failed to import the required Python library \((?P<found>\w+)\)|No module named '(?P<other>\w+)'"),
        "the Python library kubernetes on the controller",
        "no {found}",
        "Install it for the Python that runs ansible-playbook: pip install kubernetes.",
    ),
    (
        re.compile(r"couldn't resolve module/action|kubernetes\.core\.\w+ was not found"),
        "the collection kubernetes.core on the controller",
        "none",
        "Install it: ansible-galaxy collection install kubernetes.core.",
    ),
)


def access(kubeconfig: str = "", context: str = "", host: str = "", token: str = "") -> dict[str, str]:
    """The options for the modules of kubernetes.core; {} where there is no cluster side.

    A relative path begins where the run was started.
    """
    given = {"kubeconfig": kubeconfig, "context": context, "host": host, "api_key": token}
    found = {name: value or os.environ.get(_ENVIRONMENT[name], "") for name, value in given.items()}
    if not found["kubeconfig"] and not found["host"]:
        return {}
    paths = (os.path.abspath(os.path.expanduser(path)) for path in found["kubeconfig"].split(_PATHS_SEPARATOR) if path)
    found["kubeconfig"] = _PATHS_SEPARATOR.join(paths)
    return {name: value for name, value in found.items() if value}


def name(used: Mapping[str, Any]) -> str:
    """What a plan calls the cluster. used: what `access` gave."""
    place = str(used.get("kubeconfig") or used.get("host") or "")
    return f"{place} {used['context']}" if used.get("context") else place


def refusal(answer: Mapping[str, Any], used: Mapping[str, Any]) -> str:
    """One sentence about an answer that stays as it is however often one asks; "" for all others.

    answer: the result of a module of kubernetes.core; used: what `access` gave.
    """
    if answer.get("resources") is not None or not answer.get("msg"):
        return ""
    text = without_wrappers(str(answer["msg"]))
    if answer.get("status") in (401, 403):
        text = f"{answer['status']} {text}"
    for pattern, expected, found, remedy in _FINAL:
        match = pattern.search(text)
        if match:
            named = match.groupdict()
            what = " ".join(found.format(found=named.get("found") or named.get("other") or "").split())
            return f"{_name(used)}: expected {expected}; found {what}. {remedy}"
    return ""


def not_asked(problem: str, status: int, used: Mapping[str, Any], waited: int = 0) -> str:
    """One sentence about a question that was not answered. problem: what the client told, or a refusal already; waited:
    seconds for which it was asked again.
    """
    if problem.startswith(_name(used)):
        return problem
    remedy = f", for {waited} s. See whether the API server is up, and wait longer where it needs more."
    told = refusal({"msg": problem, "status": status}, used)
    return told or f"The cluster could not be asked: {problem}{remedy if waited else ''}"


def _name(used: Mapping[str, Any]) -> str:
    """The variable that leads to the cluster, with its value where it is no secret."""
    if used.get("kubeconfig"):
        return f"sriov_kubeconfig ({used['kubeconfig']})"
    return f"sriov_kube_host ({used.get('host', '')}), in the place of sriov_kubeconfig"
