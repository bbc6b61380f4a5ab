"""Questions to people about decisions of the gate, and what becomes of their answers."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cutouts import steps
from cutouts.adapters.catalog import Catalog
from cutouts.core.config import Site
from cutouts.core.errors import ConfigError, CutoutsError
from tests.dask_cluster import free_port
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


class _Mailbox(socketserver.StreamRequestHandler):
    """The part of SMTP (RFC 5321) that one message needs."""

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.upper().partition(" ")[0]
            if verb == "QUIT":
                self._say("221 bye")
                break
            if verb == "DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())  # type: ignore[attr-defined]
            elif verb == "RCPT":
                self.server.mails.append(line)  # type: ignore[attr-defined]
            self._say("250 fine")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mailbox() -> Iterator[tuple[int, list[str]]]:
    """A mail server on this machine: its port, and the recipients and messages that it got."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mailbox) as server:
        mails: list[str] = []
        server.mails = mails  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], mails
        server.shutdown()


ASKED: dict[str, Any] = {
    "subject": "2026-11-27/<!channel> @here [win](http:x) {{ conn.x }} is held",
    "counts": "20 images: 20 held.",
    "reasons": ("more than 30% may be bad", "5 images: <b>torn</b>"),
    "url": "https://airflow.example/cutouts/gate/0a",
}


def _tell(settings: dict[str, Any]) -> None:
    from cutouts_airflow.notifying import tell
    from cutouts_airflow.reviewing import Question, ReviewSettings

    tell(ReviewSettings(**settings), Question(**ASKED, body=""), {})


def _mail_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"from_email": "airflow@shop.example", "disable_ssl": True, "disable_tls": True, "retry_limit": 1}
    there = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": how}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(there))


def _webhook_to(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"conn_type": "http", "host": "127.0.0.1", "port": port, "schema": "http", "password": "T0/secret"}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_CHAT", json.dumps(there))


def test_a_mail_is_sent_to_every_address(mailbox: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its subject names the delivery. It has the counts, the reasons and the link; text of a stranger is neither HTML
    nor a template."""
    port, mails = mailbox
    _mail_to(port, monkeypatch)
    _tell({"mail": ("a@shop.example", "b@shop.example")})
    assert [line for line in mails if line.startswith("rcpt")] == [
        "rcpt TO:<a@shop.example>",
        "rcpt TO:<b@shop.example>",
    ]
    mail = message_from_string(mails[-1])
    name = "2026-11-27/<!channel> @here [win](http:x) (( conn.x )) is held"
    assert (mail["From"], mail["Subject"].replace("\n", "")) == ("airflow@shop.example", name)
    body = next(part for part in mail.walk() if part.get_content_type() == "text/html").get_payload(decode=True)
    assert body == (
        b"<p>2026-11-27/&lt;!channel&gt; @here [win](http:x) (( conn.x )) is held</p><p>20 images: 20 held.</p>"
        b"<ul><li>more than 30% may be bad</li><li>5 images: &lt;b&gt;torn&lt;/b&gt;</li></ul>"
        b'<p><a href="https://airflow.example/cutouts/gate/0a">Look at the images and decide</a></p>'
    )


@pytest.mark.parametrize("dead", ["mail", "webhook"])
def test_an_address_that_does_not_answer_keeps_nobody_else_from_being_told(
    dead: str, mailbox: tuple[int, list[str]], webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised, so the question is asked."""
    (mail_port, mails), (web_port, posted) = mailbox, webhook
    _mail_to(free_port() if dead == "mail" else mail_port, monkeypatch)
    _webhook_to(free_port() if dead == "webhook" else web_port, monkeypatch)
    _tell({"mail": ("a@shop.example",), "webhook": "shop_chat"})
    assert (bool(mails), bool(posted)) == (dead != "mail", dead != "webhook")


def test_somebody_who_decided_meanwhile_is_not_overruled(gate_id: str) -> None:
    """The answer then changes nothing, and there is nothing to announce."""
    from cutouts_airflow.airflow_site import site
    from cutouts_airflow.reviewing import _carry_out

    decision = steps.read_decision(site(), gate_id)
    steps.reject(site(), gate_id, by="eve", why="torn")
    _carry_out(site(), decision, approve=True, by="ada", why="fine")
    assert steps.unannounced(site(), delivery=decision.delivery) == ()
    with Catalog.open(site().catalog_url) as catalog:
        rejection = catalog.holds.rejection_for(decision.judged)
    assert rejection is not None
    assert rejection.by == "eve"


def test_decisions_without_a_run_are_found_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, few requests find the two that were not asked about yet."""
    from cutouts_airflow import reviewing

    gates = [f"{number:032x}" for number in range(700)]
    nowhere = Site(root="unused")
    asked = {reviewing.run_of(nowhere, one) for number, one in enumerate(gates) if number not in (3, 650)}
    requests: list[int] = []

    def runs(run_ids: Sequence[str]) -> int:
        requests.append(len(run_ids))
        return len(asked.intersection(run_ids))

    monkeypatch.setattr(reviewing, "_runs", runs)
    monkeypatch.setattr(reviewing, "_waiting", lambda _: gates)
    assert reviewing._unasked(nowhere) == [gates[3], gates[650]]
    assert (max(requests), len(requests) < 40) == (200, True)


def test_a_webhook_is_told_of_the_question(webhook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address, with the secret end, is in a Connection. A name mentions nobody and hides no address in a chat."""
    port, posted = webhook
    _webhook_to(port, monkeypatch)
    _tell({"webhook": "shop_chat"})
    ((path, body),) = posted
    assert path == "/T0/secret"
    assert body["text"].split("\n") == [
        "2026-11-27/&lt;!channel&gt; @\u200bhere [win]\u200b(http:x) {{ conn.x }} is held",
        "20 images: 20 held.",
        "• more than 30% may be bad",
        "• 5 images: &lt;b&gt;torn&lt;/b&gt;",
        "https://airflow.example/cutouts/gate/0a",
    ]
