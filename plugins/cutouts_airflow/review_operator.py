"""The task that waits for a person's answer, without a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import TaskAwaitingInput

from cutouts_airflow.notifying import tell
from cutouts_airflow.reviewing import APPROVE, ASK, LATER, REJECT, ReviewSettings, question

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
        tell(settings, asked, context)  # before the question exists: a slow address must not keep an answer waiting
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
