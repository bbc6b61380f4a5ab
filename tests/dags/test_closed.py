"""An Airflow that we start is private: which requests it answers, and who can read its home.

`test_standalone` asks a running one.
"""

from __future__ import annotations

import asyncio
import stat
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cutouts_airflow import standalone
from cutouts_airflow.home import HOSTS, service_environment
from cutouts_airflow.hosts import OwnPagesOnly, middlewares

HOST = "127.0.0.1:8080"


def test_a_readable_home_becomes_private(tmp_path: Path) -> None:
    """An earlier version may have created it."""
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home" / "airflow.db").touch(mode=0o644)
    standalone._make_private(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "home" / "airflow.db").stat().st_mode) == 0o600


def _answer(kind: str = "http", method: str = "GET", **headers: str) -> list[dict[str, Any]]:
    """The response to a request with these headers; the app behind the check answers 204."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})

    async def send(message: Any) -> None:
        sent.append(message)

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "method": method, "headers": pairs}
    asyncio.run(OwnPagesOnly(app, [HOST, "localhost:8080"])(scope, None, send))  # type: ignore[arg-type]
    return sent


LINK = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": HOST}, 204),
        ({"host": "LOCALHOST:8080"}, 204),
        ({}, 403),
        ({"host": "127.0.0.1"}, 403),
        ({"host": "127.0.0.1:8080.example"}, 403),
        ({"host": HOST, "origin": f"http://{HOST}"}, 204),
        ({"host": HOST, "origin": "null"}, 403),
        ({"host": HOST, "origin": "http://127.0.0.1:3000"}, 403),
        ({"host": HOST, **LINK}, 204),
        ({"host": HOST, **LINK, "sec_fetch_dest": "iframe"}, 403),
        ({"host": HOST, **LINK, "method": "POST"}, 403),
        ({"host": HOST, "sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"}, 403),
        ({"host": HOST, "sec_fetch_site": "same-origin", "method": "POST"}, 204),
        ({"host": HOST, "sec_fetch_site": "none"}, 204),
    ],
)
def test_requests_are_accepted_by_host_origin_and_fetch_metadata(headers: dict[str, str], status: int) -> None:
    """They have to name a known host and come from one of its own pages."""
    assert _answer(**headers)[0]["status"] == status


def test_a_second_host_header_and_web_sockets_are_refused() -> None:
    """Two Host headers count as none, and web sockets are checked like requests."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    twice = {"type": "http", "method": "GET", "headers": [(b"host", HOST.encode()), (b"host", b"rebound.example")]}
    asyncio.run(OwnPagesOnly(None, [HOST])(twice, None, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 403
    assert _answer("websocket", host="rebound.example")[0]["type"] == "websocket.close"


def test_any_host_name_is_accepted_if_a_password_is_required(tmp_path: Path) -> None:
    """On another interface users choose the name; on loopback the environment lists the names."""
    alone = service_environment(tmp_path, host="127.0.0.1", port=8080)
    shared = service_environment(tmp_path, host="0.0.0.0", port=8080)
    assert alone["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "True"
    assert [one["kwargs"]["hosts"] for one in middlewares(alone)] == [[HOST, "localhost:8080"]]
    assert shared["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert middlewares(shared) == []
    assert alone[HOSTS]


def test_tasks_call_airflow_below_the_path_of_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy, Airflow serves everything below this path. Tasks and `make airflow` call it on this machine, not
    through the proxy, which need not run."""
    name = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
    for address, expected in {
        "https://shop.example/airflow/": "http://127.0.0.1:8080/airflow/execution/",
        "https://shop.example": "http://127.0.0.1:8080/execution/",
    }.items():
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", address)
        environment = service_environment(tmp_path, host="127.0.0.1", port=8080)
        assert environment[name] == f"{standalone.api_address(environment)}/execution/" == expected


def test_an_airflow_that_accepts_any_host_name_is_stopped() -> None:
    """If the plugin was not loaded, the server does not check the name, and this is detected."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        for answered in (f"{url}/?", f"{url}/missing"):
            with pytest.raises(standalone.AirflowDidNotStart, match="under any name"):
                standalone._require_closed(answered)
    finally:
        server.shutdown()
        server.server_close()
