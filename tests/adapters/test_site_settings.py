"""Which settings apply, and what a settings file may decide if it was found and not named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutouts.adapters.site_settings import HARMLESS, LIMITS, PLACES, load_site
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError
from tests.photographs import product

CUTOUTS = str(Path(sys.executable).parent / "cutouts")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder; the home is another folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".cutouts").mkdir(parents=True)
    return folder


REFUSED = {
    "cluster": '"tls://dask.example.com:8786"',
    "insecure_cluster": "true",
    "catalog": '"postgresql://u:s3cr3t@db.example.com/shop"',
    "models": '"models"',
    "mirror": '"https://networks.example.com"',
    "mask_quality": '"suite.json"',
    "promise": "0.05",
    "public_url": '"https://elsewhere.example"',
    "serve_host": '"0.0.0.0"',
    "serve_port": "80",
    "serve_token": '"s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t"',
    "serve_queue": "1000",
    "serve_seconds": "600",
    "serve_bytes": "600000000",
    "renditions": '["amazon-main"]',
    "recipes": '"own.toml"',
    "white_tolerance": "1",
    "allow_noncommercial": "true",
    "tls_ca_file": '"ca.pem"',
    "tls_cert": '"me.pem"',
    "tls_key": '"me.key"',
    "root": '"s3://elsewhere/site"',
    "objects": '"/srv/objects"',
    "tables": '"../tables"',
    "manifests": '"~/manifests"',
    "max_pixels": "100000001",
    "max_bytes": "600000000",
    "allowed_sources": '["https://", "/"]',
    "read_seconds": "121",
    "image_seconds": "121",
    "max_memory": "1000000000",
    "history_days": "1",
    "grace_hours": "0",
}
ALLOWED = {"root": '"site"', "objects": '"./a/../objects"', "max_pixels": "1000", "cluster": '"serial"', "batch": "2"}


def test_a_found_file_may_not_choose_places_or_grant_permissions(here: Path) -> None:
    """All such settings are listed at once with what to do, and with their values unless secret."""
    (here / "cutouts.toml").write_text("\n".join(f"{name} = {value}" for name, value in REFUSED.items()))
    with pytest.raises(ConfigError) as caught:
        load_site()
    told = str(caught.value)
    assert [name for name in REFUSED if f"- {name} = " not in told] == []
    assert "s3cr3t" not in told
    for way in ("--config cutouts.toml", "CUTOUTS_CONFIG=cutouts.toml", "~/.cutouts/cutouts.toml", "environment"):
        assert way in told


@pytest.mark.parametrize("name", REFUSED)
def test_these_settings_are_accepted_from_a_named_file(here: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is named by an option, by a variable, or by being in the home; in the working folder it is refused."""
    (here / "cutouts.toml").write_text(f"{name} = {REFUSED[name]}")
    with pytest.raises(ConfigError, match=name):
        load_site()
    assert name in load_site("cutouts.toml").model_fields_set
    monkeypatch.setenv("CUTOUTS_CONFIG", "cutouts.toml")
    named = getattr(load_site(), name)
    monkeypatch.delenv("CUTOUTS_CONFIG")
    (here / "cutouts.toml").rename(Path("~/.cutouts/cutouts.toml").expanduser())
    assert getattr(load_site(), name) == named


def test_a_found_file_may_set_the_rest(here: Path) -> None:
    """It may set folders below the working folder, lower limits and how to work on this machine."""
    (here / "cutouts.toml").write_text("\n".join(f"{name} = {value}" for name, value in ALLOWED.items()))
    site = load_site()
    assert (site.root, site.cluster, site.max_pixels, site.batch) == ("site", "serial", 1000, 2)


def test_a_link_does_not_lead_out_of_the_working_folder(here: Path, tmp_path: Path) -> None:
    """The real location of a store counts."""
    (here / "site").symlink_to(tmp_path)
    (here / "cutouts.toml").write_text('root = "site"')
    with pytest.raises(ConfigError, match="outside the working folder"):
        load_site()


def test_every_setting_is_classified(here: Path) -> None:
    """A new setting counts as dangerous until somebody declares that it is not."""
    assert set(Site.model_fields) > (HARMLESS | PLACES | LIMITS)
    assert {*REFUSED} | HARMLESS >= set(Site.model_fields)


def test_the_environment_wins_over_the_working_folder_and_that_over_the_home(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each overrides the ones before it, and options win over all."""
    Path("~/.cutouts/cutouts.toml").expanduser().write_text("batch = 1\nchunk = 1\nthreads = 1\nworkers = 1")
    (here / "cutouts.toml").write_text("chunk = 2\nthreads = 2\nworkers = 2")
    monkeypatch.setenv("CUTOUTS_THREADS", "3")
    monkeypatch.setenv("CUTOUTS_WORKERS", "3")
    site = load_site(workers=4)
    assert (site.batch, site.chunk, site.threads, site.workers) == (1, 2, 3, 4)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell, also in a file and in lists: a folder named `~` in the working folder is never meant."""
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "site.toml"
    file.write_text('root = "~/site"\nallowed_sources = ["~/photos", "/srv/~/x"]\n', encoding="utf-8")
    monkeypatch.setenv("CUTOUTS_MASK_QUALITY", "~/own.json")
    site = load_site(str(file))
    assert (site.root, site.mask_quality) == (str(tmp_path / "site"), str(tmp_path / "own.json"))
    assert site.allowed_sources == (str(tmp_path / "photos"), "/srv/~/x")


def test_no_code_from_the_working_folder_is_run(tmp_path: Path) -> None:
    """Our own processes also ignore modules and library settings that came with the photographs."""
    product(tmp_path / "photos" / "a.jpg")
    trap = tmp_path / "trap"
    for name in ("multiprocessing", "random", "numpy", "cutouts", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(trap)!r}, 'w'); raise SystemExit('trapped')")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 71\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [CUTOUTS, "run", "photos", "--out", "out", "--cluster", "local", "--workers", "1"],
        cwd=tmp_path,
        env={**environment, "HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not trap.exists()
    assert "71px" not in (tmp_path / "out" / "report.html").read_text()
    assert not [
        path for path in (tmp_path / "home").rglob("*") if "onnxruntime" in path.name
    ]  # nobody is told about it
