from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.pledges.identifiers import Scheme, fault, identifiers

SOUND = [
    (Scheme.ISBN_10, "0-306-40615-2"), (Scheme.ISBN_10, "080442957X"), (Scheme.ISBN_13, "978-0-306-40615-7"),
    (Scheme.ISSN, "0378-5955"), (Scheme.ISSN, "2434-561X"), (Scheme.ORCID, "0000-0002-1825-0097"),
    (Scheme.ORCID, "0000-0002-1694-233X"), (Scheme.PII, "S0165-3806(96)00403-8"), (Scheme.PII, "S0140673620301835"),
    (Scheme.PII, "S0092867400816839"), (Scheme.PII, "S0960894X9600515X"), (Scheme.PII, "S0893608014002135"),
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "code"), SOUND)
def test_what_is_sound_has_no_fault(scheme: Scheme, code: str) -> None:
    assert fault(scheme, code) == ""


@pytest.mark.parametrize(("scheme", "code"), SOUND)
def test_any_one_digit_changed_is_found(scheme: Scheme, code: str) -> None:
    for place, old in enumerate(code):
        for new in "0123456789":
            if old.isdigit() and new != old and not (scheme is Scheme.ISBN_13 and place < 3):
                assert fault(scheme, code[:place] + new + code[place + 1 :]), (code, place, new)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ISBN 978-0-306-40615-7.", [("ISBN-13", "978-0-306-40615-7", True)]),
        ("ISBN-10: 0306406153, a book", [("ISBN-10", "0306406153", False)]),
        ("ISBN-13: 9780306406158", [("ISBN-13", "9780306406158", False)]),
        ("ISSN 0378-5955 (print), eISSN: 2434-5611", [("ISSN", "0378-5955", True), ("ISSN", "2434-5611", False)]),
        ("https://orcid.org/0000-0002-1825-0097", [("ORCID", "0000-0002-1825-0097", True)]),
        ("https://doi.org/10.1016/S0140-6736(20)30183-5.", [("DOI", "10.1016/S0140-6736(20)30183-5", True),
          ("PII", "S0140-6736(20)30183-5", True)]),
        ("(doi:10.1000/182)", [("DOI", "10.1000/182", True)]),
        ("doi: 11.1000/182", [("DOI", "11.1000/182", False)]),
        ("call 0306406153 or 9780306406158, card 1234-5678-9012-3456", []),
        ("we bought 94600000000 chips; ISBNs are nice", []),
        ("ISBN 97803064061578", []),
        ("arXiv:2501.12948v2, https://arxiv.org/abs/0704.0001.", [("arXiv", "2501.12948v2", True), ("arXiv", "0704.0001", True)]),
        ("arXiv: 2513.12948", [("arXiv", "2513.12948", False)]), ("arxiv.org/pdf/2501.1294", [("arXiv", "2501.1294", False)]),
        ("arXiv:1412.12345", [("arXiv", "1412.12345", False)]), ("arXiv:0703.0001", [("arXiv", "0703.0001", False)]),
        ("arXiv:hep-th/9901001 and the arXiv: 2000 papers a day", []),
        ("", []),
    ],
)  # fmt: skip
def test_only_what_is_labelled_counts(text: str, found: list[tuple[str, str, bool]]) -> None:
    assert [(i.scheme, i.written, not i.fault) for i in identifiers(text)] == found


def test_the_right_digit_is_named() -> None:
    assert "5" in fault(Scheme.ISSN, "0378-5950")
    assert "journal's ISSN" in fault(Scheme.PII, "S2405456320300942")


@given(st.text(alphabet="ISBNisbnDOIdoiorcidpiSarXv0123456789X-/:. ()한", max_size=300))
def test_spans_reproduce_what_is_written(text: str) -> None:
    for found in identifiers(text):
        assert text[found.span.start : found.span.end] == found.written


@pytest.mark.parametrize(
    "text",
    [
        "ISBN " * 40_000,
        "9" * 200_000,
        "ISBN 9" + "-7" * 100_000,
        "doi:" * 50_000,
        "arxiv:1" * 40_000,
        "arxiv:" + "1." * 100_000,
        "pii/S" + "1" * 200_000,
    ],
)
def test_hostile_text_is_answered(text: str) -> None:
    assert len(identifiers(text)) <= 50_000


def test_references_of_a_real_page_fail(data: Path) -> None:
    """Four articles of a journal whose ISSN cannot be one."""
    found = identifiers((data / "documents" / "document_002.txt").read_text("utf-8"))
    assert [(i.scheme, bool(i.fault)) for i in found] == [(Scheme.PII, True)] * 4


@pytest.mark.parametrize("number", [0, 1, 3, 4])
def test_the_other_pages_have_none(data: Path, number: int) -> None:
    assert identifiers((data / "documents" / f"document_{number:03}.txt").read_text("utf-8")) == []
