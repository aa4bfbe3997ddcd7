from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.mentions.model import Bound, Kind
from dure.pledges.folding import (
    Accept,
    Correct,
    Decision,
    Dispute,
    Firm,
    Link,
    Measured,
    Outside,
    Part,
    Reject,
    Revise,
    Supersede,
    Support,
    Unsupport,
    Withdraw,
    fold,
    refusal,
)  # fmt: skip
from dure.pledges.model import ClaimStatus, Firmness, Pledge
from dure.pledges.totals import parts_of_pledges

FIRST = date(2024, 1, 1)
LATER = date(2030, 1, 1)


def accept(pledge: str = "p", sequence: int = 1, low: int = 100, on: date = FIRST, **more: Any) -> Accept:
    return Accept(
        pledge=pledge, on=on, sequence=sequence, title="A fund", actor="kr-government", kind=Kind.MONEY, low=low,
        high=more.pop("high", low), unit="KRW", **more,
    )  # fmt: skip


def after(*decisions: Decision, as_of: date = LATER) -> Pledge:
    return fold([accept(), *decisions], as_of)["p"]


def at(sequence: int, **more: Any) -> dict[str, Any]:
    return {"pledge": "p", "on": FIRST + timedelta(days=sequence), "sequence": sequence, **more}


def test_a_rise_from_100_to_150_is_150() -> None:
    pledge = after(Revise(**at(2, low=150)))
    assert (pledge.low, pledge.high, pledge.revisions) == (150, 150, 1)


def test_before_the_revision_it_was_100() -> None:
    decisions = [accept(), Revise(**at(2, low=150, deadline=date(2027, 1, 1)))]
    assert fold(decisions, FIRST + timedelta(days=1))["p"].low == 100
    assert fold(decisions, FIRST - timedelta(days=1)) == {}


def test_a_correction_is_no_revision() -> None:
    pledge = after(Correct(**at(2, low=90, high=110, unit="USD", bound=Bound.ABOUT)))
    assert (pledge.low, pledge.high, pledge.unit, pledge.revisions) == (90, 110, "USD", 0)


def test_the_order_is_that_of_the_sequence_not_of_the_list() -> None:
    decisions = [Revise(**at(3, low=150)), Revise(**at(2, low=120)), accept()]
    assert fold(decisions, LATER)["p"].low == 150


def test_a_deadline_can_be_cleared() -> None:
    pledge = after(Revise(**at(2, deadline=LATER)), Correct(**at(3, cleared=("deadline",))))
    assert pledge.deadline is None


CLAIMS: list[tuple[list[type[Decision] | tuple[type[Decision], dict[str, Any]]], ClaimStatus]] = [
    ([], ClaimStatus.CLAIMED),
    ([(Link, {"mention": "m"})], ClaimStatus.CLAIMED),
    ([(Link, {"mention": "m", "independent": True})], ClaimStatus.CORROBORATED),
    ([Dispute], ClaimStatus.DISPUTED),
    ([Dispute, (Link, {"mention": "m", "independent": True})], ClaimStatus.DISPUTED),
    ([(Link, {"mention": "m", "independent": True}), Dispute], ClaimStatus.DISPUTED),
    ([Dispute, Support], ClaimStatus.CORROBORATED),
    ([Unsupport], ClaimStatus.UNSUPPORTED),
    ([Unsupport, Dispute], ClaimStatus.UNSUPPORTED),
    ([Unsupport, (Link, {"mention": "m", "independent": True})], ClaimStatus.UNSUPPORTED),
    ([Unsupport, Support], ClaimStatus.CORROBORATED),
]


@pytest.mark.parametrize(("steps", "claim"), CLAIMS)
def test_claims(steps: list[Any], claim: ClaimStatus) -> None:
    made = []
    for sequence, step in enumerate(steps, 2):
        kind, more = step if isinstance(step, tuple) else (step, {})
        made.append(kind(**at(sequence, why="a source says so", **more)))
    assert after(*made).claim is claim


