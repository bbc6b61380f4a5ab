"""The bodies of the DAGs' tasks: keys in, one step of the pipeline, keys out.

Large libraries are imported when a task runs, so that parsing a DAG file stays fast.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date
from pathlib import PurePosixPath

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from cutouts.core.config import Site
from cutouts.core.errors import HeldError, ManifestError, StorageError
from cutouts.core.records import DeliveryKey, Plan, ShardKey
from cutouts.core.text.display import shown
from cutouts.core.text.sentences import decision_sentence, plan_sentence, publication_sentence, remarks
from cutouts_airflow import lineage
from cutouts_airflow.airflow_site import site
from cutouts_airflow.redacting import logged_without_secrets

log = logging.getLogger(__name__)


@logged_without_secrets
def landed() -> list[str]:
    """The manifests that have landed and were neither taken nor refused yet."""
    from cutouts import intake

    return list(intake.landed(site()))


@logged_without_secrets
def take(manifest: str) -> None:
    """Validate and record one manifest; each accepted delivery then waits in the queue.

    Raises ManifestError if its structure is wrong; skips the task if no delivery was accepted.
    """
    from cutouts import intake

    accepted = [str(key) for key in intake.take(site(), manifest, waiting=True).accepted]
    if not accepted:
        raise AirflowSkipException(f"{manifest} contains no delivery that can be accepted")
    log.info("Manifest %s: %d deliveries accepted: %s.", shown(manifest), len(accepted), shown(", ".join(accepted)))


@logged_without_secrets
def report_refusals(manifests: list[str] | None) -> None:
    """Raise ManifestError with every refused delivery, and every manifest that could not be taken.

    Manifests that an earlier run refused are only named in the log, until they change.
    """
    from cutouts import intake

    if manifests is None:
        raise ManifestError("the search for manifests failed", ["see the task `landed`"])
    here = site()
    refused = {one.manifest: one.problems for one in intake.refused(here)}
    if before := sorted(refused.keys() - set(manifests)):
        log.warning("Refused before and not changed since: %s.", shown(", ".join(before)))
    left = {*intake.landed(here), *refused}
    problems = [f"{one}: could not be taken, see its task `take`" for one in manifests if one in left - refused.keys()]
    problems += [problem for one in manifests for problem in refused.get(one, ())]
    for manifest in manifests:
        if manifest not in left:  # only reads the record of a taken manifest
            problems += [f"{manifest}: {problem}" for problem in intake.take(here, manifest).refused]
    if problems:
        raise ManifestError("not every manifest that arrived could be accepted", problems)


@logged_without_secrets
def deliveries_on(when: date) -> list[str]:
    """The deliveries of one day: those taken before, and those in that day's own manifest if it was not taken yet.

    Raises ManifestError if that manifest has any problem; it is then left to the intake.
    """
    from cutouts import intake

    here = site()
    for manifest in (*intake.landed(here), *(one.manifest for one in intake.refused(here))):
        if PurePosixPath(manifest).name == f"date={when.isoformat()}":
            refused = intake.inspect(manifest).refused
            if refused:
                raise ManifestError(f"the manifest {manifest} has problems", [str(problem) for problem in refused])
            intake.take(here, manifest)
    return [str(key) for key in intake.deliveries_on(here, when)]


@logged_without_secrets
def delivery() -> str:
    """The delivery of this run: its partition key, or the param `delivery`.

    Raises ValueError if neither is given, if it is not a delivery key, or if they name two deliveries.
    """
    return str(DeliveryKey.parse(_partition("delivery", "YYYY-MM-DD/delivery_id")))


@logged_without_secrets
def delivery_if_any() -> str | None:
    """The delivery of this run, as `delivery` finds it; None if neither a key nor the param is given."""
    context = get_current_context()
    return delivery() if context["dag_run"].partition_key or context["params"]["delivery"] else None


def _partition(param: str, form: str) -> str:
    context = get_current_context()
    given = {key for key in (context["dag_run"].partition_key, context["params"][param]) if key}
    if not given:
        raise ValueError(f"this run names no {param}: trigger it with the param `{param}` ({form})")
    if len(given) > 1:
        raise ValueError(f"this run names two of them, as partition key and as param: {', '.join(sorted(given))}")
    return str(given.pop())


@logged_without_secrets
def plan(delivery_key: str) -> list[str]:
    """Plan a delivery from the manifest that it was taken from. Returns its shards' keys, and pushes the plan's id to
    XCom `plan_id`."""
    from cutouts import intake, steps

    here, key = site(), DeliveryKey.parse(delivery_key)
    source = intake.source_of(here, key)
    return planned_shards(here, source, steps.plan(here, source, key))


@logged_without_secrets
def planned_shards(here: Site, source: str, planned: Plan) -> list[str]:
    """The keys of a new plan's shards. Logs the plan, and pushes its id to XCom `plan_id`."""
    lineage.reads(source)
    lineage.writes(here.tables_url)
    log.info("%s", plan_sentence(planned))
    get_current_context()["ti"].xcom_push("plan_id", planned.plan_id)
    return [str(shard) for shard in planned.shard_keys()]


