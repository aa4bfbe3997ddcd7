"""Documents into the store: once, whole, and as they were read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from tests.operation.programme_world import NOW
from tests.tracking.pledge_world import ONE, OTHER, TWO, imported, mention_of, page, unread, world

pytestmark = pytest.mark.usefixtures("database")


def test_what_was_read_comes_back_as_it_was() -> None:
    from dure.mentions.reading import mentions
    from dure.store import models
    from dure.tracking.stored import document_of, said_of

    given = [page(ONE), page("정부는 2030년까지 GPU 26만 장을 확보하기로 했다.", "둘.txt", None)]
    done = imported(world(), *given)
    assert [document_of(row) for row in models.PledgeDocument.objects.order_by("seq")] == given
    assert [s.mention for s in said_of().values()] == [m for d in given for m in mentions(d)]
    assert done.mentions == len(said_of()) >= 4
    for said in said_of().values():
        assert said.sentence == said.document.text[said.mention.sentence.start : said.mention.sentence.end] != ""


def test_a_document_is_imported_once_and_says_so() -> None:
    from dure.store import models

    made = world()
    first = imported(made, page(ONE), page(ONE, "the same.txt"))
    again = imported(made, page(ONE, "again.txt"), page(OTHER, "other.txt"))
    assert (first.new, first.known) == (("page.txt",), ())
    assert (again.new, again.known) == (("other.txt",), ("again.txt",))
    assert models.PledgeDocument.objects.count() == 2


def test_what_cannot_be_read_is_told_and_may_be_tried_again() -> None:
    from dure.store import models

    made = world()
    done = imported(made, unread(), page(ONE))
    assert [(name, str(status)) for name, status, _ in done.refused] == [("scan.pdf", "no_text")]
    assert models.PledgeDocument.objects.count() == 1


def test_copies_count_once_but_a_copy_with_another_sum_is_shown() -> None:
    from dure.tracking import reviewing

    made = world()
    long = (
        ONE + " " + " ".join(f"Sentence number {n} of the page tells of the weather in the capital." for n in range(30))
    )
    changed = long.replace("200 billion", "250 billion")
    done = imported(made, page(long), page("News. Sports. " + long, "copy.txt"), page(changed, "changed.txt"))
    assert done.copies == (("copy.txt", "page.txt"), ("changed.txt", "page.txt"))
    sums = [
        q for q in reviewing.queue(made.office, NOW) if q.said.mention.amount and q.said.mention.amount.unit == "KRW"
    ]
    assert [q.said.mention.amount.low for q in sums if q.said.mention.amount] == [200_000_000_000, 250_000_000_000]
    assert sums[0].also_in == ("copy.txt",)
    assert sums[1].also_in == ()


def test_nothing_is_half_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    from dure.store import audit, models
    from dure.tracking import importing

    made, before = world(), audit.waiting().rows

    def fails(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(importing.decided, "log_document", fails)
    with pytest.raises(RuntimeError):
        imported(made, page(ONE), page(TWO, "two.txt"))
    assert models.PledgeDocument.objects.count() == models.PledgeMention.objects.count() == 0
    assert audit.waiting().rows == before


@pytest.mark.parametrize("user", ["outsider", "lead-alpha", "operator"])
def test_who_may_not_import(user: str) -> None:
    from dure.app.access import Forbidden
    from dure.tracking.importing import import_documents
    from dure.tracking.reading import readings

    made = world()
    with pytest.raises(Forbidden):
        import_documents(made.actor(user), readings([page(ONE)]), NOW)


@pytest.mark.parametrize("table", ["document", "mention", "proposal", "decision"])
@pytest.mark.parametrize("change", ["UPDATE {} SET seq = 99", "DELETE FROM {}"])
def test_the_database_refuses_to_change_a_row(table: str, change: str) -> None:
    from dure.tracking import reviewing

    made = world()
    imported(made, page(ONE))
    proposal = reviewing.dismiss(made.office, mention_of("KRW"), "no promise", NOW)
    reviewing.confirm(made.actor("c1"), proposal.seq, NOW)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change.format(f"store_pledge{table}"))


@pytest.mark.parametrize(
    "text", ["\0The Ministry of Science and ICT will buy 40 GPUs by 2027.\0", "in 2027 \ud800 it will"]
)
def test_characters_that_no_database_keeps(text: str) -> None:
    from dataclasses import replace

    from dure.store import models

    hostile = replace(page("x", "name\0.txt"), text=text, prose=((0, len(text)),))
    done = imported(world(), hostile)
    row = models.PledgeDocument.objects.get()
    assert len(row.text) == len(text)
    assert "\0" not in row.text + row.name + done.new[0]
    row.text.encode()


def test_an_extractor_that_is_plugged_in_adds_only_what_the_text_says() -> None:
    from dataclasses import replace

    from dure.mentions.model import Mention, Span
    from dure.tracking.reading import readings

    class Liar:
        def propose(self, document: Any) -> list[Mention]:
            from dure.mentions.reading import mentions

            (first, *_) = mentions(document)
            assert first.amount is not None
            return [
                first,
                replace(first, amount=replace(first.amount, low=99, high=99)),
                replace(first, sentence=Span(0, 10**6)),
            ]

    (plain,) = readings([page(ONE)]).pages
    (more,) = readings([page(ONE)], extractor=Liar()).pages
    assert more.mentions == plain.mentions
    assert len(more.refused) == 2


def test_readings_are_json_ready() -> None:
    import json

    from dure.tracking.reading import readings

    found = readings([page(ONE), page(OTHER, "other.txt", date(2026, 7, 1)), unread()])
    body = json.loads(json.dumps(found.json()))
    assert [d["status"] for d in body["documents"]] == ["ok", "ok", "no_text"]
    assert {m["name"] for m in body["mentions"]} == {"page.txt", "other.txt"}
    assert all(m["amount"]["text"] in m["quote"] for m in body["mentions"] if m["amount"])
    assert {"implied_rate", "amount_differs"} <= {f["kind"] for f in body["findings"]}


def test_a_folder_is_read_and_one_bad_file_stops_no_other(tmp_path: Path) -> None:
    from dure.tracking.importing import import_documents
    from dure.tracking.reading import read

    (tmp_path / "a.txt").write_text(ONE.replace("\n", " "), "utf-8")
    (tmp_path / "b.html").write_text(f"<html><body><article><p>{OTHER}</p></article></body></html>", "utf-8")
    (tmp_path / "c.txt").write_bytes(b"")
    (tmp_path / "d.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    parts: list[float] = []
    found = read([tmp_path], date(2026, 7, 1), watch=parts.append)
    assert [str(p.document.status) for p in found.pages][:2] == ["ok", "ok"]
    assert all(p.document.why for p in found.pages[2:])
    assert parts[-1] == 1.0
    done = import_documents(world().office, found, NOW)
    assert len(done.new) == len(done.refused) == 2
