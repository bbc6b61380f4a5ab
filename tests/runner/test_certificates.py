"""Certificates for a cluster are created once and required by both sides."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, TransientError
from cutouts.runner import clusters, probe
from cutouts.runner.certificates import CA, CERTIFICATE, KEY, make_certificates
from tests.dask_cluster import dask_process, free_port


def tls(folder: Path) -> list[str]:
    """Dask's options for the certificates of a folder."""
    return ["--tls-ca-file", str(folder / CA), "--tls-cert", str(folder / CERTIFICATE), "--tls-key", str(folder / KEY)]


def site(address: str, folder: Path) -> Site:
    """A site on that cluster."""
    files = {"tls_ca_file": CA, "tls_cert": CERTIFICATE, "tls_key": KEY}
    return Site.model_validate({"cluster": address} | {name: str(folder / file) for name, file in files.items()})


def test_a_certificate_is_required_to_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real scheduler and worker accept a client with their certificate, and none with its own."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert make_certificates(ours)
    assert make_certificates(theirs)
    port = str(free_port())
    address = f"tls://127.0.0.1:{port}"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", port, "--protocol", "tls", "--no-dashboard", *tls(ours)]
    worker = ["worker", address, "--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1", *tls(ours)]
    with dask_process(*scheduler), dask_process(*worker):
        assert probe(site(address, ours)).workers == 1
        monkeypatch.setattr(clusters, "CONNECT_SECONDS", 3.0)
        with pytest.raises(TransientError):
            probe(site(address, theirs))
        with pytest.raises(TransientError):
            probe(Site(cluster=address.replace("tls://", "tcp://")))


def test_no_certificate_is_written_through_a_link(tmp_path: Path) -> None:
    """This holds even if it leads to a file that does not exist yet."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "ca.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="only some"):
        make_certificates(tmp_path / "c")
    assert not (tmp_path / "elsewhere").exists()


def test_certificates_are_created_once_with_a_private_key(tmp_path: Path) -> None:
    """A second call keeps them, and an incomplete set is never filled up with others."""
    folder = tmp_path / "certificates"
    assert make_certificates(folder)
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert made.keys() == {CA, CERTIFICATE, KEY}
    assert stat.S_IMODE((folder / KEY).stat().st_mode) == 0o600
    assert not make_certificates(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made
    (folder / CA).unlink()
    with pytest.raises(ConfigError, match=r"(?s)only some.*node\.key"):
        make_certificates(folder)
