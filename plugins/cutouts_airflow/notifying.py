"""Tells people by mail and webhook that a delivery waits for their decision."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseNotifier, Connection

from cutouts.core.errors import ConfigError
from cutouts_airflow.airflow_site import connection
from cutouts_airflow.reviewing import Question, ReviewSettings

_SECONDS = 30.0


def tell(settings: ReviewSettings, asked: Question, context: Any) -> None:
    """Send the site's mail and its webhook. What cannot be sent is logged by the notifier, and nothing is raised: the
    question is asked all the same, and the others are told."""
    for notify in notifiers(settings, asked):
        with contextlib.suppress(Exception):
            notify(context)


def notifiers(settings: ReviewSettings, asked: Question) -> Iterator[BaseNotifier]:
    """The site's notifiers for a question."""
    if settings.webhook:
        yield WebhookNotifier(conn_id=settings.webhook, text=_chat(asked))
    if settings.mail:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        yield SmtpNotifier(to=list(settings.mail), subject=_literal(asked.subject), html_content=_html(asked))


class WebhookNotifier(BaseNotifier):
    """Posts a text as JSON, `{"text": …}`, to the URL of a Connection: what Slack, Mattermost and Teams accept."""

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


def _chat(asked: Question) -> str:
    lines = [_inert(asked.subject), _inert(asked.counts), *(f"• {_inert(reason)}" for reason in asked.reasons)]
    return "\n".join([*lines, asked.url])


def _inert(text: str) -> str:
    """Text of a stranger that a chat shows as it is: it mentions nobody, and hides no address behind other words."""
    return escape(text, quote=False).replace("@", "@\u200b").replace("](", "]\u200b(")


def _html(asked: Question) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in asked.reasons)
    told = f"<p>{escape(asked.subject)}</p><p>{escape(asked.counts)}</p>{f'<ul>{reasons}</ul>' if reasons else ''}"
    return f'{_literal(told)}<p><a href="{escape(asked.url)}">Look at the images and decide</a></p>'


def _literal(text: str) -> str:
    """Text that Airflow's mail does not take for a template."""
    return text.replace("{", "(").replace("}", ")")


def _url(there: Connection) -> str:
    """The URL of a Connection: its host, port and schema, and its password as the secret end of the path."""
    host = there.host or ""
    base = host if "://" in host else f"{there.schema or 'https'}://{host}{f':{there.port}' if there.port else ''}"
    if not base.startswith(("https://", "http://")):
        raise ConfigError(
            "the webhook's address is wrong", [f"Connection {there.conn_id}: expected http:// or https://"]
        )
    return f"{base.rstrip('/')}/{quote(there.password, safe='/')}" if there.password else base
