"""The site from Airflow's Variable and Connections, which win over file and environment."""

from __future__ import annotations

import json

import pytest

from cutouts.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """cutouts.toml of this project is not read."""
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))


def test_the_variable_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting in neither keeps its default."""
    from cutouts_airflow.airflow_site import site

    monkeypatch.setenv("CUTOUTS_ROOT", "from-environment")
    monkeypatch.setenv("CUTOUTS_CHUNK", "8")
    monkeypatch.setenv("AIRFLOW_VAR_CUTOUTS", '{"root": "from-variable"}')
    assert (site().root, site().chunk, site().cluster) == ("from-variable", 8, "local")


@pytest.mark.parametrize("variable", ['{"rooot": "x"}', '{"path": "/etc/x.toml"}', '["root"]', '{"chunk": 0}'])
def test_a_wrong_variable_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Unknown keys, wrong values and text that is not an object are refused."""
    from cutouts_airflow.airflow_site import site

    monkeypatch.setenv("AIRFLOW_VAR_CUTOUTS", variable)
    with pytest.raises(ConfigError):
        site()


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ({"conn_type": "sqlite", "host": "/data/c.sqlite"}, "sqlite:////data/c.sqlite"),
        (
            {
                "conn_type": "postgres",
                "host": "db",
                "port": 5432,
                "login": "me",
                "password": "p@s/w",
                "schema": "shop",
            },
            "postgresql+psycopg://me:p%40s%2Fw@db:5432/shop",
        ),
        ({"conn_type": "postgresql+psycopg2", "host": "db", "schema": "shop"}, "postgresql+psycopg2://db/shop"),
    ],
)
def test_a_connection_names_the_catalogue(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, object], url: str
) -> None:
    """It becomes an SQLAlchemy URL with an escaped password."""
    from cutouts_airflow.airflow_site import site

    monkeypatch.setenv("AIRFLOW_CONN_CUTOUTS_CATALOG", json.dumps(connection))
    assert site().catalog_url == url


def test_a_connection_without_a_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything connects."""
    from cutouts_airflow.airflow_site import site

    monkeypatch.setenv("AIRFLOW_CONN_CUTOUTS_CATALOG", '{"conn_type": "http", "host": "db"}')
    with pytest.raises(ConfigError, match="cutouts_catalog"):
        site()


def test_a_connection_names_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has host and port, and TLS by the extra; without TLS the site has to allow it."""
    from cutouts_airflow.airflow_site import site

    monkeypatch.setenv("AIRFLOW_CONN_CUTOUTS_DASK", '{"conn_type": "dask", "host": "gpu1", "port": 8786}')
    with pytest.raises(ConfigError, match="insecure_cluster"):
        site()
    monkeypatch.setenv("CUTOUTS_INSECURE_CLUSTER", "true")
    assert site().cluster == "tcp://gpu1:8786"
    monkeypatch.delenv("CUTOUTS_INSECURE_CLUSTER")
    tls = {"tls_ca_file": "ca.pem", "tls_cert": "me.pem", "tls_key": "me.key"}
    secure = {"conn_type": "dask", "host": "gpu1", "extra": {"protocol": "tls", **tls}}
    monkeypatch.setenv("AIRFLOW_CONN_CUTOUTS_DASK", json.dumps(secure))
    assert site().model_dump(include={"cluster", *tls}) == {"cluster": "tls://gpu1:8786", **tls}
    monkeypatch.setenv("AIRFLOW_CONN_CUTOUTS_DASK", '{"conn_type": "dask", "host": "gpu1", "extra": {"tsl": 1}}')
    with pytest.raises(ConfigError, match="tsl"):
        site()