def test_disputes_are_listed_until_settled() -> None:
    assert after(Dispute(**at(2, why="one")), Dispute(**at(3, why="two"))).disputes == ("one", "two")
    assert after(Dispute(**at(2, why="one")), Support(**at(3, why="the budget"))).disputes == ()


def test_the_first_mention_with_a_date_dates_the_pledge() -> None:
    pledge = after(
        Link(**at(2, mention="a")),
        Link(**at(3, mention="b", published=LATER)),
        Link(**at(4, mention="c", published=FIRST)),
    )
    assert pledge.made == FIRST


def test_the_rest() -> None:
    pledge = after(
        Firm(**at(2, firmness=Firmness.LEGISLATED)), Measured(**at(3, measure="spend", scope="fund")), Withdraw(**at(4)),
        Outside(**at(5, value=3, unit="KRW", source="a page")),
    )  # fmt: skip
    assert (pledge.firmness, pledge.measure, pledge.scope, pledge.withdrawn) == (
        Firmness.LEGISLATED,
        "spend",
        "fund",
        True,
    )
    assert after(Outside(**at(2, value=3, unit="KRW", source="a page"))).measure == "outside"


def test_a_successor_and_its_rejection() -> None:
    decisions: list[Decision] = [accept(), accept("q", 2), Supersede(**at(3, successor="q"))]
    state = fold(decisions, LATER)
    assert (state["p"].superseded_by, state["q"].supersedes) == ("q", "p")
    state = fold([*decisions, Reject(pledge="q", on=FIRST, sequence=4)], LATER)
    assert list(state) == ["p"]
    assert state["p"].superseded_by == ""


def test_another_successor_takes_the_place_of_the_first() -> None:
    state = fold(
        [
            accept(),
            accept("q", 2),
            accept("r", 3),
            Supersede(**at(4, successor="q")),
            Supersede(**at(5, successor="r")),
        ],
        LATER,
    )
    assert (state["p"].superseded_by, state["q"].supersedes, state["r"].supersedes) == ("r", "", "p")


REFUSED = [
    (accept(), "already"), (accept("n", low=5, high=4), "above"), (Revise(pledge="n", on=FIRST, sequence=2, low=1), "no pledge n"),
    (Revise(**at(2)), "nothing changes"), (Revise(**at(2, low=200, high=100)), "above"), (Correct(**at(2, cleared=("low",))), "only"),
    (Dispute(**at(2)), "reason"), (Support(**at(2, why="  ")), "reason"), (Unsupport(**at(2)), "reason"),
    (Supersede(**at(2, successor="n")), "no pledge n"), (Supersede(**at(2, successor="p")), "the same"),
    (Outside(**at(2, value=1, unit="KRW", source=" ")), "source"), (Part(**at(2, whole="n")), "no pledge n"),
    (Part(**at(2, whole="p")), "the same"),
]  # fmt: skip


@pytest.mark.parametrize(("decision", "why"), REFUSED)
def test_what_cannot_be_taken_says_why_and_changes_nothing(decision: Decision, why: str) -> None:
    state = fold([accept()], LATER)
    assert why in refusal(state, decision)
    assert fold([accept(), replace(decision, sequence=9)], LATER) == state


def test_no_circle_of_successors() -> None:
    state = fold([accept(), accept("q", 2), Supersede(**at(3, successor="q"))], LATER)
    assert refusal(state, Supersede(pledge="q", on=FIRST, sequence=4, successor="p"))


NAMES, NUMBERS = st.sampled_from(["p", "q", "r"]), st.integers(0, 300)


