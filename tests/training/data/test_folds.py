"""What a picture shows, and which fold of the training data it belongs to."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cutouts.core.errors import ConfigError
from cutouts.training.data.folds import (
    Fold,
    Label,
    check_known,
    kind_of,
    parse_fold,
    product_labels,
    render_labels,
)

SHOE = Label(sources=("rendered", "Google Scanned Objects"), kinds=("shoes", "kitchen"))


@pytest.mark.parametrize("text", ["shoes", "kind:", "colour:red", "", ":shoes"])
def test_an_invalid_fold_is_refused(text: str) -> None:
    """The message has the two valid forms."""
    with pytest.raises(ConfigError, match="expected source:NAME or kind:NAME"):
        parse_fold(text)


@pytest.mark.parametrize(
    ("fold", "holds"),
    [
        ("kind:shoes", True),
        ("kind:kitchen", True),
        ("kind:shoe", False),
        ("source:google scanned", True),
        ("source:rendered", True),
        ("source:magento", False),
    ],
)
def test_a_fold_is_matched_against_every_product_in_a_picture(fold: str, holds: bool) -> None:
    """A kind is a whole word, and a source is a part of the name in any case."""
    assert parse_fold(fold).holds(SHOE) is holds
    assert str(parse_fold(fold)) == fold


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("magento/wb04-blue-0", "bags"),
        ("magento/wb04-blue_main", "garments"),
        ("magento/msh03-black_main", "garments"),
        ("grocery/God-Morgon-Apple-Juice", "cartons"),
        ("grocery/Red-Beet", "food"),
        ("render/ycb_065-b_cups__2", "kitchen"),
        ("render/ycb_072-a_toy_airplane__1", "toys"),
        ("gsog_black_boot_with_leopard_print", "shoes"),
        ("prop_sunglasses_round", "glasses"),
        ("x-17", "other"),
    ],
)
def test_the_kind_of_a_product_is_read_from_its_name(name: str, kind: str) -> None:
    """The training's own tables use these names, and any other name is of the kind other."""
    assert kind_of(name) == kind


def test_the_category_in_the_table_wins_over_the_name(tmp_path: Path) -> None:
    """It is translated to the name of the kind used here."""
    table = {"name": ["boot/1", "boot/2"], "source": ["a shop", None], "category": ["sunglasses", None]}
    pq.write_table(pa.table(table), tmp_path / "products.parquet")
    labels = product_labels(tmp_path / "products.parquet")
    assert labels["boot/1"] == Label(sources=("a shop",), kinds=("glasses",))
    assert labels["boot/2"] == Label(sources=("",), kinds=("shoes",))


def test_a_render_has_the_kind_of_every_model_in_it(tmp_path: Path) -> None:
    """The kind comes from the table of models, or from the name of a model that is not in it."""
    models = tmp_path / "models.csv"
    models.write_text("file,name,category,source\na.glb,a,tableware,YCB\n", encoding="utf-8")
    pq.write_table(pa.table({"name": ["white-1"], "model": ["a+red_sneaker"]}), tmp_path / "train-0.parquet")
    labels = render_labels([tmp_path / "train-0.parquet"], models)
    assert labels == {"white-1": Label(sources=("rendered", "YCB", ""), kinds=("kitchen", "shoes"))}
    assert render_labels([tmp_path / "train-0.parquet"], tmp_path / "none.csv")["white-1"].sources[0] == "rendered"


def test_an_empty_fold_is_an_error_that_lists_the_existing_ones() -> None:
    """Leaving it out would have no effect; drawn data count."""
    check_known([Fold(by="kind", value="shoes"), Fold(by="source", value="drawn")], [SHOE], drawn=True)
    with pytest.raises(ConfigError, match="no picture matches kind:hats") as caught:
        check_known([Fold(by="kind", value="hats")], [SHOE], drawn=True)
    assert "kinds: kitchen, shoes" in str(caught.value)


def test_drawn_data_are_not_in_a_set_to_measure_on() -> None:
    """A set of tables alone does not include them."""
    with pytest.raises(ConfigError, match="source:drawn"):
        check_known([Fold(by="source", value="drawn")], [SHOE], drawn=False)
