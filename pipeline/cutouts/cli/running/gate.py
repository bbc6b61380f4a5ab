"""`cutouts gate`: step 3, judges a delivery whose shards are cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

import cutouts
from cutouts.adapters.terminal import say
from cutouts.cli.console.exit_status import Status
from cutouts.cli.console.first_words import FirstWordCommand
from cutouts.cli.console.options import site_options
from cutouts.core.decisions import Verdict
from cutouts.core.text.sentences import decision_sentence, remarks


class _Gate(FirstWordCommand):
    """The judgement of a plan; in its place, the first word may name another command about the gate."""

    others: ClassVar[Mapping[str, str]] = {"check": "running", "calibrate": "measuring"}


@click.command(cls=_Gate)
@click.argument("plan_id")
@site_options
def gate(plan_id: str, root: str | None, config: str | None) -> None:
    """Judge the delivery of PLAN_ID as a whole. Prints the gate's id, for `cutouts publish`.

    \b
    cutouts gate PLAN_ID
    cutouts gate check --help            (what a changed suite would have decided)
    cutouts gate calibrate --help        (fit the probability that a mask is bad)
    """
    decision = cutouts.gate(cutouts.load_site(config, root=root), plan_id)
    say(decision_sentence(decision), err=True)
    for reason in remarks(decision):
        say(f"  {reason}", err=True)
    say(decision.gate_id)
    if decision.verdict is Verdict.HOLD:
        raise click.exceptions.Exit(Status.HELD)
