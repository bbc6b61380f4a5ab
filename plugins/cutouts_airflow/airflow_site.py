"""The site's settings in Airflow: `cutouts.toml` and `CUTOUTS_*`, overridden by the Variable `cutouts` and two
Connections.

They are read when a task runs, never while a DAG file is parsed.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseHook, Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException

from cutouts.core.config import Site
from cutouts.core.errors import ConfigError

VARIABLE = "cutouts"
"""The Variable with a JSON object of site settings; unknown keys are refused."""

CATALOG_CONNECTION = "cutouts_catalog"
"""The catalogue's database."""

DASK_CONNECTION = "cutouts_dask"
"""The Connection of a running Dask scheduler: host, port and, for TLS, the extra `{"protocol": "tls", "tls_ca_file": …,
"tls_cert": …, "tls_key": …}`. Airflow's form only offers the types of installed providers, so create it with the type
`dask` by command, API or environment: `AIRFLOW_CONN_CUTOUTS_DASK='{"conn_type": "dask", "host": "10.0.0.5", "port":
8786}'`."""

DRIVERS = {"postgres": "postgresql+psycopg", "sqlite": "sqlite"}


def site() -> Site:
    """The site to work on. Raises ConfigError with every wrong key."""
    from cutouts.adapters.site_settings import load_site

    return load_site(**_overrides())


def _overrides() -> dict[str, Any]:
    settings = Variable.get(VARIABLE, default={}, deserialize_json=True)
    if not isinstance(settings, dict):
        raise ConfigError(f"the Variable `{VARIABLE}` is wrong", ["expected a JSON object of site settings"])
    wrong = sorted(settings.keys() - Site.model_fields.keys())
    if wrong:
        known = f"unknown setting; known are {', '.join(Site.model_fields)}"
        raise ConfigError(f"the Variable `{VARIABLE}` is wrong", [f"{key}: {known}" for key in wrong])
    catalog, dask = connection(CATALOG_CONNECTION), connection(DASK_CONNECTION)
    return {
        **settings,
        **({"catalog": catalog_url(catalog)} if catalog else {}),
        **(cluster_settings(dask) if dask else {}),
    }


def connection(name: str) -> Connection | None:
    """The Connection with that name; None if it does not exist."""
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


def catalog_url(there: Connection) -> str:
    """The SQLAlchemy URL of a Connection; its type is postgres, sqlite or a SQLAlchemy driver name.

    Raises ConfigError if the type is not a known driver.
    """
    driver = DRIVERS.get(there.conn_type or "", there.conn_type or "")
    if driver == "sqlite":
        return f"sqlite:///{there.host or there.schema or ''}"
    if not driver.startswith(("postgresql", "mysql", "mariadb", "oracle", "mssql")):
        raise ConfigError(
            f"the Connection `{CATALOG_CONNECTION}` is wrong",
            [f"type {there.conn_type!r}: expected {', '.join(sorted(DRIVERS))} or a SQLAlchemy driver name"],
        )
    return f"{driver}://{_authority(there)}/{quote(there.schema or '', safe='')}"


def _authority(there: Connection) -> str:
    login = quote(there.login or "", safe="")
    password = f":{quote(there.password, safe='')}" if there.password else ""
    port = f":{there.port}" if there.port else ""
    return f"{login}{password}{'@' if login else ''}{there.host or ''}{port}"


def cluster_settings(there: Connection) -> dict[str, str]:
    """The site's `cluster` and `tls_*` from a Connection: host, port, and extra `{"protocol": "tls", "tls_ca_file":
    …}`.

    Raises ConfigError if the extra has other keys or another protocol.
    """
    extra = dict(there.extra_dejson)
    protocol = extra.pop("protocol", "tls" if extra else "tcp")
    wrong = sorted(extra.keys() - {"tls_ca_file", "tls_cert", "tls_key"})
    if wrong or protocol not in ("tcp", "tls"):
        raise ConfigError(
            f"the Connection `{DASK_CONNECTION}` is wrong",
            [*(f"extra {key}: there is no such setting" for key in wrong), f"protocol {protocol!r}: tcp or tls"],
        )
    return {"cluster": f"{protocol}://{there.host}:{there.port or 8786}", **extra}
