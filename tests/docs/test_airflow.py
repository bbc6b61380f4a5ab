"""docs/airflow.md compared with the code: its DAGs, numbers, keys and log lines exist."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cutouts.core.decisions import GateDecision, Verdict
from cutouts.core.publications import Announcement, Publication
from cutouts.core.records import DeliveryKey
from cutouts.core.text.sentences import plan_sentence, publication_sentence
from cutouts_airflow import order
from cutouts_airflow.home import home_environment
from tests.airflow_home import airflow_home
from tests.docs.pages import AIRFLOW, ROOT, blocks, prose, rows, shell_lines

__all__ = ["airflow_home"]

TEXT = prose(AIRFLOW)


def test_every_dag_is_documented() -> None:
    """The table has exactly the files in dags/."""
    told = {row[0].strip("`") for row in rows(AIRFLOW, "## What runs")}
    assert told == {path.stem for path in (ROOT / "dags").glob("*.py")}


def test_request_bodies_name_existing_dags_and_params(airflow_home: Path) -> None:
    """Each body is JSON for one of our DAGs, with parameters and values that it accepts."""
    from tests.airflow_home import dag_bag

    dags = dag_bag()
    confs = []
    for words in shell_lines(AIRFLOW):
        if words[0] == "airflow":
            assert words[words.index("--dag-id") + 1 if "--dag-id" in words else 3] in dags
            confs += [(words[3], json.loads(words[-1]))] if "--conf" in words else []
        elif words[0] == "curl":
            body = json.loads(words[-1])
            name = body.get("dag_id") or words[3].split("/dags/")[1].split("/")[0]
            confs.append((name, body.get("conf", {})))
    assert len(confs) == 8
    for name, conf in confs:
        params = dags[name].params
        assert {param: params.get_param(param).resolve(value) for param, value in conf.items()} == conf


def test_every_key_of_an_event_is_documented() -> None:
    """The table has exactly the keys of `steps.facts_of`."""
    told = {name for row in rows(AIRFLOW, "says what changed") for name in re.findall(r"`(\w+)`", row[0])}
    key = DeliveryKey(date=date(2026, 1, 1), delivery_id="a")
    one = Publication(
        publication_id=1,
        gate_id="g",
        plan_id="p",
        delivery=key,
        at=datetime.now(UTC),
        published=1,
        superseded=0,
        approval=None,
    )
    counts = Announcement(delivery=key, publications=(one,)).counts
    of_decision = told & {field.name for field in fields(GateDecision)} - set(counts) - {"gate_id"}
    assert of_decision == {"images", "quarantined", "rejected"}
    assert told == {*counts, "publication_ids", "gate_id", *of_decision}
    assert "(publication 1)" in publication_sentence(one)
    assert plan_sentence.__doc__


def test_its_numbers_match_the_code(tmp_path: Path) -> None:
    """They are the limits of work in progress and the retries of Airflow."""
    from cutouts_airflow.retries import FIRST_DELAY, LONGEST_DELAY, RETRIES

    assert f"At most {order.DELIVERIES_AT_ONCE} deliveries" in TEXT
    assert f"{order.SHARDS_AT_ONCE} shards are cut at a time" in TEXT
    assert order.OLDER_AT_ONCE == 1
    assert timedelta(seconds=5) == FIRST_DELAY
    assert timedelta(minutes=5) == LONGEST_DELAY
    assert f"{RETRIES} retries" in TEXT
    seconds = home_environment(tmp_path)["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"]
    assert f"once {seconds} s without a heartbeat" in TEXT


def test_its_sample_log_matches_the_code() -> None:
    """Every line of the sample has words that some module logs."""
    (sample,) = blocks(AIRFLOW, "text")
    folders = (ROOT / "pipeline/cutouts/core", ROOT / "pipeline/cutouts/steps", ROOT / "plugins" / "cutouts_airflow")
    code = " ".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    for words in ("known already", "to cut in", "images to cut", "done, %d cut", "verdict: ", "live already"):
        assert words in code
    for words in (
        "known already",
        "to cut in",
        "images to cut",
        "verdict: ",
        "live already",
        "is announced on the asset",
    ):
        assert words in sample
    assert str(Verdict.PUBLISH_ALL_BUT_QUARANTINED) in sample


def test_the_documented_reason_why_asset_pages_fail_still_holds(airflow_home: Path) -> None:
    """Airflow refuses a run without a start; once that is fixed, the page has to change."""
    from airflow.api_fastapi.core_api.datamodels.assets import DagRunAssetReference
    from airflow.models.dagrun import DagRun

    assert "requires a `start_date`" in TEXT
    assert DagRun.__table__.columns["start_date"].nullable
    assert DagRunAssetReference.model_fields["start_date"].annotation is datetime
