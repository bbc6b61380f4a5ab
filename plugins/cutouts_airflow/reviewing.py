"""Asks a person about held and quarantined images, in Airflow's Required Actions, and carries out the answer.

Which decisions wait is derived from the catalogue, so a delivery that a command held is asked about too. All decisions
about the same content of a delivery are one question, which is asked once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cutouts.core.errors import ConfigError, CutoutsError, StorageError, TransientError
from cutouts.core.text.counting import counted
from cutouts.core.text.display import shown
from cutouts_airflow.airflow_site import site
from cutouts_airflow.redacting import logged_without_secrets
from cutouts_airflow.review_links import PREFIX, base_url

if TYPE_CHECKING:
    from cutouts.core.config import Site
    from cutouts.core.decisions import GateDecision

log = logging.getLogger(__name__)

REVIEW: Final = "delivery_review"
"""The DAG that asks; one run per question."""
ASK: Final = "ask"
"""Its task that waits for the answer."""
APPROVE, REJECT, LATER = "Approve", "Reject", "Not now"
"""The possible answers. Without one, the last applies: nothing is published, and the delivery still waits."""

VARIABLE = "cutouts_review"
"""The Variable with a JSON object of `ReviewSettings`; unknown keys are refused."""

_COUNTED = 200
"""Runs that are counted in one request, which names each of them."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:@/])")


class ReviewSettings(BaseModel):
    """How a site wants to be asked.

    `answer_hours` is the time to answer, a year at most. `quarantined` says whether quarantined images of published
    deliveries are asked about too. `mail` lists addresses that are told of each question, and `webhook` names a
    Connection whose URL gets it as JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    answer_hours: float = Field(default=72.0, gt=0, le=8_760, allow_inf_nan=False)
    quarantined: bool = True
    mail: tuple[str, ...] = ()
    webhook: str = ""

    @classmethod
    def read(cls) -> ReviewSettings:
        """The settings in the Variable. Raises ConfigError with every wrong key."""
        try:
            return cls.model_validate_json(Variable.get(VARIABLE, default="{}"))
        except ValidationError as error:
            problems = [
                f"{'.'.join(map(str, one['loc'])) or 'a JSON object is expected'}: {one['msg']}"
                for one in error.errors(include_url=False, include_input=False)
            ]
            raise ConfigError(f"the Variable `{VARIABLE}` is wrong", problems) from None


def run_of(here: Site, gate_id: str) -> str:
    """The id of the run that asks about a decision. It is the same for all decisions about the same content of a
    delivery, so that a delivery that is judged again unchanged is not asked about again."""
    return f"review__{_facts(here, gate_id).question}"


@logged_without_secrets
def unasked() -> list[dict[str, Any]]:
    """The decisions that wait for a person and were not asked about yet, as arguments of the runs that ask."""
    here = site()
    return [{"trigger_run_id": run_of(here, gate_id), "conf": {"gate": gate_id}} for gate_id in _unasked(here)]


def _unasked(here: Site) -> list[str]:
    questions: dict[str, str] = {}
    for gate_id in _waiting(here):
        questions.setdefault(run_of(here, gate_id), gate_id)
    runs = list(questions)
    parts = (runs[begin : begin + _COUNTED] for begin in range(0, len(runs), _COUNTED))
    return [questions[run] for part in parts for run in _missing(part)]


def _missing(runs: list[str]) -> list[str]:
    """Those of the runs that do not exist, found by halves: nearly always all of them do."""
    if _runs(runs) == len(runs):
        return []
    half = len(runs) // 2
    return [*_missing(runs[:half]), *_missing(runs[half:])] if half else runs


def _waiting(here: Site) -> list[str]:
    """Held decisions, and decisions of the time to answer that published all but quarantined images."""
    from cutouts.adapters.catalog import Catalog

    settings = ReviewSettings.read()
    since = datetime.now(UTC) - timedelta(hours=settings.answer_hours)
    with Catalog.open(here.catalog_url) as catalog:
        found = [hold.gate_id for hold in catalog.holds.all_waiting()]
        recent = catalog.gates_since(since) if settings.quarantined else ()
    return [*found, *(gate_id for gate_id in recent if _facts(here, gate_id).quarantined)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """How many images a decision quarantined, the delivery's key, and a digest of that and of what was judged."""

    quarantined: int
    delivery: str
    question: str


@lru_cache(maxsize=65_536)
def _facts(here: Site, gate_id: str) -> _Facts:
    """Of a decision whose tables were removed, nothing is known but its id. Raises TransientError."""
    from cutouts import steps

    try:
        decision = steps.read_decision(here, gate_id)
    except TransientError:
        raise
    except StorageError:
        return _Facts(quarantined=0, delivery="", question=gate_id)
    about = sha256(f"{decision.delivery} {decision.judged}".encode()).hexdigest()[:32]
    return _Facts(quarantined=decision.quarantined, delivery=str(decision.delivery), question=about)


def is_settled_with(here: Site, gate_id: str, other: str) -> bool:
    """Whether the decision `other` is about the same delivery as `gate_id`, about which a person has just decided, and
    does not wait any more: there may be quarantined images that nobody looked at yet."""
    try:
        return _facts(here, other).delivery == _facts(here, gate_id).delivery and not _state(here, other)[1]
    except CutoutsError:
        return False


def _runs(run_ids: Sequence[str]) -> int:
    """How many of these runs exist; triggers may call this too."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return int(RuntimeTaskInstance.get_dr_count(dag_id=REVIEW, run_ids=list(run_ids))) if run_ids else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person is asked: a headline, the numbers of images, the reasons, and the address of the review page.

    `body` is all of that in Markdown, with what each answer does.
    """

    subject: str
    counts: str
    reasons: tuple[str, ...]
    url: str
    body: str


@logged_without_secrets
def question(gate_id: str) -> Question:
    """The question about a decision. Skips the task if it does not wait any more."""
    decision, unseen = _state(site(), gate_id)
    if not unseen:
        raise AirflowSkipException(f"gate {gate_id} does not wait for a person any more")
    held = _is_held(decision)
    name = shown(decision.delivery)
    subject = f"{name} is held" if held else f"{name}: {counted(decision.quarantined, 'image')} quarantined"
    return Question(
        subject=subject,
        counts=_counts(decision),
        reasons=tuple(shown(reason) for reason in decision.reasons),
        url=review_url(gate_id),
        body="\n".join(_body(decision, held=held)),
    )


def _counts(decision: GateDecision) -> str:
    counts = [(name, getattr(decision, name)) for name in ("published", "quarantined", "held", "rejected", "skipped")]
    said = ", ".join(f"{count} {name}" for name, count in counts if count)
    return f"{counted(decision.images, 'image')}: {said}."


def _body(decision: GateDecision, *, held: bool) -> list[str]:
    approves = "publishes all images that are not individually bad" if held else "publishes the quarantined images too"
    rejects = "rejects the delivery for good" if held else "keeps them back for good"
    return [
        _counts(decision),
        "",
        *(f"* {_plain(reason)}" for reason in decision.reasons),
        "",
        f"[Look at the images, and publish only some of them]({review_url(decision.gate_id)})",
        "",
        f"**{APPROVE}** {approves}. **{REJECT}** {rejects}.",
        f"**{LATER}**, or no answer in time, publishes nothing: it still waits on the review pages.",
    ]


def _plain(text: str) -> str:
    """Text of a stranger that Markdown shows as it is: no link, no picture."""
    return _MARKDOWN.sub(r"\\\1", shown(text))


def review_url(gate_id: str) -> str:
    """The address of the review page of a decision."""
    return f"{base_url()}{PREFIX}/gate/{gate_id}"


@logged_without_secrets
def settle(gate_id: str, answer: Mapping[str, Any]) -> str:
    """Carry out the answer of a person, in their name. Returns the delivery's key.

    If somebody decided elsewhere meanwhile, nothing is done. Skips the task if nothing was published.
    """
    here = site()
    decision, unseen = _state(here, gate_id)
    user, chosen = answer.get("responded_by_user"), answer["chosen_options"][0]
    if unseen and (user is None or chosen == LATER):
        raise AirflowSkipException(
            f"nobody decided about {shown(decision.delivery)}: it still waits, nothing is published"
        )
    if unseen and user is not None:
        why = str((answer.get("params_input") or {}).get("why") or "looked at")
        _carry_out(here, decision, approve=chosen == APPROVE, by=str(user["name"]), why=why)
    return str(decision.delivery)


def _carry_out(here: Site, decision: GateDecision, *, approve: bool, by: str, why: str) -> None:
    """Release or reject a held delivery, or those of its quarantined images about which nobody decided yet."""
    from cutouts import steps
    from cutouts.review.standings import unseen_images

    gate_id, held = decision.gate_id, _is_held(decision)
    quarantined = [] if held else unseen_images(here, decision)
    try:
        if approve:
            done = steps.approve(here, gate_id, by=by, why=why, also=quarantined)
            log.info("%s released %s: %d published.", shown(by), shown(decision.delivery), done.published)
        elif held:
            steps.reject(here, gate_id, by=by, why=why)
        else:
            steps.keep_back(here, gate_id, dict.fromkeys(quarantined, ""), by=by, why=why)
    except CutoutsError:
        if _state(here, gate_id)[1]:
            raise
        log.info("Somebody decided about %s meanwhile.", shown(decision.delivery))
    if not approve:
        raise AirflowSkipException(f"{shown(by)} rejected {shown(decision.delivery)}: {shown(why)}")


def _is_held(decision: GateDecision) -> bool:
    from cutouts.core.decisions import Verdict

    return decision.verdict is Verdict.HOLD


def _state(here: Site, gate_id: str) -> tuple[GateDecision, int]:
    """A decision, and how many of its images wait for a person's word."""
    from cutouts.review.sheets import open_sheet
    from cutouts.review.standings import standing_of

    sheet = open_sheet(here, gate_id)
    standing, _ = standing_of(here, sheet)
    return sheet.decision, standing.unseen if standing.state.waits else 0
