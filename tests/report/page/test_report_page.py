"""What `report.html` shows and what it never does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import pytest

from cutouts.core.decisions import Outcome
from cutouts.report import Refusal, Report, TruthRow, write_report
from cutouts.report.page.ranking import MEASURES
from cutouts.schemas.tables import IMAGES, METRICS
from tests.report.conftest import NO_PRODUCT, Run, Shown
from tests.report.page.html_reader import ReadPage, read_page

Make = Callable[[Sequence[Shown]], Report]

HOSTILE = "<img src=http://evil.example/x onerror=alert(1)>\"'&amp;.jpg"
MIXED = (
    Shown(source="good.jpg"),
    Shown(source="unsure.jpg", peak=0.6),
    Shown(source="held.jpg", outcome=Outcome.HELD, reasons=("too many bad images",)),
    Shown(source="empty.jpg", outcome=Outcome.QUARANTINED, reasons=(NO_PRODUCT,), peak=0.02),
    Shown(source="broken.jpg", outcome=Outcome.REJECTED, reasons=("the image is truncated: at row 7",), peak=None),
    Shown(source="also-broken.jpg", outcome=Outcome.REJECTED, reasons=("the file is empty",), peak=None),
)


@pytest.fixture(scope="module")
def mixed(shared_run: Run, make_report: Make) -> ReadPage:
    """The page of `MIXED`."""
    return _written(shared_run, make_report(MIXED))


def _written(run: Run, report: Report) -> ReadPage:
    path = run.folder / "report.html"
    write_report(path, report, read=run.read)
    return read_page(path.read_text("utf-8"))


def test_nothing_is_loaded_from_elsewhere(mixed: ReadPage, shared_run: Run) -> None:
    """Every address in attributes and styles is a fragment of the page or a data URI."""
    for address in mixed.addresses:
        assert not re.search(r"(https?:)?//", re.sub(r"data:image/webp;base64,[\w+/=]+", "", address))
    assert "@import" not in (shared_run.folder / "report.html").read_text("utf-8")


def test_the_worst_come_first(mixed: ReadPage) -> None:
    """Quarantined images are first, then held ones, then by doubt; rejected files have no picture."""
    assert mixed.names() == ["empty.jpg", "held.jpg", "unsure.jpg", "good.jpg"]


def test_a_held_image_with_its_own_reason_comes_first(run: Run, make_report: Make) -> None:
    """The reader of a held delivery sees first which images caused it."""
    shared = "more than 30% of the delivery's images are bad"
    images = [Shown(source=f"{n}.jpg", outcome=Outcome.HELD, reasons=(shared,)) for n in range(3)]
    images.append(Shown(source="cause.jpg", outcome=Outcome.HELD, reasons=(shared, NO_PRODUCT)))
    assert _written(run, make_report(images)).names()[0] == "cause.jpg"


def test_every_rejection_is_listed_with_its_reason(mixed: ReadPage) -> None:
    """Each rejected file is named beside its reason."""
    text = mixed.text
    assert "also-broken.jpg the file is empty" in text
    assert "broken.jpg the image is truncated: at row 7" in text


def test_every_waiting_image_is_listed_with_its_reasons(mixed: ReadPage) -> None:
    """Quarantined and held ones are listed, because the contact sheet may leave some out."""
    text = mixed.text
    assert f"empty.jpg quarantined {NO_PRODUCT}" in text
    assert "held.jpg held too many bad images" in text


def test_every_note_is_shown_with_its_image(run: Run, make_report: Make) -> None:
    """It is on the image's card and in a list that also has images without a card; without notes there is none."""
    note = "its colours are approximate"
    page = _written(run, make_report([Shown(source="a.jpg"), Shown(source="b.jpg", notes=(note, "it has 2 frames"))]))
    assert f"Note: {note}; it has 2 frames" in page.text
    assert f"b.jpg published {note}; it has 2 frames" in page.text
    assert "Read with a note" not in _written(run, make_report([Shown(source="a.jpg")])).text


def test_counts_verdicts_and_failed_expectations_are_shown(mixed: ReadPage) -> None:
    """The head counts the outcomes, and each delivery has its verdict and the expectations that it failed."""
    text = mixed.text
    assert "6 images: 2 published, 2 wait for a person, 2 could not be processed." in text
    assert "2026-01-02/studio-a hold" in text
    assert f"✗ not met {NO_PRODUCT} 0.02 to 0.99 1 quarantine" in text
    assert "4.5 images/s" in text


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([Outcome.PUBLISHED], "The only image is published."),
        ([Outcome.PUBLISHED, Outcome.SKIPPED], "All 2 images are published, 1 of them by an earlier run."),
        ([Outcome.HELD, Outcome.HELD], "2 images: none published, 2 wait for a person."),
    ],
)
def test_the_head_is_one_sentence(run: Run, make_report: Make, outcomes: list[Outcome], told: str) -> None:
    """The counts become a sentence with the right numbers."""
    images = [Shown(source=f"{n}.jpg", outcome=outcome, peak=None) for n, outcome in enumerate(outcomes)]
    assert told in _written(run, make_report(images)).text


