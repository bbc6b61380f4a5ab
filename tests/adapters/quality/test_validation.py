"""Great Expectations is set up once per thread, and each thread judges its own rows."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import great_expectations
import pytest

from cutouts.adapters import quality
from cutouts.adapters.quality.library import library
from tests.adapters.quality.made import judged

DIVERGENCE = """
import sys
import pandas as pd
from cutouts.adapters.quality.library import library

def loaded():
    return any(name.startswith("scipy.stats.") for name in sys.modules)

frame = pd.DataFrame({"a": ["x", "y", "y", "y"]})
asset = library().get_context(mode="ephemeral").data_sources.add_pandas("pandas").add_dataframe_asset("frame")
batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
before = loaded()
wanted = {"values": ["x", "y"], "weights": [0.5, 0.5]}
rule = library().expectations.ExpectColumnKLDivergenceToBeLessThan
passed = [
    batch.validate(rule(column="a", partition_object=wanted, threshold=limit)).success for limit in (0.1, 0.2)
]
print(before, passed, loaded())
"""


def test_scipy_stats_is_loaded_by_the_rules_that_use_it() -> None:
    """It takes longer than a small delivery's whole gate. The divergence of a quarter from a half is .13."""
    found = subprocess.run([sys.executable, "-c", DIVERGENCE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False [False, True] True"


def test_a_thread_sets_the_library_up_once(suite: quality.Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second judgement in it takes the same context, which takes as long to make as two rules to judge."""
    made: list[object] = []
    real = great_expectations.get_context

    def counted(**how: object) -> object:
        made.append(how)
        return real(**how)

    monkeypatch.setattr(great_expectations, "get_context", counted)
    with ThreadPoolExecutor(1) as thread:
        found = [thread.submit(judged, suite, {"saliency_peak": peak}).result() for peak in (0.1, 0.9)]
    assert [len(one.findings) for one in found] == [1, 0]
    assert len(made) == 1


def test_a_configuration_is_not_made_again_at_each_access(
    suite: quality.Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Great Expectations asks an expectation for it more than a hundred times; it is made a few times per rule."""
    made: list[object] = []
    real = great_expectations.expectations.Expectation.dict

    def counted(expectation: object, **how: object) -> object:
        made.append(expectation)
        return real(expectation, **how)

    monkeypatch.setattr(great_expectations.expectations.Expectation, "dict", counted)
    judged(suite, {})
    assert len(suite.rules) <= len(made) < 50 * len(suite.rules)


def test_the_configuration_of_an_expectation_follows_its_fields() -> None:
    """It is another one as soon as a field is set."""
    rule = library().expectations.ExpectColumnValuesToNotBeNull(column="a")
    assert rule.configuration is rule.configuration
    rule.column = "b"
    assert rule.configuration.kwargs["column"] == "b"


def test_threads_do_not_judge_the_rows_of_others(suite: quality.Suite) -> None:
    """Four at once, of which two have a mask that fails."""
    peaks = (0.1, 0.9, 0.2, 0.9)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda peak: judged(suite, {}, {"saliency_peak": peak}), peaks))
    assert [[one.image_ids for one in judgement.findings] for judgement in found] == [[{"b"}], [], [{"b"}], []]
