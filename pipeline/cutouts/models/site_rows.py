"""The site's own rows as text: a row is appended, so that what a person wrote beside the others stays."""

from __future__ import annotations

from cutouts.models.table import ModelRow

_HEAD = (
    "This site's own networks. The fields are those of the shipped table. A row that contradicts its graph is refused."
)


def with_row(text: str, row: ModelRow) -> str:
    """The table `text`, TOML, with one more row; fields that have their default are left out."""
    import tomlkit

    document = tomlkit.parse(text)
    if not text.strip():
        document.add(tomlkit.comment(_HEAD))
    if "models" not in document:
        document.add("models", tomlkit.aot())
    fields = tomlkit.item(row.model_dump(mode="json", exclude_defaults=True))
    fields.trivia.indent = "\n"
    document["models"].append(fields)
    return tomlkit.dumps(document)
