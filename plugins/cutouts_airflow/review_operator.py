"""The task that waits for a person's answer, without a worker, and tells people that there is a question."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseNotifier, Connection, Param
from airflow.sdk.exceptions import TaskAwaitingInput

from cutouts.core.errors import ConfigError
from cutouts_airflow.airflow_site import connection
from cutouts_airflow.reviewing import APPROVE, ASK, LATER, REJECT, ReviewSettings, question, review_url

_SECONDS = 30.0
_ASKED = "asked"
"""The key in Airflow's task state store, which all tries share, that says that the question was asked."""


class AskForDecision(HITLOperator):
    """Asks about the decision of the gate that the run's conf names.

    The task then waits in Airflow's state `awaiting_input`: it uses no worker and no slot of a pool. After
    `answer_hours` the scheduler answers `LATER` for it.

    Airflow 3.3 starts the task again if the answer arrives before the process that asked has ended. Asking again would
    delete the answer. So another try only waits, and Airflow gives it the recorded answer at once.
    """

    def execute(self, context: Any) -> Any:
        """Tell people, ask, and wait. Skips if somebody decided already."""
        gate_id = context["params"]["gate"]
        settings = ReviewSettings.read()
        asked = question(gate_id)
        self.subject, self.body = asked.subject, asked.body
        self.response_timeout = timedelta(hours=settings.answer_hours)
        if context["task_state_store"].get(_ASKED):
            self.log.info("The question was asked before: its answer counts.")
            raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)
        for tell in _notifiers(settings, f"{asked.subject}: {review_url(gate_id)}"):
            tell(context)  # before the question exists: a slow address must not keep an answer waiting
        try:
            return super().execute(context)
        except TaskAwaitingInput:
            context["task_state_store"].set(_ASKED, value=True)
            raise


def _answered(context: Any) -> None:
    """The answer was passed on: if a person clears the task, it asks again."""
    context["task_state_store"].delete(_ASKED)


def ask_for_decision() -> AskForDecision:
    """The task that asks. Its headline, text and time to answer are known when it runs."""
    return AskForDecision(
        task_id=ASK,
        subject="A delivery waits for a decision",
        options=[APPROVE, REJECT, LATER],
        defaults=LATER,
        params={"why": Param("looked at", type="string", minLength=1, maxLength=500, title="Why")},
        response_timeout=timedelta(hours=ReviewSettings().answer_hours),
        execution_timeout=None,
        on_success_callback=_answered,
    )


class WebhookNotifier(BaseNotifier):
    """Posts a text as JSON, `{"text": …}`, to the URL of a Connection: what Slack, Mattermost and Teams accept."""

    template_fields = ("text",)

    def __init__(self, *, conn_id: str, text: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.text = text

    def notify(self, context: Any) -> None:  # noqa: ARG002 -- Airflow's signature
        """Post it. Raises OSError if the address does not answer."""
        there = connection(self.conn_id)
        if there is None:
            raise ConfigError("the webhook has no address", [f"there is no Connection `{self.conn_id}`"])
        body = json.dumps({"text": self.text}).encode()
        request = urllib.request.Request(_url(there), body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            self.log.info("The webhook answered %d.", answer.status)


def _notifiers(settings: ReviewSettings, text: str) -> Iterator[BaseNotifier]:
    """The site's notifiers, with the text as it is: braces in the name of a delivery are no template."""
    told = text.replace("{", "(").replace("}", ")")
    if settings.webhook:
        yield WebhookNotifier(conn_id=settings.webhook, text=told)
    if settings.mail:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        yield SmtpNotifier(to=list(settings.mail), subject="A delivery waits for a decision", html_content=_html(told))


def _html(text: str) -> str:
    from html import escape

    return f"<p>{escape(text)}</p>"


def _url(there: Connection) -> str:
    """The URL of a Connection: its host, port and schema, and its password as the secret end of the path."""
    host = there.host or ""
    base = host if "://" in host else f"{there.schema or 'https'}://{host}{f':{there.port}' if there.port else ''}"
    if not base.startswith(("https://", "http://")):
        raise ConfigError(
            "the webhook's address is wrong", [f"Connection {there.conn_id}: expected http:// or https://"]
        )
    return f"{base.rstrip('/')}/{quote(there.password, safe='/')}" if there.password else base
