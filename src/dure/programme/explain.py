"""Why an award is what it is, what would have changed it, how rules compare, and what a panel changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dure.errors import InputError
from dure.programme.award import Awards, Bound, Candidates, Capacity, Group, Outcome, Terms
from dure.programme.model import Text
from dure.programme.rules import award
from dure.programme.units import units_text
from dure.units import MILLI

_WHY: Final[dict[Bound, Text]] = {
    Bound.FULL: Text("신청한 만큼 모두 배정되었습니다.", "It got all that it asked for."),
    Bound.CUT_OFF: Text(
        "점수 {score}점이 규칙의 하한({cut_off}점)을 넘지 못했습니다.",
        "Its score of {score} is not above {cut_off}, where the rule begins.",
    ),
    Bound.BELOW_MINIMUM: Text(
        "규칙에 따라 줄 수 있는 양이 최소 유효량 {least}유닛보다 적었습니다.",
        "What the rule could give was less than its least useful part, {least} units.",
    ),
    Bound.CONFLICTED: Text(
        "해당 트랙과 자원 풀에 신청에 맞는 자원이 없습니다.", "Its track and pools hold nothing that it accepts."
    ),
    Bound.SET_ASIDE: Text(
        "공모가 정한 다른 대상의 몫으로 남겨 두었습니다.", "Units were kept for those whom the call names."
    ),
    Bound.INSTITUTION: Text(
        "한 기관의 상한은 {cap}유닛이며, 소속 기관에 {home}유닛이 배정되었습니다.",
        "One institution may have {cap} units; its own was awarded {home}.",
    ),
    Bound.ENVELOPE: Text(
        "트랙 {track}의 예산 {envelope}유닛 가운데 {held}유닛이 배정되어 남은 양이 부족했습니다.",
        "Of the {envelope} units of track {track}, {held} were awarded; what was left was too little.",
    ),
    Bound.CAPACITY: Text(
        "이용할 수 있는 가속기 {given}유닛이 모두 배정되었습니다.",
        "The accelerators that there are were exhausted: {given} units were awarded in all.",
    ),
    Bound.DRAW: Text(
        "추첨 순서가 {place}번이며, 트랙 {track}의 예산 {envelope}유닛이 그 전에 소진되었습니다.",
        "It was number {place} in the draw; the {envelope} units of track {track} were exhausted before it.",
    ),
    Bound.SCALED: Text(
        "규칙 {rule}의 산식에 따른 양은 {formula}유닛입니다.", "The formula of the rule {rule} gave {formula} units."
    ),
    Bound.LOT: Text("배정 단위 {lot}유닛의 배수로 내림했습니다.", "It was rounded down to whole lots of {lot} units."),
    Bound.PANEL: Text("심의위원회 결정({note})으로 변경되었습니다.", "The panel changed it ({note})."),
}
_SHARE: Final = Text(
    "참여국 몫 {share}유닛 또는 트랙 {track}의 예산 {envelope}유닛에서 남은 양이 부족했습니다.",
    "Of its party's share of {share} units, or of the {envelope} units of track {track}, too little was left.",
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a candidate got what it got. Amounts in milli-units; `figures` are those of the rule's trace."""

    id: str
    asked: int
    awarded: int
    outcome: Outcome
    bound: Bound
    why: Text  # which bound held, with its figures
    text: Text  # asked, awarded, why, and what other rules would have given
    others: dict[str, int]
    figures: dict[str, int]


def reasons(awards: Awards, candidates: Candidates, terms: Terms, others: Mapping[str, Awards]) -> list[Reason]:
    """One for each row. `others` are the awards of other rules for the same candidates, by name of the rule."""
    if any(a.ids != candidates.ids for a in (awards, *others.values())):
        raise ValueError("awards of other candidates")
    given = int(awards.amount.sum())
    tracks = [int(awards.amount[candidates.track == t].sum()) for t in range(len(terms.tracks))]
    homes, at = np.unique(candidates.institution, return_inverse=True)
    held = np.zeros(len(homes), np.int64)
    np.add.at(held, at, awards.amount)
    found = []
    for row, name in enumerate(candidates.ids):
        track, bound = int(candidates.track[row]), Bound(int(awards.bound[row]))
        figures = {k: int(v[row]) for k, v in awards.trace.items()}
        asked, awarded = int(candidates.ask[row]), int(awards.amount[row])
        amounts = {
            "least": int(candidates.least[row]), "cap": terms.institution_cap or 0, "home": int(held[at[row]]),
            "envelope": int(terms.envelope[track]), "held": tracks[track], "given": given, "lot": int(candidates.lot[row]),
            "formula": figures.get("formula", awarded), "share": figures.get("share", 0),
        }  # fmt: skip
        words = {k: units_text(v) for k, v in amounts.items()} | {
            "score": _points(int(candidates.score[row])), "cut_off": _points(_floor(terms, awards)),
            "track": terms.tracks[track], "place": str(figures.get("place", 0)), "rule": awards.rule,
            "note": _note(awards, name),
        }  # fmt: skip
        template = _SHARE if bound is Bound.ENVELOPE and "share" in figures else _WHY[bound]
        why = Text(template.ko.format(**words), template.en.format(**words))
        other = {rule: int(a.amount[row]) for rule, a in others.items() if rule != awards.rule}
        text = _text(asked, awarded, why, other)
        found.append(Reason(name, asked, awarded, Outcome(int(awards.outcome[row])), bound, why, text, other, figures))
    return found


