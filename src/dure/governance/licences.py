"""Licences of what goes into a model, and what they come to together: allowed, with duties, denied, or a person must look.

The table (`licences.csv`) is small and the programme's own. What it does not say is unknown, and unknown is never a yes.
Not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dure.vocabulary import Text

RESULTS: Final = ("denied", "unknown", "obligations", "allowed")  # in order of precedence
_PASS_ON: Final = Text(
    "사용 제한을 재배포 조건에 그대로 넣습니다.", "Pass the use restrictions on in the terms of release."
)
DUTIES: Final[dict[str, Text]] = {
    "notice": Text("저작자와 라이선스 고지를 함께 배포합니다.", "Pass on the notices of origin and the licence."),
    "share-alike": Text("같은 라이선스로 공개합니다.", "Release under the same licence."),
    "use-restrictions": _PASS_ON,
    "naming": Text("라이선스가 정한 이름과 표시를 씁니다.", "Use the name and mark that the licence asks for."),
    "user-cap": Text("이용자 수 한도를 지킵니다.", "Stay under the licence's cap on users."),
}


@dataclass(frozen=True, slots=True)
class Licence:
    """What one licence allows and asks. Cells are yes, no or unknown (`commercial` also limited: up to `user_cap`).

    `confidence` high: the text was read; medium: in part or a summary; low: not verified.
    """

    id: str  # SPDX, or our own where SPDX has none
    title: str
    commercial: str
    derivatives: str
    notice: str
    share_alike: str
    use_restrictions: str  # uses are forbidden, and whoever passes it on must forbid them too
    naming: str
    outputs_train: str  # its outputs may train another model
    user_cap: int | None  # monthly users
    from_utc_s: int
    to_utc_s: int | None
    source: str
    read: str
    confidence: str
    note: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What licences come to. `duties` are codes of DUTIES, `unverified` the licences whose row is not sure."""

    result: str  # allowed, obligations, denied or unknown
    duties: tuple[str, ...]
    reasons: tuple[Text, ...]  # why denied, or why unknown
    unverified: tuple[str, ...]


Finding = tuple[str, str | Text]  # ("duty", code), ("denied", why) or ("unknown", why)


def combine(
    licences: Sequence[str],
    table: Mapping[str, Licence],
    *,
    commercial: bool,
    release: str | None,
    outputs_train: bool = False,
) -> Outcome:
    """What follows for a model derived from things under these licences.

    `commercial`: it is used commercially. `release`: the licence that it will be given away under; None: it stays inside.
    `outputs_train`: the things are models whose outputs trained it (synthetic data, distillation).
    """
    names = list(dict.fromkeys(licences))
    findings: list[Finding] = []
    if not names:
        findings.append(("unknown", Text("라이선스가 적혀 있지 않습니다.", "No licence is named.")))
    for name in dict.fromkeys([*names, *([release] if release else [])]):
        if name not in table:
            findings.append(("unknown", Text(f"{name}: 표에 없는 라이선스입니다.", f"{name}: not in the table.")))
    for name in names:
        if name in table:
            findings += _use(table[name], commercial, outputs_train)
            findings += _passing_on(table[name], release, table)
    duties = tuple(code for code in DUTIES if ("duty", code) in findings)
    kinds = {kind for kind, _ in findings}
    result = next((r for r in RESULTS[:2] if r in kinds), "obligations" if duties else "allowed")
    reasons = dict.fromkeys(why for kind, why in findings if kind == result and isinstance(why, Text))
    unsure = tuple(n for n in names if n in table and table[n].confidence != "high")
    return Outcome(result, duties, tuple(reasons), unsure)


def _use(licence: Licence, commercial: bool, outputs_train: bool) -> Iterator[Finding]:
    """What follows from making and using the model."""
    yield from _must(licence, "derivatives", licence.derivatives, ("파생물을 만들 수", "allow derivatives"))
    if commercial:
        allowed = "yes" if licence.commercial == "limited" else licence.commercial
        yield from _must(licence, "commercial", allowed, ("상업적으로 쓸 수", "allow commercial use"))
        if licence.commercial == "limited" or licence.user_cap is not None:
            yield "duty", "user-cap"
    if outputs_train:
        what = ("출력으로 다른 모델을 학습할 수", "let its outputs train another model")
        yield from _must(licence, "outputs_train", licence.outputs_train, what)


def _must(licence: Licence, cell: str, allowed: str, what: tuple[str, str]) -> Iterator[Finding]:
    if allowed == "no":
        yield "denied", Text(f"{licence.id}: {what[0]} 없습니다.", f"{licence.id} does not {what[1]}.")
    elif allowed != "yes":
        yield "unknown", _open(licence, cell)


def _open(licence: Licence, cell: str) -> Text:
    return Text(f"{licence.id}: {cell} 항목이 확인되지 않았습니다.", f"{licence.id}: {cell} is not known.")


def _passing_on(licence: Licence, release: str | None, table: Mapping[str, Licence]) -> Iterator[Finding]:
    """What follows from giving the model away under `release`."""
    if release is None:
        return
    asked = {"notice": licence.notice, "share-alike": licence.share_alike, "naming": licence.naming,
             "use-restrictions": licence.use_restrictions}  # fmt: skip
    for code, cell in asked.items():
        if cell == "yes":
            yield "duty", code
        elif cell != "no":
            yield "unknown", _open(licence, code.replace("-", "_"))
    if release == licence.id or release not in table:
        return
    given = table[release]
    if licence.share_alike == "yes":
        yield "denied", Text(f"{licence.id}: 같은 라이선스로만 공개할 수 있습니다({release} 불가).",
                             f"{licence.id} lets it be released under {licence.id} only, not {release}.")  # fmt: skip
    if licence.use_restrictions == "yes":
        yield from _narrower(licence, given.id, given.use_restrictions == "no", "use restrictions", "사용 제한")
    if licence.commercial in ("no", "limited"):
        yield from _narrower(
            licence, given.id, given.commercial == "yes", "limits on commercial use", "상업적 이용 제한"
        )


def _narrower(licence: Licence, release: str, dropped: bool, en: str, ko: str) -> Iterator[Finding]:
    """A limit that the release must keep: denied where the release has none, else a person compares the two."""
    if dropped:
        yield "denied", Text(f"{release}: {licence.id}의 {ko}을 담지 않습니다.",
                             f"{release} does not carry the {en} of {licence.id}.")  # fmt: skip
    else:
        yield "unknown", Text(f"{licence.id}와 {release}의 {ko}을 사람이 비교해야 합니다.",
                              f"A person must compare the {en} of {licence.id} and {release}.")  # fmt: skip