@st.composite
def decisions(draw: st.DrawFn) -> list[Decision]:
    found: list[Decision] = []
    for sequence in range(draw(st.integers(0, 14))):
        base = {"pledge": draw(NAMES), "on": FIRST + timedelta(days=draw(st.integers(0, 9))), "sequence": sequence,
                "why": draw(st.sampled_from(["", "so"]))}  # fmt: skip
        kind = draw(st.sampled_from([Accept, Accept, Correct, Revise, Reject, Link, Dispute, Support, Unsupport, Firm, Measured,
                                     Supersede, Part, Withdraw, Outside]))  # fmt: skip
        if kind is Accept:
            found.append(replace(accept(low=draw(NUMBERS)), **base))
        elif kind in (Correct, Revise):
            found.append(kind(**base, low=draw(st.none() | NUMBERS), high=draw(st.none() | NUMBERS)))
        elif kind is Link:
            found.append(
                Link(**base, mention="m", independent=draw(st.booleans()), published=draw(st.none() | st.just(FIRST)))
            )
        elif kind is Firm:
            found.append(Firm(**base, firmness=draw(st.sampled_from(Firmness))))
        elif kind is Measured:
            found.append(Measured(**base, measure="spend"))
        elif kind is Supersede:
            found.append(Supersede(**base, successor=draw(NAMES)))
        elif kind is Part:
            found.append(Part(**base, whole=draw(NAMES | st.just(""))))
        elif kind is Outside:
            found.append(Outside(**base, value=draw(NUMBERS), unit="KRW", source="a page"))
        else:
            found.append(kind(**base))
    return found


@given(decisions(), st.integers(-1, 10), st.randoms())
def test_the_order_of_the_list_says_nothing(taken: list[Decision], day: int, random: Any) -> None:
    as_of = FIRST + timedelta(days=day)
    shuffled = list(taken)
    random.shuffle(shuffled)
    assert fold(shuffled, as_of) == fold(taken, as_of)
    assert fold([d for d in taken if d.on <= as_of], as_of) == fold(taken, as_of)


REPLACING = st.lists(
    st.tuples(st.integers(1, 400), st.integers(1, 10**15), st.sampled_from([Revise, Correct, Firm, Measured])),
    max_size=8, unique_by=lambda step: step[0],
)  # fmt: skip


@given(REPLACING, st.permutations(range(8)), st.integers(0, 400))
def test_the_order_of_arrival_says_nothing_where_days_are_given(
    steps: list[tuple[int, int, type[Decision]]], arrival: list[int], day: int
) -> None:
    """Whichever revision was heard of first, the one of the later day holds."""

    def taken(order: list[int]) -> list[Decision]:
        made: list[Decision] = [accept()]
        for place, (days, value, kind) in zip(order, steps):
            base: dict[str, Any] = {"pledge": "p", "on": FIRST + timedelta(days=days), "sequence": 2 + place}
            if kind is Firm:
                made.append(Firm(**base, firmness=list(Firmness)[value % 5]))
            elif kind is Measured:
                made.append(Measured(**base, measure=f"m{value}"))
            else:
                made.append(kind(**base, low=value))  # type: ignore[call-arg]
        return made

    as_of = FIRST + timedelta(days=day)
    found = fold(taken(arrival), as_of)
    assert found == fold(taken(list(range(8))), as_of)
    changes = [(days, value) for days, value, kind in steps if kind in (Revise, Correct) and days <= day]
    assert found["p"].low == (max(changes)[1] if changes else 100)
    assert found["p"].revisions == sum(kind is Revise and days <= day for days, _, kind in steps)


def test_an_older_revision_that_is_found_late_changes_only_the_past() -> None:
    late: list[Decision] = [
        accept(), Revise(pledge="p", on=date(2026, 1, 1), sequence=2, low=150), Revise(pledge="p", on=date(2025, 1, 1), sequence=3, low=120),
    ]  # fmt: skip
    assert [fold(late, date(year, 6, 1))["p"].low for year in (2024, 2025, 2026)] == [100, 120, 150]


def test_a_correction_of_the_first_reading_leaves_a_later_revision() -> None:
    pledge = after(Revise(**at(9, low=150)), Correct(pledge="p", on=FIRST, sequence=10, low=110, title="Chips"))
    assert (pledge.low, pledge.title) == (150, "Chips")