def _text(asked: int, awarded: int, why: Text, others: Mapping[str, int]) -> Text:
    listed = ", ".join(f"{rule} {units_text(units)}" for rule, units in others.items())
    ko = f"{units_text(asked)}유닛을 신청해 {units_text(awarded)}유닛이 배정되었습니다. {why.ko}"
    en = f"Asked {units_text(asked)} units, awarded {units_text(awarded)}. {why.en}"
    if listed:
        ko, en = f"{ko} 다른 규칙에서는(유닛): {listed}.", f"{en} Under other rules, in units: {listed}."
    return Text(ko, en)


def _floor(terms: Terms, awards: Awards) -> int:
    """The score above which the rule begins: the lottery may have a higher one of its own."""
    return max(terms.cut_off, int(terms.parameters.get("middle", 0))) if awards.rule == "lottery" else terms.cut_off


def _points(milli: int) -> str:
    return f"{milli // MILLI}.{milli % MILLI:03d}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Change:
    """What alone would have changed a candidate's award; None: nothing of that kind would.

    Scores in milli-points: the smallest on the call's steps, from its own up. Asks in milli-units: the largest in whole
    lots, from its own down, with a least useful part no larger than the ask.
    """

    score_any: int | None  # with it, something would have been awarded
    score_full: int | None  # with it, the whole ask
    ask_any: int | None
    ask_full: int | None

    @property
    def text(self) -> Text:
        """In words."""
        score = [_points(s) if s is not None else "-" for s in (self.score_any, self.score_full)]
        ask = [units_text(a) if a is not None else "-" for a in (self.ask_any, self.ask_full)]
        return Text(
            f"배정에 필요한 점수: {score[0]}(전량 {score[1]}). 배정될 수 있었던 신청량(유닛): {ask[0]}(전량 {ask[1]}).",
            f"Score needed for an award: {score[0]} (in full: {score[1]}). "
            f"Ask that would have been awarded, in units: {ask[0]} (in full: {ask[1]}).",
        )


