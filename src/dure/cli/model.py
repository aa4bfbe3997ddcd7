"""`dure model` and `dure data`: what a programme makes and uses, from its licence to its release."""

from __future__ import annotations

import json
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dure.governance.thresholds import in_force
from dure.terminal.acting import Language, acting, language_of, moment, moment_now, read, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note

if TYPE_CHECKING:
    from dure.governance.assets import Dataset
    from dure.governance.rules import Verdict
    from dure.reports.table import Table, Value
    from dure.store.models import Obligation

app = group()
data = group()
Id = Annotated[str, typer.Argument(metavar="MODEL", help="Id of the model.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="Id of the data set.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="TOML.")]

_MODELS = (
    ("model", "model", "text"), ("title", "title", "text"), ("project", "project", "text"), ("owner", "owner", "text"),
    ("version", "version", "text"), ("made", "made here", "text"), ("licence", "licence", "text"),
    ("released", "released", "text"),
)  # fmt: skip
_DATASETS = (
    ("data", "data", "text"), ("title", "title", "text"), ("project", "project", "text"), ("personal", "personal", "text"),
    ("n2sf", "N2SF", "text"), ("core_technology", "core technology", "text"), ("origins", "from", "text"),
    ("sites", "sites", "text"), ("licence", "licence", "text"), ("keep_until", "keep until", "text"),
)  # fmt: skip
_FIELDS = (("field", "field", "text"), ("value", "value", "text"), ("meaning", "meaning", "text"))
_KEYS = tuple(key for key, _, _ in _FIELDS)
_VERDICT = (
    ("act", "act", "text"), ("about", "about", "text"), ("allowed", "allowed", "text"), ("done", "done", "text"),
    ("reasons", "decided by", "text"), ("obligations", "asked for", "text"), ("faults", "wrong facts", "text"),
)  # fmt: skip
_RULES = (
    ("rule", "rule", "text"), ("kind", "kind", "text"), ("title", "title", "text"), ("state", "state", "text"),
    ("todo", "what to do", "text"), ("source", "source", "text"),
)  # fmt: skip
_LICENCES = (
    ("licence", "licence", "text"), ("title", "title", "text"), ("commercial", "commercial use", "text"),
    ("derivatives", "derivatives", "text"), ("notice", "notice", "text"), ("share_alike", "share alike", "text"),
    ("use_restrictions", "use restrictions", "text"), ("naming", "naming", "text"),
    ("outputs_train", "outputs may train", "text"), ("user_cap", "users at most", "count"),
    ("confidence", "confidence", "text"), ("source", "source", "text"),
)  # fmt: skip
_TEXT = {
    "yes": ("허용됩니다", "Allowed"),
    "by": ("근거 규칙", "by"),
    "open": ("다만 먼저 해결할 의무가 {n}건 남아 있습니다.", "But {n} obligations that block are open."),
    "released": ("{id}: 공개되었습니다.", "{id}: released."),
    "kept": ("{id}: 공개하지 않았습니다.", "{id}: not released."),
    "next": ("다음: {command}", "next: {command}"),
}


def _say(key: str, language: str, **more: object) -> str:
    return _TEXT[key][language == "en"].format(**more)


# ---- models ----------------------------------------------------------------------------------------------------------


@app.command()
def add(file: File) -> None:
    """Enter a model that was made here or is used here, or its newer description; a released one is not changed."""
    actor, now = acting()
    from dure.app.modelling import keep_model
    from dure.formats.assets import read_model

    model = read(file, read_model)
    keep_model(actor, model, now)
    typer.echo(f"{model.id}: kept, of project {model.project}")


