"""Every decision through the rules: facts gathered, judged as of a date, kept with its reasons, and what it asked for
followed up until two people have met it.

A decision is kept in one transaction with what it decides and with its entry in the audit log. The set of rules that is in
force is the one adopted last, or the shipped one; past decisions name theirs, and can be judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from django.db import transaction

from dure.app import screening
from dure.app.access import Action, Actor, Forbidden, NotFound, require
from dure.app.people import happened
from dure.errors import InputError
from dure.formats.catalogue import load_catalogue
from dure.formats.governance import datasheet_of, load_chip_classes, load_chip_overrides
from dure.formats.rules import digest_of, facts_from, facts_json, load_shipped, parse, shipped_files
from dure.governance.cedar import names_read
from dure.governance.chips import classify
from dure.governance.facts import UNKNOWN, Act, Facts, Value
from dure.governance.judge import Decision, Rules, facts_digest, judge
from dure.governance.rules import BLOCKS, Kind, Rule, Verdict
from dure.programme.checks import serves
from dure.store import audit, models
from dure.units import DAY_S
from dure.vocabulary import Text

if TYPE_CHECKING:
    from dure.fleet import Fleet
    from dure.fleet.model import Pool
    from dure.programme.model import Application, Call

WAIVER_DAYS = 366  # the longest that a waiver holds
_NAMES = {"met": "meet", "refused": "refuse", "waived": "waive"}


def rules_in_force() -> Rules:
    """The rules that decide now: the set adopted last, or the shipped one."""
    digest = models.RuleSet.objects.order_by("-seq").values_list("digest", flat=True).first()
    return load_shipped() if digest is None else _set(digest)


def rules_of(digest: str) -> Rules:
    """The set of rules with this digest. Raises NotFound."""
    if not models.RuleSet.objects.filter(digest=digest).exists():
        raise NotFound("rule set", digest)
    return _set(digest)


@lru_cache(maxsize=8)  # asked with every verdict; a digest says what is in the set, and sets are never changed
def _set(digest: str) -> Rules:
    if digest == digest_of(shipped_files()):
        return load_shipped()
    return parse(models.RuleSet.objects.filter(digest=digest).values_list("files", flat=True)[0])


@transaction.atomic
def adopt(actor: Actor, files: Mapping[str, str], note: str, now: int) -> Rules:
    """Put a set of rules in force. Raises InputErrors for one with a fault: it is checked, and its cases run, first."""
    require(actor, Action.EDIT_RULES)
    rules = parse(files)
    _keep(rules, files, actor.user, note, now)
    happened("rules", rules.digest, "adopt", actor.user, now, note=note)
    return rules


def _keep(rules: Rules, files: Mapping[str, str], by: str, note: str, now: int) -> None:
    models.RuleSet.objects.create(digest=rules.digest, files=dict(files), adopted_utc_s=now, by=by, note=note)


def judged(act: Act, values: Mapping[str, Value], now: int) -> tuple[Verdict, Facts, Rules]:
    """What the rules in force say now; nothing is kept."""
    rules, facts = rules_in_force(), Facts(act, values)
    return judge(rules, facts, now), facts, rules


def decide(act: Act, about: str, values: Mapping[str, Value], by: str, now: int, *, project: str = "") -> Verdict:
    """Judge one request by the rules in force, and keep the decision and what it asks for, in the transaction at hand."""
    return keep(*judged(act, values, now), about, by, now, project=project)


def keep(
    verdict: Verdict, facts: Facts, rules: Rules, about: str, by: str, now: int, *, project: str = ""
) -> Verdict:  # fmt: skip
    """Keep a verdict, with its entry in the audit log; open what it asks for and nobody has met yet."""
    if not models.RuleSet.objects.filter(digest=rules.digest).exists():  # the shipped set, at its first decision
        _keep(rules, shipped_files(), "dure", "shipped with Dure", now)
    row = models.Decision.objects.create(
        act=verdict.act, about=about, facts=facts_json(facts), as_of_utc_s=verdict.as_of_utc_s, allowed=verdict.allowed,
        reasons=list(verdict.reasons), obligations=list(verdict.obligations), faults=list(verdict.faults),
        rules=verdict.rules, by=by, at_utc_s=now,
    )  # fmt: skip
    audit.append("decision", *audit.decision_body(row), now)
    asked = {id: asked_digest(rule_named(rules, id, verdict.as_of_utc_s), facts) for id in verdict.obligations}
    rows = models.Obligation.objects.filter(about=about, rule__in=asked).exclude(until_utc_s__lte=now)
    known = set(rows.values_list("rule", "asked"))
    kinds = {r.id: r.kind for r in rules.rules}
    models.Obligation.objects.bulk_create(
        models.Obligation(decision=row, rule=id, kind=kinds[id], about=about, project=project, asked=digest)
        for id, digest in asked.items()
        if (id, digest) not in known
    )
    if not verdict.faults:  # facts that could not be judged lift nothing
        gone = models.Obligation.objects.filter(about=about, decision__act=verdict.act, state="open")
        said = f"no longer asked for by decision {row.seq}"
        gone.exclude(rule__in=asked).update(state="met", by=by, note=said, at_utc_s=now)
    return verdict


def asked_digest(rule: Rule, facts: Facts) -> str:
    """What makes an obligation the same as one before: for one that blocks, the facts that its rule reads; people who met
    it said nothing of others. A notice or a duty is asked for once."""
    read = names_read(rule.when) if rule.kind in BLOCKS else ()
    return facts_digest(Facts(facts.act, {name: facts.values[name] for name in read}))


def obligations(actor: Actor, *, about: str = "", project: str = "", open_only: bool = True) -> list[models.Obligation]:
    """What decisions asked for, of one thing, one project, or all that one may see."""
    require(actor, Action.READ_DECISION)
    rows = models.Obligation.objects.select_related("decision").order_by("seq")
    if about:
        rows = rows.filter(about=about)
    if project:
        rows = rows.filter(project=project)
    if open_only:
        rows = rows.filter(state="open")
    return [row for row in rows if actor.sees(Action.READ_DECISION, project=row.project)]


def blocking(project: str, now: int) -> int:
    """How much of a project blocks: obligations open, refused, or with a waiver that is over; awards that the rules deny
    by what became known since."""
    rows = models.Obligation.objects.filter(project=project, kind__in=BLOCKS)
    ids = models.Award.objects.filter(project=project, ended=False).values_list("pk", flat=True)
    last = (models.Decision.objects.filter(act=Act.AWARD, about=id).order_by("-seq").first() for id in ids)
    denied = sum(found is not None and not found.allowed for found in last)
    return denied + sum(blocks(row, now) for row in rows)


def blocks(row: models.Obligation, now: int) -> bool:
    """Whether what was asked is still in the way: open, refused, or waived until a moment that is past."""
    return row.state in ("open", "refused") or _over(row, now)


def todo(row: models.Obligation) -> Text:
    """What must be done for an obligation, as its rule says."""
    return rule_named(rules_of(row.decision.rules), row.rule, row.decision.as_of_utc_s).todo


def _over(row: models.Obligation, now: int) -> bool:
    return row.until_utc_s is not None and row.until_utc_s <= now


@transaction.atomic
def meet(
    actor: Actor, seq: int, state: str, note: str, now: int, *, evidence: str = "", until_utc_s: int | None = None
) -> models.Obligation:
    """Say that an obligation is met, refused or waived. Approvals and waivers take two people: the first call proposes,
    the second, by somebody else and to the same end, settles. A waiver names its end."""
    require(actor, Action.MEET_OBLIGATION)
    row = models.Obligation.objects.select_for_update().filter(seq=seq).first()
    if row is None:
        raise NotFound("obligation", str(seq))
    if actor.user in models.Member.objects.filter(project=row.project).values_list("user", flat=True):
        raise Forbidden(f"obligation {seq}: {actor.user} belongs to the project")
    _meetable(row, state, note, now, until_utc_s)
    two = state == "waived" or row.kind == Kind.APPROVAL
    proposed = models.Happening.objects.filter(kind="obligation", about=str(seq)).order_by("-seq").first()
    first = proposed.by if proposed is not None and proposed.event == f"propose_{_NAMES[state]}" else ""
    if two and first in ("", actor.user):
        happened("obligation", str(seq), f"propose_{_NAMES[state]}", actor.user, now, note=note)
        row.until_utc_s = until_utc_s
        row.save(update_fields=["until_utc_s"])
        return row
    if two and row.until_utc_s != until_utc_s:
        raise InputError("not the end that was proposed", field="until", accepted="the same for both people")
    row.state, row.by, row.second = state, first or actor.user, actor.user if two else ""
    row.note, row.evidence, row.at_utc_s = note, evidence, now
    row.save()
    happened("obligation", str(seq), _NAMES[state], actor.user, now, before="open", after=state, note=note)
    return row


def _meetable(row: models.Obligation, state: str, note: str, now: int, until_utc_s: int | None) -> None:
    if state not in _NAMES:
        raise InputError("not an end of an obligation", field="state", value=state, accepted=", ".join(_NAMES))
    if row.state != "open" and not _over(row, now):
        raise InputError("it is settled already", field="state", value=row.state, accepted="an open obligation")
    if not note.strip():
        raise InputError("it takes a reason", field="note")
    if row.kind == Kind.EVALUATION and state != "refused":
        accepted = "`dure model evaluate`: one that passes meets it at the release; `dure model waive`, by two people"
        raise InputError("nobody declares an evaluation passed", field="state", value=state, accepted=accepted)
    if (state == "waived") != (until_utc_s is not None) or (
        until_utc_s and not now < until_utc_s <= now + WAIVER_DAYS * DAY_S
    ):
        accepted = f"for a waiver, and only for one: a moment within {WAIVER_DAYS} days"
        raise InputError("a waiver has an end", field="until", accepted=accepted)


def decision(actor: Actor, seq: int) -> tuple[models.Decision, Rules, Facts]:
    """A decision with the rules and the facts that made it: all that is needed to explain it, or to judge it again."""
    require(actor, Action.READ_DECISION)
    row = models.Decision.objects.filter(seq=seq).first()
    if row is None or not _sees(actor, row):
        raise NotFound("decision", str(seq))
    return row, rules_of(row.rules), facts_from(row.act, row.facts)


def decisions(actor: Actor, *, about: str = "", after: int = 0) -> Iterator[models.Decision]:
    """Decisions, oldest first."""
    require(actor, Action.READ_DECISION)
    rows = models.Decision.objects.filter(seq__gt=after).order_by("seq")
    if about:
        rows = rows.filter(about=about)
    return (row for row in rows.iterator(1000) if _sees(actor, row))


def logged(actor: Actor, *, about: str = "", after: int = 0) -> Iterator[Decision]:
    """The same, as they are judged again by other rules."""
    for row in decisions(actor, about=about, after=after):
        yield Decision(
            row.seq, Act(row.act), row.about, row.as_of_utc_s, facts_from(row.act, row.facts), row.allowed,
            tuple(row.reasons), tuple(row.obligations), row.rules,
        )  # fmt: skip


def _sees(actor: Actor, row: models.Decision) -> bool:
    application = models.Application.objects.filter(id=row.about).first() if row.act == Act.AWARD else None
    if application is not None:
        return actor.sees(Action.READ_DECISION, project=application.project, user=application.lead)
    model = models.AIModel.objects.filter(id=row.about).first()
    return actor.sees(Action.READ_DECISION, project=model.project if model is not None else "")


def rule_named(rules: Rules, id: str, as_of: int) -> Rule:
    """The version of a rule that held then (KeyError if none did)."""
    return {r.id: r for r in rules.at(as_of)}[id]


def reasons_text(verdict: Verdict, language: str, rules: Rules | None = None) -> str:
    """The rules that denied, in one sentence for the person concerned; `rules` are those of a verdict not yet kept."""
    rules = rules or rules_of(verdict.rules)
    named = [
        f"{rule_named(rules, id, verdict.as_of_utc_s).title.in_language(language)} ({id})" for id in verdict.reasons
    ]
    wrong = "; ".join((*named, *verdict.faults))
    if language == "ko":
        return f"규칙에 따라 허용되지 않습니다: {wrong or '허용하는 규칙이 없습니다'}."
    return f"The rules do not allow it: {wrong or 'no rule permits it'}."


def award_facts(application: Application, call: Call, fleet: Fleet, now: int) -> dict[str, Value]:
    """The facts of giving units to an application: what it declared, and the pools that could serve it."""
    wanted = {application.ask.model, *(a.model for a in application.ask.accepted)}
    track = call.track(application.track)
    used = [p for p in fleet.pools if p.model in wanted and serves(call, track, p)]
    return {**screening.facts_of(application.id, now), **chip_facts(fleet, used, now)}


def chip_facts(fleet: Fleet, used: Iterable[Pool], now: int) -> dict[str, Value]:
    """Facts about the accelerators and sites of some pools."""
    used = list(used)
    return {
        "chip_models": frozenset(p.model for p in used),
        "chip_classes": frozenset(class_of(p.model, now) for p in used),
        "site_countries": frozenset(fleet.site(p).country or UNKNOWN for p in used) or frozenset({UNKNOWN}),
    }


@lru_cache(maxsize=1024)
def _class_on(model: str, day: int) -> str:
    found = load_catalogue().get(model)
    if found is None:
        return UNKNOWN
    return classify(datasheet_of(found), load_chip_classes(), load_chip_overrides(), day * DAY_S).export_class


def class_of(model: str, now: int) -> str:
    """The export class of a model of the catalogue; thresholds change on days."""
    return _class_on(model, now // DAY_S)