def test_what_was_accepted_anew_starts_anew() -> None:
    found = fold([accept(), Revise(**at(2, low=150)), Reject(**at(3)), accept(sequence=4, low=90)], LATER)["p"]
    assert (found.low, found.revisions) == (90, 0)


@given(decisions())
def test_states_are_sound(taken: list[Decision]) -> None:
    state = fold(taken, LATER)
    for name, pledge in state.items():
        assert pledge.id == name
        assert pledge.low <= pledge.high
        assert not pledge.superseded_by or pledge.superseded_by in state
        assert not pledge.part_of or pledge.part_of in state
        above, wholes = pledge, [name]
        while above.part_of:
            above = state[above.part_of]
            assert above.id not in wholes
            wholes.append(above.id)
        assert not pledge.supersedes or state[pledge.supersedes].superseded_by == name
        seen = {name}
        while pledge.superseded_by:
            pledge = state[pledge.superseded_by]
            assert pledge.id not in seen
            seen.add(pledge.id)


@given(st.lists(st.integers(1, 10**15), min_size=1, max_size=8))
def test_nothing_is_ever_added_up(values: list[int]) -> None:
    steps = [Revise(**at(n, low=value)) for n, value in enumerate(values, 2)]
    assert after(*steps).low == values[-1]


# Parts and wholes


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=5), st.integers(1, 10**12))
def test_a_whole_and_its_parts_keep_their_own_values(values: list[int], whole: int) -> None:
    taken: list[Decision] = [accept("w", 1, low=whole)]
    for n, value in enumerate(values):
        name, seq = f"p{n}", 2 * n + 2
        taken += [accept(name, seq, low=value), Part(pledge=name, on=FIRST, sequence=seq + 1, whole="w")]
    state = fold(taken, LATER)
    assert state["w"].low == whole
    assert [state[f"p{n}"].low for n in range(len(values))] == values
    exceeded = parts_of_pledges(state.values())
    assert set(exceeded) == ({"w"} if sum(values) * 1000 > whole * 1020 else set())


def pledges_of(*more: dict[str, Any]) -> list[Pledge]:
    whole = fold([accept("w")], LATER)["w"]
    return [whole, *(replace(whole, **{"id": f"p{n}", "part_of": "w", **kwargs}) for n, kwargs in enumerate(more))]


@pytest.mark.parametrize(
    ("parts", "exceeds"),
    [
        ([{"low": 60, "high": 60}, {"low": 60, "high": 60}], True), ([{"low": 60, "high": 60}], False),
        ([{"low": 60, "high": 60}, {"low": 60, "high": 60, "withdrawn": True}], False),
        ([{"low": 60, "high": 60}, {"low": 60, "high": 60, "superseded_by": "x"}], False),
        ([{"low": 60, "high": 60}, {"low": 60, "high": 60, "unit": "USD"}], False),
        ([{"low": 60, "high": 60}, {"low": 60, "high": 60, "bound": Bound.AT_MOST}], False),
        ([{"low": 50, "high": 90}, {"low": 50, "high": 90}], False), ([{"low": 60, "high": 60, "part_of": "gone"}] * 2, False),
    ],
)  # fmt: skip
def test_parts_that_exceed_their_whole(parts: list[dict[str, Any]], exceeds: bool) -> None:
    found = parts_of_pledges(pledges_of(*parts))
    assert bool(found) is exceeds
    assert all("more than the total of KRW 100" in why for why in found.values())


def test_a_part_is_taken_out_and_orphaned() -> None:
    both: list[Decision] = [accept(), accept("q", 2), Part(**at(3, whole="q"))]
    assert fold(both, LATER)["p"].part_of == "q"
    assert fold([*both, Part(**at(4, whole=""))], LATER)["p"].part_of == ""
    assert fold([*both, Reject(pledge="q", on=FIRST, sequence=5)], LATER)["p"].part_of == ""
    assert "itself part of" in refusal(fold(both, LATER), Part(pledge="q", on=FIRST, sequence=6, whole="p"))