@app.command("list")
def list_models(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the models that one may see."""
    actor, _ = acting()
    from dure.app.modelling import catalogue

    rows = [
        {
            "model": m.id, "title": m.title, "project": m.project, "owner": m.owner, "version": m.version,
            "made": "yes" if m.made else "no", "licence": m.licence or None, "released": when(released),
        }
        for m, released in catalogue(actor)
    ]  # fmt: skip
    emit([table("models", "Models", _MODELS, rows)], Form.of(as_json, as_csv))


@app.command()
def show(id: Id, language: Language = None, as_json: Json = False) -> None:
    """Show a model: its description, and what follows from all that it came from (label, licences, evaluation)."""
    actor, now = acting()
    from dure.app import modelling
    from dure.app.access import Action
    from dure.app.evaluating import gate_of
    from dure.governance.licences import DUTIES

    lang = language_of(language)
    found = modelling.lineage_of(actor, id, now)
    row, model = modelling.model_for(actor, Action.READ_MODEL, id)
    outcome = found.licence()
    wanted = modelling.bars(row)
    gate = gate_of(id, model.save_point, wanted, now)
    follows = [
        ("data", _text(tuple(d.id for d in found.datasets)), "that its lineage read"),
        ("licences", outcome.result, "what they come to, for what is intended"),
        *(("because", reason.in_language(lang), "why") for reason in outcome.reasons),
        *(("duty", DUTIES[duty].in_language(lang), duty) for duty in outcome.duties),
        ("joint terms", modelling.joint_terms(model), "who may license it to whom"),
        (
            "bars",
            ", ".join(f"{b.task} {b.task_version} >= {b.least_milli / 10:g} %" for b in wanted),
            "what it must pass",
        ),
        ("evaluation", gate, "of its save point"),
        ("released", when(row.released_utc_s), "when"),
    ]
    rows = _described(found.label if found.runs else None)
    rows += [dict(zip(_KEYS, each, strict=True)) for each in follows]
    emit(
        [
            table("model", f"Model {id}", _FIELDS, _described(model)),
            table("lineage", "What follows from its lineage", _FIELDS, rows),
        ],
        Form.of(as_json, False),
    )


@app.command()
def bars(id: Id, file: File) -> None:
    """Say which evaluations a model must pass, and how well: the [[bar]] tables of a file replace those before."""
    actor, now = acting()
    from dure.app.modelling import set_bars
    from dure.formats.assets import read_bars

    found = read(file, read_bars)
    set_bars(actor, id, found, now)
    typer.echo(f"{id}: {len(found)} bars: {', '.join(b.task for b in found)}")


@app.command()
def evaluate(id: Id, log: Annotated[Path, typer.Argument(metavar="LOG", help="Log of inspect_ai.")]) -> None:
    """Keep the log of an evaluation, passed or not. Exits 1 where it does not pass."""
    actor, now = acting()
    from dure.app import evaluating, modelling
    from dure.app.access import Action
    from dure.governance import gate

    row, model = modelling.model_for(actor, Action.READ_MODEL, id)
    wanted = modelling.bars(row)
    kept = evaluating.record(actor, id, log, wanted, now)
    found = evaluating.evaluations(id)[-1]
    typer.echo(f"{id}: {found.task} {found.task_version}: {'passed' if kept.passed else 'not passed'}")
    for bar in wanted:
        if bar.task == found.task and (reasons := gate.decide(found, bar, model.save_point).reasons):
            note(f"{bar.task}, {bar.scorer or 'every scorer'}: {', '.join(reasons)}")
    if not any(bar.task == found.task for bar in wanted):
        note(f"no bar names {found.task}: see `dure model bars`")
    if not kept.passed:
        raise typer.Exit(1)


@app.command()
def waive(
    id: Id,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept for ever.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="When the waiver ends; a year at most.")],
) -> None:
    """Propose that a model's save point goes without its evaluation until a date; a second person must agree."""
    actor, now = acting()
    from dure.app import evaluating, modelling
    from dure.app.access import Action

    _, model = modelling.model_for(actor, Action.READ_MODEL, id)
    row = evaluating.waive(actor, id, model.save_point, reason, moment(until, "until"), now)
    typer.echo(f"{row.seq}: proposed by {actor.user}")
    note(f"next: another person: dure --as USER model agree {row.seq}")


@app.command()
def agree(number: Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the proposed waiver.")]) -> None:
    """Be the second person of a waiver."""
    actor, now = acting()
    from dure.app.evaluating import agree as settle

    row = settle(actor, number, now)
    typer.echo(
        f"{number}: {row.document['model']}, waived by {row.by} and {row.second} until {when(row.document['until_utc_s'])}"
    )


@app.command()
def release(id: Id, language: Language = None, as_json: Json = False) -> None:
    """Release a finished model, if the rules let it go and nothing that blocks is open. Exits 1 where it stays.

    A refusal is kept as a decision: ask again when what it asks for is done.
    """
    actor, now = acting()
    from dure.app import modelling

    lang = language_of(language)
    verdict, left = modelling.release(actor, id, now)
    done = verdict.allowed and not left
    emit(verdict_tables(verdict, id, lang, done=done, left=left), Form.of(as_json, False))
    note(" ".join([sentence(verdict, lang), *([_say("open", lang, n=len(left))] if left else [])]))
    note(_say("released" if done else "kept", lang, id=id))
    if left:
        note(_say("next", lang, command=f"dure obligations list --about {id}"))
    if not done:
        raise typer.Exit(1)


@app.command()
def card(
    id: Id, out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there instead.")] = None
) -> None:
    """Print a model's card: SPDX 3.0.1 JSON-LD, AI profile, with its data sets, licences and ancestors."""
    actor, now = acting()
    from dure.app import modelling

    text = json.dumps(modelling.card(actor, id, now), ensure_ascii=False, indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        from dure.formats.streams import replaced

        with replaced(out) as stream:
            stream.write(text.encode())
        note(f"{id}: card in {out}")


@app.command()
def licences(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the table of licences: what each allows and asks, with its source. Not legal advice."""
    from dure.formats.governance import load_licences

    keys = [key for key, _, _ in _LICENCES[1:]]
    rows = [
        {"licence": x.id, **{key: getattr(x, key) for key in keys}}
        for x in in_force(load_licences().values(), moment_now())
    ]
    emit([table("licences", "Licences", _LICENCES, rows)], Form.of(as_json, as_csv))


# ---- data sets -------------------------------------------------------------------------------------------------------


@data.command("add")
def add_data(file: File) -> None:
    """Enter a data set, or its newer description."""
    actor, now = acting()
    from dure.app.modelling import keep_dataset
    from dure.formats.assets import read_dataset

    found = read(file, read_dataset)
    keep_dataset(actor, found, now)
    typer.echo(f"{found.id}: kept, of project {found.project}")


@data.command("list")
def list_data(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show the data sets that one may see."""
    actor, _ = acting()
    from dure.app.modelling import datasets

    rows = [
        {
            "data": d.id, "title": d.title, "project": d.project, "personal": d.personal, "n2sf": d.n2sf,
            "core_technology": d.core_technology, "origins": _text(d.origins),
            "sites": "any" if d.sites is None else _text(d.sites), "licence": d.licence or None,
            "keep_until": when(d.keep_until_utc_s),
        }
        for d in datasets(actor)
    ]  # fmt: skip
    emit([table("datasets", "Data sets", _DATASETS, rows)], Form.of(as_json, as_csv))


@data.command("show")
def show_data(id: Data, as_json: Json = False) -> None:
    """Show a data set: its classes, where it may be, and the bases of its transfers."""
    actor, _ = acting()
    emit([table("data", f"Data set {id}", _FIELDS, _described(_dataset(actor, id)))], Form.of(as_json, False))


@data.command()
def place(
    id: Data,
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Site of the programme's fleet.")],
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Say whether a data set may lie at a site, or be looked at from there; the decision is kept. Exits 1 if not."""
    actor, now = acting()
    from dure.app import modelling

    lang = language_of(language)
    verdict = modelling.place(actor, id, site, now)
    about = f"{id}@{site}"
    left = modelling.blocking(about, now)
    emit(verdict_tables(verdict, about, lang, done=verdict.allowed and not left, left=left), Form.of(as_json, False))
    note(" ".join([sentence(verdict, lang), *([_say("open", lang, n=len(left))] if left else [])]))
    if not verdict.allowed or left:
        raise typer.Exit(1)


def _dataset(actor: Any, id: str) -> Dataset:
    from dure.app.access import NotFound
    from dure.app.modelling import datasets

    found = {d.id: d for d in datasets(actor)}
    if id not in found:
        raise NotFound("data set", id)
    return found[id]


# ---- verdicts and values in words ------------------------------------------------------------------------------------


def sentence(verdict: Verdict, language: str) -> str:
    """A verdict in one sentence, with the rules that decided."""
    from dure.app.governing import reasons_text, rule_named, rules_of

    if not verdict.allowed:
        return reasons_text(verdict, language)
    rules = rules_of(verdict.rules)
    named = (f"{rule_named(rules, r, verdict.as_of_utc_s).title.in_language(language)} ({r})" for r in verdict.reasons)
    return f"{_say('yes', language)}; {_say('by', language)}: {'; '.join(named)}."


def verdict_tables(
    verdict: Verdict, about: str, language: str, *, done: bool, left: list[Obligation] | None = None
) -> list[Table]:
    """A verdict; and each rule that decided it, or asks for something, with what to do."""
    from dure.app.governing import rule_named, rules_of

    rules = rules_of(verdict.rules)
    states = {o.rule: o.state for o in left or ()}
    whole: dict[str, Value] = {
        "act": verdict.act, "about": about, "allowed": "yes" if verdict.allowed else "no", "done": "yes" if done else "no",
        "reasons": _text(verdict.reasons), "obligations": _text(verdict.obligations), "faults": _text(verdict.faults),
    }  # fmt: skip
    rows: list[dict[str, Value]] = []
    for id in (*verdict.reasons, *verdict.obligations):
        rule = rule_named(rules, id, verdict.as_of_utc_s)
        todo = rule.todo.in_language(language) or rule.statement.in_language(language)
        rows.append({
            "rule": id, "kind": rule.kind, "title": rule.title.in_language(language), "state": states.get(id),
            "todo": todo, "source": f"{rule.source.law} {rule.source.paragraph}".strip(),
        })  # fmt: skip
    return [
        table("verdict", f"{verdict.act} {about}", _VERDICT, [whole]),
        table("rules", "Rules", _RULES, rows),
    ]


def _described(value: Any) -> list[dict[str, Value]]:
    """The fields of a dataclass as rows, with their meaning where they carry one."""
    if value is None:
        return []
    return [
        {"field": f.name.removesuffix("_utc_s"), "value": _shown(f.name, getattr(value, f.name)),
         "meaning": f.metadata.get("meaning")}
        for f in fields(value)
    ]  # fmt: skip


def _shown(name: str, value: Any) -> str | None:
    return when(value) if name.endswith("_utc_s") else _text(value)


def _text(value: Any) -> str | None:
    """A value in one cell; None where it says nothing."""
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | frozenset):
        each = sorted(value) if isinstance(value, frozenset) else value
        return ", ".join(x if isinstance(x, str) else _record(x) for x in each) or None
    return str(value) if value not in (None, "") else None


def _record(value: Any) -> str:
    return " / ".join(filter(None, (_shown(f.name, getattr(value, f.name)) for f in fields(value))))
