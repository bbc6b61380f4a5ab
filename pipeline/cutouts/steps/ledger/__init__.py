"""The ledger: the result of every decided image, by content and recipe.

The gate adds one part per plan (`recording`), planning joins many small parts into a few large ones (`joining`), and
every reader reads all visible parts (`parts`).
"""

from cutouts.steps.ledger.joining import join_parts
from cutouts.steps.ledger.parts import Joined, labelled
from cutouts.steps.ledger.reading import known_contents, known_identities, knows_any, recall, times_rejected
from cutouts.steps.ledger.recording import record
from cutouts.steps.ledger.results import SCHEMAS, Results, concat, nothing

__all__ = [
    "SCHEMAS",
    "Joined",
    "Results",
    "concat",
    "join_parts",
    "known_contents",
    "known_identities",
    "knows_any",
    "labelled",
    "nothing",
    "recall",
    "record",
    "times_rejected",
]
