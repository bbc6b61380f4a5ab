"""### A person decides about a delivery

One run per decision of the gate that held a delivery, or that quarantined images. For a later decision about the same
content there is no new run. `announcements` starts it.

* **ask** puts the question into Airflow's Required Actions, with reasons, counts and a link to the review page, and
  sends it to the people that the Variable `cutouts_review` names. While it waits, it uses no worker.
* **settle** carries out the answer in the name of the person, and adds the delivery's key to the asset `cutouts` if
  something was published. If nobody answered in time, nothing is published, and the delivery still waits on the review
  pages.

A decision on the review pages or by command counts as well. The first one counts.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from cutouts_airflow import announcing, order, reviewing
from cutouts_airflow.assets import CUTOUTS
from cutouts_airflow.retries import retrying
from cutouts_airflow.review_operator import ask_for_decision


@dag(
    schedule=None,
    params={
        "gate": Param(
            None,
            type=["null", "string"],
            pattern="^[0-9a-f]{32}$",
            title="Decision",
            description="The id of the gate's decision, as `cutouts holds` prints it.",
        )
    },
    max_active_runs=order.QUESTIONS_AT_ONCE,
    default_args=retrying(hours=1) | {"priority_weight": order.PUBLISH},
    doc_md=__doc__,
    tags=["cutouts"],
)
def delivery_review() -> None:
    """Ask a person about one decision of the gate, and carry out the answer."""

    @task(outlets=[CUTOUTS], on_success_callback=announcing.announced)
    def settle(answer: dict[str, Any], params: dict[str, Any] | None = None) -> None:
        announcing.announce(CUTOUTS, reviewing.settle((params or {})["gate"], answer))

    settle(ask_for_decision().output)


delivery_review()
