"""Labels: the laws of the join, and the strictest of all that went into a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.errors import InputError
from dure.governance.labels import N2SF, Label, Personal, join, label_along
from dure.governance.lineage import Lineage, Run, Stage

SITES = st.sampled_from(["seoul", "daejeon", "toronto"])
LABELS = st.builds(
    Label,
    st.sampled_from(Personal),
    st.sampled_from(N2SF),
    st.booleans(),
    st.frozensets(st.sampled_from(["KR", "CA", "US"])),
    st.none() | st.frozensets(SITES),
)


def at_most(a: Label, b: Label) -> bool:
    """Whether b is as strict as a in every part."""
    anywhere = frozenset(["seoul", "daejeon", "toronto", "elsewhere"])
    return (
        a.personal <= b.personal
        and a.n2sf <= b.n2sf
        and a.core_technology <= b.core_technology
        and a.origins <= b.origins
        and (anywhere if b.sites is None else b.sites) <= (anywhere if a.sites is None else a.sites)
    )


@given(LABELS, LABELS, LABELS)
def test_the_laws_of_a_join(a: Label, b: Label, c: Label) -> None:
    assert join([a]) == join([a, a]) == join([a, Label()]) == a
    assert join([a, b]) == join([b, a])
    assert join([join([a, b]), c]) == join([a, join([b, c])]) == join([a, b, c])
    both = join([a, b])
    assert at_most(a, both)
    assert at_most(b, both)
    assert not (at_most(a, c) and at_most(b, c)) or at_most(both, c)  # the least such
    assert not at_most(a, b) or at_most(join([a, c]), join([b, c]))  # monotone


def test_of_nothing_the_join_asks_for_nothing() -> None:
    assert join([]) == Label()


def test_levels_stand_in_the_order_of_the_law() -> None:
    assert [p.name for p in sorted(Personal)] == ["PUBLIC", "INTERNAL", "PSEUDONYMISED", "PERSONAL", "SENSITIVE"]
    assert [c.name for c in sorted(N2SF)] == ["NONE", "O", "S", "C"]


def test_sites_that_no_two_data_sets_share_are_none() -> None:
    seoul, toronto = Label(sites=frozenset({"seoul"})), Label(sites=frozenset({"toronto"}))
    assert join([seoul, toronto, Label()]).sites == frozenset()


RUNS = [
    Run(i, "m", Stage.SFT, 0, parents) for i, parents in {"base": (), "a": ("base",), "b": (), "out": ("a",)}.items()
]


def test_a_model_carries_what_its_ancestors_read_and_no_more() -> None:
    labels = {
        "base": [Label(Personal.SENSITIVE, origins=frozenset({"KR"}))],
        "a": [Label(n2sf=N2SF.S), Label(core_technology=True)],
        "b": [Label(n2sf=N2SF.C)],
        "out": [],
    }
    expected = Label(Personal.SENSITIVE, N2SF.S, True, frozenset({"KR"}), None)
    assert label_along(Lineage(RUNS), ["out"], labels) == expected
    assert label_along(Lineage(RUNS), ["out", "b"], labels).n2sf == N2SF.C
    assert label_along(Lineage(RUNS), ["b"], labels) == Label(n2sf=N2SF.C)


def test_a_run_whose_data_nobody_recorded_is_refused() -> None:
    with pytest.raises(InputError, match="base"):
        label_along(Lineage(RUNS), ["out"], {"a": [], "out": []})
