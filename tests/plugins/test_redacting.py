"""What Airflow logs about a failed task."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cutouts.adapters.storage.store import open_store
from cutouts.adapters.storage.stored_records import write_record
from cutouts.core.config import Site
from cutouts.core.records import DeliveryKey
from cutouts.core.table_paths import intake_file
from cutouts.intake import landing
from tests.airflow_home import dag_bag, task_states

TOKEN = "s3cr3tT0k3nOfTheShop"
KEY = DeliveryKey.parse("2026-06-07/studio")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    """A web server without any file."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_log_of_a_task_holds_no_token(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A manifest at a signed address is missing; the whole traceback is there, including the library's error."""
    site = Site(root=str(tmp_path / "site"), cluster="serial")
    monkeypatch.setenv("CUTOUTS_ROOT", site.root)
    origin = landing._Origin(manifest=f"{shop}/m.parquet?token={TOKEN}", delivery=KEY)
    write_record(open_store(site.tables_url), intake_file(KEY), origin)
    run = dag_bag()["catalog_refresh"].test(run_conf={"delivery": str(KEY)})
    said = "".join(capfd.readouterr())
    assert (str(run.state), task_states(run)["plan"]) == ("failed", ["failed"])
    assert "FileNotFoundError" in said
    assert "m.parquet?token=***" in said
    assert TOKEN not in said.replace(f'"GET /m.parquet?token={TOKEN}', "").replace(
        f'"HEAD /m.parquet?token={TOKEN}', ""
    )


@pytest.mark.parametrize("module", ["tasks", "announcing"])
def test_every_task_body_is_guarded(module: str) -> None:
    """A new one cannot be forgotten."""
    from cutouts_airflow import announcing, tasks

    found = {"tasks": tasks, "announcing": announcing}[module]
    bodies = [one for name, one in inspect.getmembers(found, inspect.isfunction) if name[0] != "_"]
    own = [one for one in bodies if one.__module__ == found.__name__]
    assert len(own) > 4
    assert [one.__name__ for one in own if not hasattr(one, "__wrapped__")] == []
