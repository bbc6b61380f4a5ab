"""The error tree. What is expected of bad images is a `Rejection`, a value; what stops a step is raised.

CutoutsError
├── ConfigError        the site's settings are wrong; every problem is listed
├── ManifestError      the manifest's structure is wrong; every problem is listed
├── ImageRejected      one image cannot be processed; becomes a `Rejection` at the stage's border
├── ModelError         the model file, its row or its provider is not what was asked for
├── OutputError        what would be written would replace an input, or something that is not ours
├── StorageError       a store cannot be read or written
│   ├── DamagedError       a file of the site is there, but its content is not what was written
│   └── TransientError     trying again can help: time-outs, lost connections, workers that died
├── BooksError         counts do not add up; nothing was written
├── HeldError          the gate holds the delivery back; a person releases it
├── OvertakenError     something else was published after the gate had decided; nothing was written
└── GateError          the gate could not judge: no rows, a dropped or broken expectation

A room's own subclasses never leave it: whoever calls it gets one of these. A wrong value in a call of our own code is a
bug, and a plain ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cutouts.core.rejection_reasons import RejectionReason
from cutouts.core.text.display import printable, redacted, shown


class CutoutsError(Exception):
    """Base of every error that this project raises on purpose. Its text says what to do.

    Libraries put URLs into their errors, and ids come from strangers. So no error of ours shows a secret or a control
    character. Only errors that list several problems, or a command, have more than one line.
    """

    _lines = False

    def __init__(self, *words: object) -> None:
        shown = (printable(redacted(one), lines=self._lines) if isinstance(one, str) else one for one in words)
        super().__init__(*shown)

    def __reduce__(self) -> tuple[Callable[..., CutoutsError], tuple[object, ...], dict[str, Any]]:
        """Copied and sent to other processes as it is, whatever its class is made with."""
        return _again, (type(self), *self.args), vars(self)


def _again(kind: type[CutoutsError], *words: object) -> CutoutsError:
    """An error with these words, without a call of its class."""
    return kind.__new__(kind, *words)


class _ListedError(CutoutsError):
    """Has every problem found, one line each."""

    _lines = True

    def __init__(self, title: str, problems: Sequence[str]) -> None:
        self.title = shown(title)
        self.problems = tuple(shown(problem) for problem in problems)
        super().__init__("\n".join([self.title, *(f"  - {problem}" for problem in self.problems)]))


class ConfigError(_ListedError):
    """The site's settings are wrong."""


class ManifestError(_ListedError):
    """The manifest's structure is wrong."""


class ImageRejected(CutoutsError):
    """One image cannot be processed; the stage turns it into a `Rejection`."""

    def __init__(self, reason: RejectionReason, detail: str, *, retryable: bool = False) -> None:
        self.reason = reason
        self.detail = shown(detail)
        self.retryable = retryable
        super().__init__(f"{reason.words}: {self.detail}")


class ModelError(CutoutsError):
    """The model file, its row or its provider is not what was requested."""


class OutputError(CutoutsError):
    """The output would replace an input, or a file that is not ours; nothing was written."""


class StorageError(CutoutsError):
    """A store cannot be read or written."""


class DamagedError(StorageError):
    """A file of the site does not contain what was written; `place` names it, `why` says what is wrong."""

    def __init__(self, place: str, why: str) -> None:
        self.place, self.why = place, why
        super().__init__(
            f"{place} is damaged: {why}. Repair it with `cutouts verify --repair`, or put it back from a backup"
        )


class TransientError(StorageError):
    """Trying again can help: time-outs, lost connections, workers that died."""


class BooksError(CutoutsError):
    """Counts do not add up; nothing was written."""


class HeldError(CutoutsError):
    """The gate holds the delivery back; a person releases it, with the command on the last line of the text."""

    _lines = True


class OvertakenError(CutoutsError):
    """Something else was published after the gate had decided; nothing was written."""


class GateError(CutoutsError):
    """The gate could not judge: no rows, a dropped or broken expectation."""

    _lines = True