@logged_without_secrets
def segment(shards: Iterable[str]) -> None:
    """Cut out these shards on the site's cluster, one after the other; a shard with a receipt is not cut again."""
    from cutouts import steps
    from cutouts.runner import open_runner

    here = site()
    with open_runner(here) as runner:
        for shard in shards:
            steps.segment(here, ShardKey.parse(shard), runner)  # logs its progress
    lineage.reads(here.tables_url)
    lineage.writes(here.objects_url)


@logged_without_secrets
def gate(plan_id: str) -> str:
    """Judge the plan's delivery as a whole. Returns the id of the decision, and pushes the verdict to XCom
    `verdict`."""
    from cutouts import steps

    here = site()
    decision = steps.gate(here, plan_id)
    lineage.reads(here.tables_url)
    lineage.writes(here.tables_url)
    log.info("%s", decision_sentence(decision))
    for reason in remarks(decision):
        log.info("  %s", reason)
    get_current_context()["ti"].xcom_push("verdict", decision_sentence(decision))
    return decision.gate_id


@logged_without_secrets
def publish(gate_id: str) -> str:
    """Publish what the gate or a person let through. Returns the delivery's key. Skips the task if the delivery is
    held.

    Raises DamagedError, after publishing, if an object of the delivery is missing or truncated.
    """
    from cutouts import steps
    from cutouts.steps.verify import require_live_objects

    here = site()
    try:
        publication = steps.publish(here, gate_id)
    except HeldError as error:
        for line in str(error).splitlines():
            log.warning("%s", line)
        raise AirflowSkipException("the delivery is held: see above how to release it") from error
    lineage.reads(here.tables_url, here.objects_url)
    lineage.writes(lineage.catalogue(here))
    log.info("%s", publication_sentence(publication))
    require_live_objects(here, gate_id)
    return str(publication.delivery)


@logged_without_secrets
def render(delivery_key: str | None) -> None:
    """Render what is stale of the site's renditions: of one delivery, or of the whole catalogue.

    Skips the task if the site names no renditions. Raises StorageError if a picture could not be made, after all others
    were.
    """
    from cutouts.runner import open_runner
    from cutouts.steps.render import render_stale

    here = site()
    if not here.renditions:
        raise AirflowSkipException("the site names no renditions: set `renditions` to have them made")
    one = DeliveryKey.parse(delivery_key).delivery_id if delivery_key else None
    with open_runner(here) as runner:
        done = render_stale(here, runner, delivery_id=one)
    log.info("%d pictures of %d images rendered, %d break a rule.", done.pictures, done.images, done.refused)
    for failure in done.failures:
        log.error("Not rendered: image %s: %s", shown(failure.image_id), shown(failure.words))
    if done.failures:
        raise StorageError(f"{len(done.failures)} renditions could not be made: see the log")
