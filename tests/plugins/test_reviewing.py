"""Questions to people about decisions of the gate, and what becomes of their answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cutouts import steps
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, CutoutsError
from tests.review.made_gates import HOSTILE, make_gate


@pytest.fixture
def gate_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The decision that holds a delivery whose name and reasons come from a stranger."""
    site = Site(root=str(tmp_path / "site"), cluster="serial")
    monkeypatch.setenv("CUTOUTS_ROOT", site.root)
    return make_gate(site, 20, at=datetime(2026, 11, 27, tzinfo=UTC), day=date(2026, 11, 27)).decision.gate_id


def _answer(chosen: str, by: str | None = "ada") -> dict[str, Any]:
    user = {"id": by, "name": by} if by else None
    return {"chosen_options": [chosen], "params_input": {"why": "torn"}, "responded_by_user": user}


def test_a_question_shows_text_of_strangers_as_it_is(gate_id: str) -> None:
    """Markdown in a reason makes no link and no picture; the only link is that to the review page."""
    from cutouts_airflow.reviewing import _plain, question

    asked = question(gate_id)
    assert "20 images: 20 held." in asked.body
    assert asked.body.count("](") == 1
    assert f"/cutouts/gate/{gate_id})" in asked.body
    assert HOSTILE not in asked.body
    assert _plain("![x](https://elsewhere.example/x.png)").count("\\") >= 8


@pytest.mark.parametrize("answer", [_answer("Not now"), _answer("Not now", None), _answer("Approve", None)])
def test_without_an_answer_of_a_person_nothing_is_published(gate_id: str, answer: dict[str, Any]) -> None:
    """The task is skipped, and the delivery waits as before."""
    from airflow.sdk.exceptions import AirflowSkipException

    from cutouts_airflow.airflow_site import site
    from cutouts_airflow.reviewing import settle

    with pytest.raises(AirflowSkipException, match="it still waits"):
        settle(gate_id, answer)
    assert steps.waiting_hold(site(), gate_id).gate_id == gate_id


def test_a_rejection_is_recorded_and_not_asked_again(gate_id: str) -> None:
    """It has the person's name and reason, and a later answer changes nothing."""
    from airflow.sdk.exceptions import AirflowSkipException

    from cutouts_airflow.airflow_site import site
    from cutouts_airflow.reviewing import _waiting, question, settle

    assert _waiting(site()) == [gate_id]
    with pytest.raises(AirflowSkipException, match=r"ada rejected .*: torn"):
        settle(gate_id, _answer("Reject"))
    with pytest.raises(CutoutsError, match="is not held"):
        steps.waiting_hold(site(), gate_id)
    assert _waiting(site()) == []
    with pytest.raises(AirflowSkipException, match="does not wait"):
        question(gate_id)
    assert settle(gate_id, _answer("Approve")).startswith("2026-11-27/")


@pytest.mark.parametrize(
    "text",
    [
        '{"hours": 3}',
        '{"answer_hours": 0}',
        '{"answer_hours": "3"}',
        '{"answer_hours": true}',
        '{"answer_hours": NaN}',
        '{"answer_hours": 1e300}',
        '{"mail": "a@b.example"}',
        '{"mail": [1]}',
        '{"webhook": ["chat"]}',
        "[]",
        "soon",
    ],
)
def test_wrong_settings_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt key or a wrong value does not silently become the default."""
    from cutouts_airflow.reviewing import ReviewSettings

    monkeypatch.setenv("AIRFLOW_VAR_CUTOUTS_REVIEW", text)
    with pytest.raises(ConfigError, match="the Variable `cutouts_review` is wrong"):
        ReviewSettings.read()


@pytest.fixture
def webhook() -> Any:
    """An HTTP server that keeps what is posted to it: (path, JSON)."""
    posted: list[tuple[str, Any]] = []

    class Keeping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keeping)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, posted
    server.shutdown()
    server.server_close()


def test_a_webhook_is_told_of_the_question(webhook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address, with the secret end, is in a Connection; braces in a name are no template."""
    from cutouts_airflow.review_operator import _notifiers
    from cutouts_airflow.reviewing import ReviewSettings

    port, posted = webhook
    there = {"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http", "password": "T0/secret"}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_CHAT", json.dumps(there))
    (tell,) = _notifiers(ReviewSettings(webhook="shop_chat"), "2026-11-27/{{ conn.x }} is held")
    told: Callable[[dict[str, Any]], None] = tell
    told({})
    assert posted == [("/T0/secret", {"text": "2026-11-27/(( conn.x )) is held"})]
