# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection: who is trusted, what is sent before that is known, and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.redfish.errors import BmcError
from ansible_collections.baremetal.sriov.plugins.module_utils.bmc.redfish.wire import BmcAddress
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import InvalidSpecError
from support.bmc.runs import Bench
from support.bmc.server import Farm, certificate


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A certificate that signs itself, and its fingerprint."""
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(pem: tuple[Path, str], tmp_path: Path) -> Iterator[Bench]:
    """BMCs behind TLS."""
    with Farm(pem[0]) as farm:
        yield Bench(farm, tmp_path)


def colons(digest: str) -> str:
    """As openssl prints it."""
    return ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()


def test_an_untrusted_certificate_is_refused_before_anything_is_sent(secure: Bench, pem: tuple[Path, str]) -> None:
    for options in ({}, {"fingerprint": "00" * 32}):
        bmc = secure.bmc("hpe")
        with pytest.raises(BmcError, match="the certificate of https://127"):
            secure.client(bmc, **{"verify": True, **options}).login()
        assert bmc.log == []


def test_a_trusted_certificate_is_taken(secure: Bench, pem: tuple[Path, str]) -> None:
    for options in ({"ca_path": str(pem[0])}, {"fingerprint": pem[1]}, {"fingerprint": colons(pem[1])}):
        client = secure.client(secure.bmc("hpe"), **{"verify": True, **options})
        client.login()
        client.logout()


def test_a_file_without_certificates_is_told(secure: Bench, tmp_path: Path) -> None:
    for name in ("missing", "empty"):
        (tmp_path / "empty").write_text("")
        with pytest.raises(BmcError, match="expected certificates that can be read"):
            secure.client(secure.bmc("hpe"), verify=True, ca_path=str(tmp_path / name)).login()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", (True, "192.0.2.1", 443)),
        ("https://bmc.example.org:8443/", (True, "bmc.example.org", 8443)),
        ("[2001:db8::1]:444", (True, "2001:db8::1", 444)),
    ],
)
def test_addresses(address: str, expected: tuple[bool, str, int]) -> None:
    assert BmcAddress(address).parts() == expected


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"address": "http://192.0.2.1"}, "address: expected https, found http"),
        ({"address": "https://192.0.2.1/redfish"}, "address: expected a host, or https://HOST:PORT"),
        ({"address": "user:pw@192.0.2.1"}, "address: expected a host, or https://HOST:PORT"),
        ({"address": "192.0.2.1:99999"}, "address: expected a host, or https://HOST:PORT"),
        ({"address": ""}, "address: expected a host, or https://HOST:PORT"),
        ({"address": "bmc", "fingerprint": "12:34"}, "fingerprint: expected the SHA-256 of a certificate"),
    ],
)
def test_wrong_addresses_are_told(options: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        BmcAddress(**options).parts()  # type: ignore[arg-type]
    assert str(caught.value.mistakes[0]).startswith(told)


def test_nobody_there_is_told(secure: Bench) -> None:
    bmc = secure.bmc("hpe")
    secure.addresses[id(bmc)] = "https://127.0.0.1:1"
    with pytest.raises(BmcError, match="found the connection failed"):
        secure.client(bmc).login()
