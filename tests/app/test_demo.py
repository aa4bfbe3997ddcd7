"""The demonstration's books: what the simulated jobs used is what the awards lost, to the milli-unit, and booked once."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from dure.app.inputs import open_fleet, open_policy, workload_maker

ROOT = Path(__file__).resolve().parents[2]
FLEET, CALL = ROOT / "examples/fleets/korea-2026.toml", ROOT / "examples/calls/demo.toml"


def test_a_small_demonstration_adds_up(database: str) -> None:
    from dure.accounting.settle import Terms, settle, usage
    from dure.app import booking, demo, people
    from dure.ledger.model import Code
    from dure.store import ledger
    from dure.units import HOUR_S

    done = demo.run_call(FLEET, CALL, seed=1, count=12)
    assert {"ranked", "scaled", "optimal"} <= done.totals.keys()
    before = ledger.standings()
    assert sum(s.granted for s in before.values()) == done.totals[done.call.rule][1] > 0
    fleet, jobs = open_fleet(FLEET), workload_maker(ROOT / "examples/workloads/korea-month.toml")(1).head(1500)
    found = demo.run_month(done, fleet, jobs, [open_policy("fifo")], 1, lambda _: nullcontext())
    run = found.runs[0]
    used = usage(run.log, run.workload, fleet)
    assert len(used.job) > 1000
    spent: dict[str, int] = dict.fromkeys(before, 0)
    for project, amount in zip(used.project, used.milli_unit_s, strict=True):
        spent[used.projects[project]] += int(amount)
    after = ledger.standings()
    assert {p: s.spent for p, s in after.items()} == {p: amount // HOUR_S for p, amount in spent.items()}
    assert all(s.remaining >= 0 for s in after.values())
    assert ledger.verify()[1] == []
    end = used.start_utc_s + used.log_end_s
    again = booking.settle(people.actor_of(demo.OFFICE), settle(used, Terms("demo-fifo-1"), end))
    assert set(again) == {Code.EXISTS}
    shown = demo.lines(people.actor_of(demo.OFFICE), done, "ko")
    assert len(shown) == 12
    assert all(line.why for line in shown)


def test_all_that_happens_in_a_round_stands_in_the_log(database: str, tmp_path: Path) -> None:
    from dure.app import demo
    from dure.audit.verify import verify
    from dure.store import audit, auditcheck, models

    done = demo.run_call(FLEET, CALL, seed=2, count=12)
    entries = demo.publish_log(tmp_path, done.call.closes_utc_s)
    assert auditcheck.check() == [], "every happening, decision and transfer, and nothing else"
    logged = [e["kind"] for e in audit.entries(-1, 10_000)]
    assert (len(logged), logged.count("start")) == (entries, 1)
    assert logged.count("decision") == models.Decision.objects.count() >= done.totals[done.call.rule][0] > 0
    assert logged.count("happening") == models.Happening.objects.count()
    with (tmp_path / "export.dure").open("rb") as stream:
        assert verify(stream, [(tmp_path / "programme.pub").read_text().strip()]).ok
    text = b"".join(e["body"].get("by", "").encode() for e in audit.entries(-1, 10_000))
    assert b"office" not in text, "people are commitments"
    assert b"sha256:" in text
