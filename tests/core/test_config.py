"""The site's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutouts.adapters.site_settings import load_site
from cutouts.core.config import Site, parse_site
from cutouts.core.errors import ConfigError
from cutouts.core.sources.locations import Location


def test_the_environment_wins_over_the_file() -> None:
    """`CUTOUTS_BATCH` is the setting `batch`."""
    site = parse_site({"batch": 2, "cluster": "serial"}, {"CUTOUTS_BATCH": "3", "HOME": "/"})
    assert (site.batch, site.cluster) == (3, "serial")


def test_a_batch_that_no_chunk_can_fill_is_an_error() -> None:
    """It would be cut short without a word."""
    with pytest.raises(ConfigError, match="set chunk to at least 33"):
        parse_site({"batch": 33}, {})
    assert parse_site({"batch": 33}, {"CUTOUTS_CHUNK": "33"}).batch == 33


def test_wrong_settings_are_listed_below_the_places_that_they_may_come_from() -> None:
    """One line for each, whether it was unknown or has a wrong value."""
    with pytest.raises(ConfigError) as caught:
        parse_site({"worker": 2, "chunk": 0}, {"CUTOUTS_BATCH": "many"})
    first, *problems = str(caught.value).splitlines()
    assert first == "the site's settings are wrong (cutouts.toml, CUTOUTS_* or an argument)"
    assert sorted(one.partition(";")[0] for one in problems) == [
        "  - batch: expected a whole number",
        "  - chunk: expected greater than or equal to 1",
        "  - worker: unknown setting",
    ]


def test_a_file_states_values_with_their_type_and_the_environment_as_text() -> None:
    """A number in quotation marks, or 1 for true, is a mistake in a file. A variable has only text."""
    settings = {"workers": "4", "threads": 1.0, "retry_rejected": 1, "batch": True, "promise": "0.01", "root": 3}
    with pytest.raises(ConfigError) as caught:
        parse_site(settings, {})
    kinds = (
        "text in quotation marks",
        "a whole number",
        "a whole number",
        "a whole number",
        "a number",
        "true or false",
    )
    names = ("root", "workers", "threads", "batch", "promise", "retry_rejected")
    assert caught.value.problems == tuple(f"{name}: expected {kind}" for name, kind in zip(names, kinds, strict=True))
    site = parse_site(
        {}, {f"CUTOUTS_{name.upper()}": str(value) for name, value in settings.items() if name != "batch"}
    )
    assert (site.workers, site.retry_rejected, site.promise, site.root) == (4, True, 0.01, "3")


def test_every_problem_is_reported_at_once() -> None:
    """Unknown keys, in the file or the environment, are refused together with wrong values."""
    with pytest.raises(ConfigError) as caught:
        parse_site({"bacth": 2, "chunk": 0}, {"CUTOUTS_COLOUR": "red", "CUTOUTS_CLUSTER": "moon"})
    assert len(caught.value.problems) == 4
    for word in ("bacth", "chunk", "colour", "tcp://"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "host", ["10.0.0.5", "scheduler", "127.0.0.1.example.com", "localhost.example.com", "[::2]", "0.0.0.0"]
)
def test_a_remote_cluster_needs_encryption_or_an_explicit_permission(host: str) -> None:
    """Without TLS anybody who reaches a scheduler can run code on it; names that merely look local do not count."""
    with pytest.raises(ConfigError, match=r"(?s)tls://HOST:PORT.*insecure_cluster = true"):
        parse_site({"cluster": f"tcp://{host}:8786"}, {})
    assert parse_site({"cluster": f"tcp://{host}:8786", "insecure_cluster": True}, {}).insecure_cluster
    assert parse_site({"cluster": f"tls://{host}:8786"}, {}).cluster


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "[::1]"])
def test_a_cluster_on_this_machine_needs_no_encryption(host: str) -> None:
    """Only the loopback interface leads there."""
    assert parse_site({"cluster": f"tcp://{host}:8786"}, {}).cluster == f"tcp://{host}:8786"


@pytest.mark.parametrize("name", ["root", "objects", "tables", "manifests"])
def test_a_store_has_no_password_in_its_url(name: str) -> None:
    """Records and logs show the URL; a container before an @ is not a password."""
    for url in ("https://u:s3cr3t@h/x", "s3://k:s3cr3t@bucket", "s3://bucket/x?token=s3cr3t"):
        with pytest.raises(ConfigError) as caught:
            parse_site({name: url}, {})
        assert "s3cr3t" not in str(caught.value)
        assert f"{name}: the URL contains a password or a signature" in str(caught.value)
    assert parse_site({name: "abfs://container@account.dfs.core.windows.net/x"}, {})


def test_a_site_does_not_show_its_password() -> None:
    """It is neither in a traceback nor in a log that prints the site."""
    site = Site(catalog="postgresql://u:s3cr3t@db/shop", mirror="https://u:s3cr3t@h")
    assert "s3cr3t" not in repr(site) + str(site)


def test_stores_are_below_the_root_unless_named() -> None:
    """One setting is enough to start with."""
    site = Site(root="s3://shop/site", catalog="postgresql://db/shop", objects="s3://public")
    assert site.tables_url == "s3://shop/site/tables"
    assert site.objects_url == "s3://public"
    assert site.catalog_url == "postgresql://db/shop"


def test_sqlite_cannot_be_on_an_object_store() -> None:
    """A remote root needs a separate catalogue, and the error names the setting."""
    with pytest.raises(ConfigError, match="catalog"):
        _ = Site(root="s3://shop/site").catalog_url


def test_a_named_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default file may be missing, but not one that was asked for."""
    monkeypatch.chdir(tmp_path)
    assert load_site().cluster == "local"
    (tmp_path / "cutouts.toml").write_text('cluster = "serial"')
    assert load_site().cluster == "serial"
    assert load_site(cluster="cuda").cluster == "cuda"
    with pytest.raises(ConfigError, match=r"other\.toml"):
        load_site("other.toml")


def test_sources_are_listed_in_the_file_and_in_the_environment() -> None:
    """The file has an array; the environment has commas, or a JSON array for a folder with a comma in its name."""
    expected = ("https://", "/photos", "s3://shop/in")
    assert parse_site({"allowed_sources": list(expected)}, {}).allowed_sources == expected
    for text in ("https://, /photos,s3://shop/in", '["https://", "/photos", "s3://shop/in"]'):
        assert parse_site({}, {"CUTOUTS_ALLOWED_SOURCES": text}).allowed_sources == expected
    assert parse_site({}, {"CUTOUTS_ALLOWED_SOURCES": ""}).allowed_sources == ()


@pytest.mark.parametrize("text", ["photos", "ftp://h", "https://,b", "[1]", '["a"', "https://user:pw@h/"])
def test_a_source_that_is_not_a_prefix_is_refused(text: str) -> None:
    """The message has what was expected."""
    with pytest.raises(ConfigError, match="allowed_sources"):
        parse_site({}, {"CUTOUTS_ALLOWED_SOURCES": text})


def test_a_site_may_always_read_from_its_own_buckets() -> None:
    """It may read each bucket as a whole; its folders on this machine are not sources."""
    site = Site(root="s3://shop/site", objects="gs://public/cut", manifests="/srv/manifests", allowed_sources=())
    uris = {"s3://shop/a.jpg": True, "gs://public/a": True, "s3://public/a": False, "https://h/a": False}
    assert {uri: site.reading().covering(Location.parse(uri)) is not None for uri in uris} == uris
    assert all(prefix.scheme != "file" for prefix in site.reading().allowed)
    assert site.reading("/photos").allowed[-1].path == "/photos"
