"""The one exception tree. A refusal is a value (`vocabulary.Refusal`); an exception is bad input or a bug.

DureError                     anything Dure raises on purpose; the CLI prints it and exits 2
+-- InputError                a file or argument is wrong: names where, what it was and what is accepted
|   +-- InputErrors           several InputErrors found in one reading, reported together
+-- UnknownName               a policy, model, site or column that does not exist; lists what does
+-- MissingTool               an optional library or program is absent; names the package to install
+-- InvariantBroken           a run broke one of its invariants: a bug in Dure, with seed and place
"""

from collections.abc import Iterable, Sequence


class DureError(Exception):
    """Base of every exception that Dure raises on purpose."""


class InputError(DureError):
    """Something a user gave is wrong.

    `source` is a file name or "-"; `line` counts from 1, or None where lines mean nothing; `field` is a column
    or key; `value` is the offending text as given; `accepted` says what would be right.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str = "",
        line: int | None = None,
        field: str = "",
        value: object = None,
        accepted: str = "",
    ) -> None:
        self.message, self.source, self.line = message, source, line
        self.field, self.value, self.accepted = field, value, accepted
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self.source + (f":{self.line}" if self.line is not None else "")
        parts = [f"{place}: " if place else "", f"{self.field}: " if self.field else "", self.message]
        if self.value is not None:
            parts.append(f" (got {_shorten(self.value)})")
        if self.accepted:
            parts.append(f"; accepted: {self.accepted}")
        return "".join(parts)


class InputErrors(InputError):
    """All the faults of one reading, in order of place. `errors` holds them."""

    SHOWN = 20

    def __init__(self, errors: Sequence[InputError], *, total: int | None = None) -> None:
        self.errors = list(errors)
        self.total = len(self.errors) if total is None else total
        super().__init__("; ".join(str(e) for e in self.errors[:1]))

    def __str__(self) -> str:
        lines = [str(e) for e in self.errors[: self.SHOWN]]
        if self.total > len(lines):
            lines.append(f"... and {self.total - len(lines)} more")
        return "\n".join(lines)


class UnknownName(DureError):
    """`name` is not one of `known`, for the `what` (policy, model, site, ...) asked for."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.what, self.name, self.known = what, name, sorted(known)
        super().__init__(f"unknown {what} {_shorten(name)}; known: {', '.join(self.known)}")


class MissingTool(DureError):
    """An optional library or program is absent; the message names the package that brings it."""


class InvariantBroken(DureError):
    """A run broke an invariant: a bug in Dure. The message names the invariant, the job and the time."""


def _shorten(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