def test_hostile_names_stay_text(run: Run, make_report: Make) -> None:
    """A file name that is HTML is shown and not interpreted."""
    images = [
        Shown(source=HOSTILE, delivery_id="<script>alert(2)</script>"),
        Shown(
            source=f"b{HOSTILE}", outcome=Outcome.REJECTED, reasons=("</style><script>alert(3)</script>",), peak=None
        ),
    ]
    page = _written(run, make_report(images))
    assert page.names() == [HOSTILE]
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert "<script>alert(2)</script>" in page.text


def test_names_that_are_not_unicode_are_written(run: Run, make_report: Make) -> None:
    """A file name with bytes outside UTF-8 does not stop the report."""
    report = make_report([Shown(source="ok.jpg")])
    assert _written(run, replace(report, source="/data/\udcff")).names() == ["ok.jpg"]


def test_a_rerun_says_that_there_was_nothing_to_do(run: Run, make_report: Make) -> None:
    """With everything skipped there are the earlier run's pictures and no empty plots."""
    images = [Shown(source=f"{n}.jpg", outcome=Outcome.SKIPPED, peak=None) for n in range(3)]
    page = _written(run, make_report(images))
    assert "Nothing new: all 3 images were decided before" in page.text
    assert len(page.names()) == 3
    assert "Distributions" not in page.text


def test_a_rerun_with_waiting_images_says_so(run: Run, make_report: Make) -> None:
    """Images held by an earlier run are listed again, and that nothing was done for them."""
    images = [Shown(source="a.jpg", outcome=Outcome.SKIPPED), Shown(source="b.jpg", outcome=Outcome.QUARANTINED)]
    report = make_report(images)
    idle = replace(report, summary=replace(report.summary, model_batches=0, images_per_second=0.0), wall_seconds=0.0)
    text = _written(run, idle).text
    assert "2 images: 1 published by an earlier run, 1 waits for a person. Everything was decided before" in text
    assert "Throughput nothing was processed" in text


def test_a_report_without_images_says_so(run: Run, make_report: Make) -> None:
    """The source is empty."""
    report = replace(make_report([]), images=IMAGES.empty_table(), metrics=METRICS.empty_table(), decisions=())
    assert "There were no images." in _written(run, report).text


def test_a_refused_delivery_is_listed_with_its_problem_and_rows(run: Run, make_report: Make) -> None:
    """The result of the manifest's check comes first."""
    refusal = Refusal(
        day=date(2026, 1, 2),
        delivery_id="studio-b",
        problem="image_id is null",
        count=12,
        places=("4", "9"),
        image_ids=(None, "x.jpg"),
    )
    text = _written(run, replace(make_report(MIXED), refused=(refusal,))).text
    assert "2026-01-02/studio-b refused image_id is null (12 rows) Rows 4, 9 and 10 more: x.jpg" in text
    assert "1 delivery was refused." in text


def test_each_matte_is_compared_with_its_truth(run: Run, make_report: Make) -> None:
    """If truths are known, the metrics are in a table and on the card, the worst first."""
    rows = [
        TruthRow(
            image_id=name,
            delivery_id="studio-a",
            date=date(2026, 1, 2),
            intersection_over_union=iou,
            boundary_iou=0.9,
            mean_absolute_error=0.01,
        )
        for name, iou in (("good.jpg", 0.987), ("unsure.jpg", 0.612))
    ]
    text = _written(run, replace(make_report(MIXED), truth=tuple(rows))).text
    assert "unsure.jpg 0.612 0.900 0.0100 good.jpg 0.987" in text
    assert "IoU with the known matte 0.987" in text


def test_plots_show_the_limits_of_the_suite(mixed: ReadPage) -> None:
    """Each metric has its plot, with a text alternative."""
    assert "images between 0.02 and 0.99" in mixed.text
    assert "limit 0.5" in mixed.text
    assert sum(tag == "figure" for tag, _ in mixed.tags) == len(MEASURES)


@pytest.mark.parametrize("missing", ["photograph", "outputs", "both"])
def test_missing_pictures_are_left_out(run: Run, make_report: Make, missing: str) -> None:
    """A report is written even if a source or an object was deleted since."""
    if missing != "photograph":
        for name in ("cutout.png", "mask.png"):
            (run.folder / name).unlink()
    if missing != "outputs":
        (run.folder / "disc.jpg").write_bytes(b"no longer an image")
    page = _written(run, make_report([Shown(source="good.jpg")]))
    assert page.names() == ["good.jpg"]
    assert ("Its pictures are no longer available." in page.text) == (missing == "both")


def test_every_picture_has_an_alternative_text(mixed: ReadPage) -> None:
    """Photographs and cutouts have a text for users who cannot see them."""
    pictures = [attributes for tag, attributes in mixed.tags if tag == "img" or attributes.get("role") == "img"]
    assert len(pictures) == 12
    assert all(attributes.get("alt") or attributes.get("aria-label") for attributes in pictures)
