"""Answers a question in Airflow's Required Actions that was decided on the review pages; only the API server does."""

from __future__ import annotations

from http import HTTPStatus

from airflow.api_fastapi.auth.managers.base_auth_manager import BaseUser
from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from fastapi import HTTPException

from cutouts_airflow.airflow_site import site
from cutouts_airflow.reviewing import ASK, REVIEW, is_settled_with


def answer_question(gate_id: str, chosen: str, why: str, user: BaseUser) -> None:
    """Answer the Required Actions that a person's decision settled and that nobody answered: the one about this
    decision, and those about others of its delivery."""
    here = site()
    answer = UpdateHITLDetailPayload(chosen_options=[chosen], params_input={"why": why})
    for run in DagRun.find(dag_id=REVIEW, state=DagRunState.RUNNING):
        if not is_settled_with(here, gate_id, str((run.conf or {}).get("gate"))):
            continue
        try:
            with create_session() as session:
                update_hitl_detail(REVIEW, run.run_id, ASK, answer, user, session)
        except HTTPException as error:
            if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise
