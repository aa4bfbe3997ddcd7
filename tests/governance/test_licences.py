"""Licences together: a table of cases, and what holds for every combination."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.formats.governance import load_licences
from dure.governance.licences import DUTIES, RESULTS, Outcome, combine

TABLE = load_licences()
NAMES = st.sampled_from([*TABLE, "Nobody-1.0"])


def of(text: str, *, commercial: bool = False, release: str | None = None, outputs_train: bool = False) -> Outcome:
    return combine(text.split(), TABLE, commercial=commercial, release=release, outputs_train=outputs_train)


# licences, commercial, released under ("-": not), trained on outputs, result, duties
CASES = """
Apache-2.0                        yes  -             no   allowed      -
Apache-2.0,MIT                    yes  MIT           no   obligations  notice
OpenMDW-1.1,CDLA-Permissive-2.0   yes  Apache-2.0    yes  obligations  notice
CC-BY-NC-4.0                      no   -             no   allowed      -
CC-BY-NC-4.0                      yes  -             no   denied       -
CC-BY-NC-4.0                      no   CC-BY-NC-4.0  no   obligations  notice
CC-BY-NC-4.0                      no   Apache-2.0    no   denied       notice
CC-BY-NC-4.0                      no   research-only no   unknown      notice
CC-BY-SA-4.0                      yes  -             no   allowed      -
CC-BY-SA-4.0                      yes  CC-BY-SA-4.0  no   obligations  notice,share-alike
CC-BY-SA-4.0                      yes  Apache-2.0    no   denied       notice,share-alike
CC-BY-4.0                         yes  -             yes  unknown      -
Llama-3.1                         no   -             no   allowed      -
Llama-3.1                         yes  -             no   obligations  user-cap
Llama-3.1                         yes  Llama-3.1     yes  obligations  notice,use-restrictions,naming,user-cap
Llama-3.1                         no   Apache-2.0    no   denied       notice,use-restrictions,naming
Llama-3.1                         no   Gemma         no   denied       notice,use-restrictions,naming
BigScience-OpenRAIL-M             yes  Apache-2.0    no   denied       notice,use-restrictions
BigScience-OpenRAIL-M             yes  Gemma         no   unknown      notice,use-restrictions
Gemma                             no   -             yes  unknown      -
research-only                     no   -             no   allowed      -
research-only                     yes  -             no   denied       -
research-only                     no   -             yes  denied       -
proprietary                       no   -             no   unknown      -
proprietary,CC-BY-NC-4.0          yes  -             no   denied       -
Apache-2.0                        no   proprietary   no   obligations  notice
Nobody-1.0                        no   -             no   unknown      -
Apache-2.0                        no   Nobody-1.0    no   unknown      notice
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines(), ids=str.split)
def test_cases(case: str) -> None:
    licences, commercial, release, outputs, result, duties = case.split()
    found = combine(
        licences.split(","), TABLE, commercial=commercial == "yes", release=None if release == "-" else release,
        outputs_train=outputs == "yes",
    )  # fmt: skip
    assert (found.result, ",".join(found.duties) or "-") == (result, duties)
    assert bool(found.reasons) == (result in ("denied", "unknown"))
    assert all(r.ko and r.en for r in found.reasons)


def test_nothing_named_is_no_permission() -> None:
    assert of("").result == "unknown"


@given(st.lists(NAMES), NAMES, st.booleans(), st.none() | NAMES, st.booleans())
def test_one_more_licence_never_allows_more(
    names: list[str], one: str, sells: bool, release: str | None, outputs: bool
) -> None:
    def combined(given_: list[str]) -> Outcome:
        return combine(given_, TABLE, commercial=sells, release=release, outputs_train=outputs)

    alone, more = combined(names), combined([*names, one])
    assert not names or RESULTS.index(more.result) <= RESULTS.index(alone.result)
    assert set(alone.duties) <= set(more.duties)
    assert combined([one, *names, one]).result == more.result
    assert one in TABLE or more.result in ("unknown", "denied")
    assert set(more.duties) <= DUTIES.keys()


def test_what_is_not_sure_says_so() -> None:
    assert of("Apache-2.0 Llama-3.1 Gemma").unverified == ("Llama-3.1", "Gemma")
    assert all(row.source for row in TABLE.values())
    assert not [row.id for row in TABLE.values() if row.source == "general knowledge" and row.confidence != "low"]


def test_every_duty_is_said_in_both_languages() -> None:
    assert all(t.ko and t.en and t.ko != t.en for t in DUTIES.values())
