# Copyright (c) 2026 the baremetal.sriov authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image's root folder: its own links, and nothing of the machine that builds it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from ansible_collections.baremetal.sriov.plugins.module_utils.host import image_host
from ansible_collections.baremetal.sriov.plugins.module_utils.host.image_host import ImageHost
from ansible_collections.baremetal.sriov.plugins.module_utils.model.errors import CommandError, HostError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Beside it a file that no path of the image may lead to."""
    (tmp_path / "builders").mkdir()
    (tmp_path / "builders" / "secret").write_text("the build machine's\n")
    made = tmp_path / "image"
    (made / "usr" / "lib").mkdir(parents=True)
    (made / "etc").mkdir()
    (made / "etc" / "name").write_text("the image's\n")
    return made


def test_links_stay_within_the_image(root: Path) -> None:
    host = ImageHost(str(root))
    (root / "lib").symlink_to("usr/lib")
    (root / "usr" / "lib" / "conf").symlink_to("/etc")
    (root / "etc" / "alias").symlink_to("/etc/name")
    (root / "etc" / "up").symlink_to("../../../../../etc/name")
    assert [host.read_text(path) for path in ("/lib/conf/name", "/etc/alias", "/etc/up")] == ["the image's\n"] * 3
    assert host.read_link("/etc/alias") == "/etc/name" and "name" in host.list_dir("/lib/conf")
    host.write_file("/lib/conf/new", b"new\n")
    assert (root / "etc" / "new").read_text() == "new\n"


@pytest.mark.parametrize("target", ["{0}/builders", "../../builders", "/../../builders"])
def test_no_link_leads_out(root: Path, target: str) -> None:
    (root / "out").symlink_to(target.format(root.parent))
    host = ImageHost(str(root))
    assert host.read_text("/out/secret") is None
    with contextlib.suppress(HostError):  # where the link leads within the image, or nowhere
        host.write_file("/out/secret", b"ours")
    assert (root.parent / "builders" / "secret").read_text() == "the build machine's\n"
    assert sorted(os.listdir(root.parent / "builders")) == ["secret"]


@pytest.mark.parametrize("folder", image_host.LIVE)
def test_what_runs_is_not_the_images(root: Path, folder: str) -> None:
    """Where builders mount their own /proc into an image, it is theirs; a link may lead there as well."""
    (root / folder).mkdir()
    (root / folder / "here").write_text("a builder's\n")
    (root / "etc" / "link").symlink_to(f"../{folder}/here")
    host = ImageHost(str(root))
    for path in (f"/{folder}/here", "/etc/link", f"//{folder}/./here"):
        assert host.read_text(path) is None and host.list_dir(f"/{folder}") == []
    assert not host.exists(f"/{folder}/here") and host.file_mode(f"/{folder}/here") is None
    with pytest.raises(HostError):
        host.write_file(f"/{folder}/new", b"")
    with pytest.raises(HostError):
        host.write_attribute(f"/{folder}/here", "1")


def test_a_circle_of_links_ends_in_words(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(HostError, match="circle of links"):
        ImageHost(str(root)).read_text("/a/file")


def test_no_command_is_run(root: Path) -> None:
    with pytest.raises(CommandError, match="a running host; found an image's root folder"):
        ImageHost(str(root)).run(["true"])


def test_a_fifo_keeps_nobody_waiting(root: Path) -> None:
    os.mkfifo(root / "etc" / "fifo")
    assert ImageHost(str(root)).read_text("/etc/fifo") is None


def test_only_the_root_of_an_image_is_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert image_host.image_host(str(root)).root == str(root)
    for wrong in ("image", f"{root}/../image", f"{root}/nothing", str(root / "etc" / "name"), ""):
        with pytest.raises(HostError, match="the absolute path of a folder"):
            image_host.image_host(wrong)
    monkeypatch.setattr(os.path, "samefile", lambda one, other: True)
    with pytest.raises(HostError, match="the root of the running machine"):
        image_host.image_host(str(root))


def test_a_chroot_is_no_running_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its "/" is none that systemd runs from, nor the first process's."""
    monkeypatch.setattr(image_host, "_is_running", lambda root: False)
    found = image_host.image_host("/")
    assert found.root == "" and not found.is_running and found.path("/etc/x") == "/etc/x"
