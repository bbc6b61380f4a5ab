"""Which calibration of the gate is used for a network, and which files are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cutouts.core.config import Site
from cutouts.core.errors import GateError
from cutouts.models.calibrations import SHIPPED, SUFFIX, calibration_json, find_calibration, read_calibration
from cutouts.stages import job_of


def test_the_shipped_networks_have_a_current_calibration(tmp_path: Path) -> None:
    """It has their recipes' digests, so a change of matte or measurements needs a new calibration."""
    for name in ("default", "default-int8", "default-licensed"):
        digest = job_of(Site(model=name)).recipe.digests.matte_digest
        found = find_calibration(digest, str(tmp_path))
        assert found is not None
        assert found.networks[digest] == name


def test_a_calibration_of_the_site_is_found_first(tmp_path: Path) -> None:
    """It is in the models folder; an uncalibrated network has none."""
    shipped = read_calibration(files("cutouts.models") / SHIPPED)
    digest = next(iter(shipped.networks))
    own = replace(shipped, version="own", networks={digest: "default", "0" * 16: "mine"})
    (tmp_path / f"mine{SUFFIX}").write_bytes(calibration_json(own))
    assert find_calibration(digest, str(tmp_path)) == own
    assert find_calibration("0" * 16, str(tmp_path)) == own
    assert find_calibration("1" * 16, str(tmp_path)) is None


def test_a_damaged_calibration_is_an_error_and_not_a_missing_one(tmp_path: Path) -> None:
    """The file is named, and no other calibration is used."""
    (tmp_path / f"mine{SUFFIX}").write_text("{}")
    with pytest.raises(GateError, match=rf"mine{SUFFIX} is not a calibration of the gate \(.*\): make it again"):
        find_calibration("0" * 16, str(tmp_path))


def _weight(name: str, **numbers: float) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["weights"][name].update(numbers)


def _checked(**lists: list[float]) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["checked"][0].update(lists)


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an infinite weight": (_weight("matte_doubt", weight=float("inf")), "finite numbers"),
    "a weight that is not a number": (_weight("matte_doubt", weight=float("nan")), "finite numbers"),
    "a weight beyond all": (_weight("matte_doubt", weight=1e308), "finite numbers"),
    "an infinite mean": (_weight("thin", mean=float("-inf")), "finite numbers"),
    "no spread": (_weight("matte_doubt", spread=0.0), "the spread is above 0"),
    "a negative spread": (_weight("matte_doubt", spread=-1.0), "the spread is above 0"),
    "doubt that excuses": (_weight("matte_doubt", weight=-4.0), "wrong sign"),
    "thinness that accuses": (_weight("thin", weight=3.0), "wrong sign"),
    "an infinite bias": (lambda raw: raw.update(bias=float("-inf")), "bias is a finite number"),
    "no weights": (lambda raw: raw.update(weights={}), "it has weights for nothing"),
    "a missing weight": (lambda raw: raw["weights"].pop("thin"), "it has weights for"),
    "an extra weight": (lambda raw: raw["weights"].update(more=raw["weights"]["thin"]), "it has weights for"),
    "a flag for a number": (lambda raw: raw.update(bias=True), "valid number"),
    "a text for a number": (lambda raw: raw.update(bias="-9"), "valid number"),
    "no network": (lambda raw: raw.update(networks={}), "it names no network"),
    "no version": (lambda raw: raw.update(version=""), "has no version"),
    "more bad masks than masks": (lambda raw: raw.update(bad=10**9), "bad masks of"),
    "checked masks out of order": (_checked(good=[0.2, 0.1]), "probabilities in order"),
    "checked masks beyond 1": (_checked(bad=[0.1, 2.0]), "probabilities in order"),
    "checked masks that are no numbers": (_checked(bad=[float("nan")]), "probabilities in order"),
    "checked masks twice": (lambda raw: raw["checked"].append(raw["checked"][0]), "checked twice"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_calibration_that_would_excuse_bad_masks_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    """With such numbers, p_bad would be small for every mask, or no number. Also without a seal, as earlier ones."""
    raw = json.loads((files("cutouts.models") / SHIPPED).read_text())
    raw.pop("seal")
    change(raw)
    (tmp_path / f"mine{SUFFIX}").write_text(json.dumps(raw))
    with pytest.raises(GateError, match=words):
        find_calibration("0" * 16, str(tmp_path))


def test_a_calibration_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    """One digit, a name that is given twice, or another form of the same: its seal does not match. An unsealed one is
    still read."""
    file, data = tmp_path / f"mine{SUFFIX}", (files("cutouts.models") / SHIPPED).read_bytes()
    at = data.index(b'"bias":') + len(b'"bias":')
    other = json.dumps(json.loads(data), indent=1).encode()
    for changed in (data[:at] + b"-9" + data[at + 1 :], data.replace(b',"seal"', b',"bias":-9.0,"seal"'), other):
        file.write_bytes(changed)
        with pytest.raises(GateError, match="changed or damaged"):
            read_calibration(file)
    file.write_bytes(data[: data.rindex(b',"seal"')] + b"}")
    assert read_calibration(file) == read_calibration(files("cutouts.models") / SHIPPED)
