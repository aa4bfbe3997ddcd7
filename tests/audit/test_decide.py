"""What a witness answers: every status of C2SP tlog-witness, and that no order of requests makes it sign two histories."""

from __future__ import annotations

from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dure.audit.merkle import root, verify_consistency
from dure.audit.notes import Checkpoint, open_note
from dure.audit.witness import Answer, Head, ask, decide
from tests.audit.exports import AT, CANADA, FORK, LOG, ORIGIN, THIEF, TRUE, hashes, head, proof, request

KEYS = {ORIGIN: LOG.key}


def seen(entries: list[bytes], size: int) -> dict[str, Head]:
    return {ORIGIN: Head(size, root(hashes(entries[:size])), AT)}


def answer(text: str, heads: dict[str, Head] | None = None, now: int = AT) -> Answer:
    return decide(text, heads or {}, KEYS, CANADA, now)


def test_the_layout_of_a_request() -> None:
    """As C2SP's example has it: old size, proof, an empty line, the checkpoint."""
    text = request(TRUE, 3, 7)
    top, note = text.split("\n\n", 1)
    assert top.split("\n") == ["old 3", *(b64encode(h).decode() for h in proof(TRUE, 3, 7))]
    assert note == head(TRUE, 7)


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 1), (0, 40), (1, 2), (7, 7), (15, 40), (16, 32)])
def test_what_continues_is_cosigned(old: int, size: int) -> None:
    heads = seen(TRUE, old) if old else {}
    given_ = answer(request(TRUE, old, size), heads, AT + 5)
    assert (given_.status, given_.origin) == (200, ORIGIN)
    assert given_.head == Head(size, root(hashes(TRUE[:size])), AT + 5)
    assert open_note(head(TRUE, size) + given_.body, [CANADA.key]).cosigned == ((CANADA.key.name, AT + 5),)
    assert given_.body.count("\n") == 1


def test_time_never_goes_back() -> None:
    given_ = answer(request(TRUE, 7, 9), seen(TRUE, 7), AT - 100)
    assert given_.head is not None
    assert given_.head.at_utc_s == AT
    assert open_note(head(TRUE, 9) + given_.body, [CANADA.key]).cosigned == ((CANADA.key.name, AT),)


def test_a_fork_is_not_cosigned() -> None:
    refusals = {
        request(FORK, 20, 30): 422,  # its proof is of its own past, which is not the one seen
        request(FORK, 0, 30): 409,  # as if nothing had been seen
        request(FORK, 15, 30): 409,  # from where both are one
        ask(20, [], head(FORK, 20)): 409,  # another root of the same size
        ask(20, proof(TRUE, 20, 30), head(FORK, 30)): 422,
    }
    for text, status in refusals.items():
        given_ = answer(text, seen(TRUE, 20))
        assert (given_.status, given_.head) == (status, None)
        assert "—" not in given_.body
        assert given_.body == "20\n" or status == 422


def test_a_rollback_and_a_replay_are_told_the_size() -> None:
    for text in (request(TRUE, 0, 10), request(TRUE, 10, 20), request(TRUE, 19, 30), ask(21, [], head(TRUE, 30))):
        assert answer(text, seen(TRUE, 20)) == Answer(409, "20\n", None, ORIGIN)
    assert answer(ask(5, [], head(TRUE, 30))) == Answer(409, "0\n", None, ORIGIN)
    assert answer(request(TRUE, 20, 20), seen(TRUE, 20)).status == 200  # the same head again: its answer was lost


def test_a_wrong_proof() -> None:
    good = proof(TRUE, 13, 30)
    for wrong in ([], good[:-1], [*good, good[0]], good[::-1], [bytes(32), *good[1:]]):
        assert answer(ask(13, wrong, head(TRUE, 30)), seen(TRUE, 13)).status == 422
    assert answer(ask(0, good, head(TRUE, 30))).status == 422
    assert answer(ask(13, good, head(TRUE, 13)), seen(TRUE, 13)).status == 422


def test_whose_log_and_whose_signature() -> None:
    assert answer(ask(0, [], head(TRUE, 5, origin="audit.example/other"))).status == 404
    assert answer(ask(0, [], head(TRUE, 5, [THIEF]))).status == 403
    assert answer(ask(0, [], head(TRUE, 5, [CANADA]))).status == 403
    assert answer(ask(0, [], head(TRUE, 5, [LOG, THIEF, CANADA]))).status == 200  # unknown keys' lines are skipped
    spoilt = head(TRUE, 5).replace("\n5\n", "\n6\n")
    assert answer(ask(0, [], spoilt)).status == 403


def test_what_is_no_request() -> None:
    good, line = head(TRUE, 5), b64encode(bytes(32)).decode()
    for text in (
        "", "old 0", "old 0\n", f"old 0\n{good}", f"old  0\n\n{good}", f"old 00\n\n{good}", f"old -1\n\n{good}", f"old ٠\n\n{good}",
        f"old 0\r\n\r\n{good}", f"new 0\n\n{good}", f"old 0\nAAAA\n\n{good}", f"old 0\n{line[:-1]}\n\n{good}",
        f"old 0\n{line[:-2]}B=\n\n{good}", f"old 0\n{line} \n\n{good}", "old 0\n" + f"{line}\n" * 64 + f"\n{good}",
        f"old 0\n\n{good}x", f"old 0\n\n{good[:-1]}", f"old 0\n\n{good.splitlines()[0]}", f"old 6\n\n{good}",
        "old 0\n\n" + "x" * 70_000,
        f"old 0\n\n{good}" + "— a AAAAAAA=\n" * 200, f"old 0\n\n\ud800{good}", f"old 0\n\n{good.replace('5', '5' * 30, 1)}",
    ):  # fmt: skip
        assert answer(text).status == 400, text
        assert answer(text).head is None


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")), st.integers(0, 600), st.integers(0, 40))
def test_no_text_is_an_error_or_signed(text: str, at: int, cut: int) -> None:
    assert answer(text).status == 400
    good = request(TRUE, 13, 30)
    spoilt = good[:at] + text + good[at + cut :]
    if spoilt != good:
        signed = answer(spoilt, seen(TRUE, 13))
        assert signed.status != 200 or signed.head == answer(good, seen(TRUE, 13)).head


STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12)


@settings(max_examples=60)
@given(STEPS)
def test_whatever_is_asked_all_that_it_signed_is_one_history(steps: list[tuple[bool, int, int, bool]]) -> None:
    """Requests of two branches in any order, with sizes as they come or as the witness says them."""
    heads: dict[str, Head] = {}
    signed: list[Checkpoint] = []
    for fork, old, size, told in steps:
        entries = FORK if fork else TRUE
        old = heads.get(ORIGIN, Head(0, b"")).size if told else old
        given_ = answer(request(entries, min(old, size), size), heads)
        if given_.head is not None:
            heads[ORIGIN] = given_.head
            signed.append(Checkpoint(ORIGIN, given_.head.size, given_.head.root))
    for earlier, later in pairwise(signed):
        assert earlier.size <= later.size
        assert any(
            (earlier.root, later.root) == (root(hashes(b[: earlier.size])), root(hashes(b[: later.size])))
            and verify_consistency(
                earlier.size, later.size, earlier.root, later.root, proof(b, earlier.size, later.size)
            )
            for b in (TRUE, FORK)
        )