def what_would_change(
    terms: Terms, candidates: Candidates, capacity: Capacity, rule: str, seed: int, row: int, **options: Any
) -> Change:
    """Runs the rule again for other scores and asks of one row, all else equal, by halving.

    At each answer the rule was run and awarded; one step nearer to what was asked it did not. For rules that are not
    monotone (`optimal`) there may be other such places. Takes some 15 runs, or 70 where an ask is divisible at will.
    """
    score, ask, lot = (int(c[row]) for c in (candidates.score, candidates.ask, candidates.lot))
    step = terms.score_step
    scores = [score, *range(score - score % step + step, terms.score_max + 1, step)]

    def outcome(**columns: int) -> int:
        changed = {}
        for name, value in columns.items():
            changed[name] = getattr(candidates, name).copy()
            changed[name][row] = value
        return int(award(terms, replace(candidates, **changed), capacity, rule, seed, **options).amount[row])

    @cache
    def with_score(k: int) -> int:
        return outcome(score=scores[k])

    @cache
    def with_ask(k: int) -> int:
        less = ask - k * lot
        return outcome(ask=less, lots=less // lot, least=min(int(candidates.least[row]), less))

    last = ask // lot - 1
    better = [_first(test, len(scores) - 1) for test in (lambda k: with_score(k) > 0, lambda k: with_score(k) == ask)]
    smaller = [_first(test, last) for test in (lambda k: with_ask(k) > 0, lambda k: with_ask(k) == ask - k * lot)]
    return Change(
        *(None if k is None else scores[k] for k in better), *(None if k is None else ask - k * lot for k in smaller)
    )


def _first(test: Callable[[int], bool], last: int) -> int | None:
    """A k from 0 to `last` with test(k) and, unless it is 0, not test(k - 1): the first, if test never falls back."""
    if test(0):
        return 0
    if not test(last):
        return None
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if test(middle) else (middle, high)
    return high


def compare(awards: Mapping[str, Awards], candidates: Candidates, terms: Terms) -> list[dict[str, Any]]:
    """One row for each rule; shares in thousandths, amounts in milli-units.

    `median_part` is of the parts (award/ask) of all above the cut-off and `gini` their Gini coefficient: 0 where each
    gets the same part of its ask, near 1000 where few get all. For each set-aside its share of what is awarded and
    whether it is met; of domestic chips only a rule that places knows, so it is left out.
    """
    rows = []
    judged = candidates.score > terms.cut_off
    for rule, a in awards.items():
        total, awarded = int(a.amount.sum()), int((a.outcome == Outcome.AWARDED).sum())
        parts = np.sort(a.amount[judged] * MILLI // candidates.ask[judged])
        row: dict[str, Any] = {
            "rule": rule, "version": a.version, "awarded": awarded,
            "reserve": int((a.outcome == Outcome.RESERVE).sum()), "units_milli": total,
            "success": _share(awarded, len(candidates)), "of_asked": _share(total, int(candidates.ask.sum())),
            "median_part": int(parts[len(parts) // 2]) if len(parts) else 0, "gini": _gini(parts),
            "institutions": len(np.unique(candidates.institution[a.amount > 0])),
        }  # fmt: skip
        for group, least in terms.set_asides:
            if isinstance(group, Group):
                units = int(a.amount[candidates.groups & group > 0].sum())
                row[group.name.lower()] = _share(units, total)
                row[f"{group.name.lower()}_met"] = units * MILLI >= least * total
        rows.append(row)
    return rows


def by_group(
    awards: Mapping[str, Awards], candidates: Candidates, labels: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Who succeeds under which rule: a row for each value of each label (sector, region, `sizes`, ...).

    `labels` give a word to each candidate. Columns: by, group, applications, asked_milli and for each rule its success
    rate (RULE, in thousandths) and units (RULE_milli).
    """
    rows = []
    for by, words in labels.items():
        column = np.array(list(words), object)
        for group in sorted(set(words)):
            own = column == group
            row = {
                "by": by,
                "group": group,
                "applications": int(own.sum()),
                "asked_milli": int(candidates.ask[own].sum()),
            }
            for rule, a in awards.items():
                row[rule] = _share(int((a.amount[own] > 0).sum()), int(own.sum()))
                row[f"{rule}_milli"] = int(a.amount[own].sum())
            rows.append(row)
    return rows


def sizes(candidates: Candidates) -> list[str]:
    """A label for `by_group`: the third of the asks that a candidate's is in, 1 the smallest; equal asks together."""
    ranks = np.searchsorted(np.sort(candidates.ask), candidates.ask, "left")
    return [f"{1 + 3 * r // len(candidates)}/3" for r in ranks.tolist()]


def winners(first: Awards, second: Awards) -> list[dict[str, Any]]:
    """Whose award differs between two rules: id, both amounts and the difference, who gains most by `second` first."""
    moved = np.flatnonzero(first.amount != second.amount)
    order = moved[np.argsort((first.amount - second.amount)[moved], kind="stable")]
    pairs = [(first.ids[r], int(first.amount[r]), int(second.amount[r])) for r in order.tolist()]
    return [{"id": i, first.rule: a, second.rule: b, "difference_milli": b - a} for i, a, b in pairs]


def _share(part: int, whole: int) -> int:
    return part * MILLI // whole if whole else 0


def _gini(ascending: NDArray[np.int64]) -> int:
    n, total = len(ascending), int(ascending.sum())
    return int(((2 * np.arange(1, n + 1) - n - 1) * ascending).sum()) * MILLI // (n * total) if total else 0


def amend(awards: Awards, row: int, amount: int, reason: str, by: str, second: str) -> Awards:
    """The awards with one changed by the panel; a note says from what to what, why, and which two people.

    Its certificate and lots stay those of the computed award. Check the answer with `rules.faults`. Raises InputError
    without a reason or without two different people.
    """
    if not reason.strip():
        raise InputError("a panel's change needs a reason", field="reason", accepted="why it was changed")
    if not by.strip() or not second.strip() or by.strip() == second.strip():
        accepted = "two different people"
        raise InputError("a panel's change needs a second person", field="second", value=second, accepted=accepted)
    if amount < 0:
        raise InputError("not an amount", field="amount", value=amount, accepted="0 or more milli-units")
    changed = {n: getattr(awards, n).copy() for n in ("amount", "outcome", "bound", "reserve_rank")}
    changed["amount"][row], changed["bound"][row] = amount, Bound.PANEL
    changed["outcome"][row] = Outcome.AWARDED if amount else Outcome.DECLINED
    ranks, rank = changed["reserve_rank"], int(awards.reserve_rank[row])
    ranks[(ranks > rank) & (rank > 0)] -= 1
    ranks[row] = 0
    was = units_text(int(awards.amount[row]))
    note = f"{awards.ids[row]}: {was} -> {units_text(amount)} ({by.strip()}, {second.strip()}): {reason.strip()}"
    return replace(awards, notes=(*awards.notes, note), **changed)


def _note(awards: Awards, name: str) -> str:
    return "; ".join(n.removeprefix(f"{name}: ") for n in awards.notes if n.startswith(f"{name}: "))
