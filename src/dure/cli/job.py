"""`dure submit | queue | status | why | when | logs | cancel | requeue | open`: jobs, as those who run them see them."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer
from typer.core import TyperCommand

from dure.errors import InputError
from dure.terminal.acting import Language, acting, language_of, milli, moment, read, table, when
from dure.terminal.jobwords import NOT_SOON, a_command, instead, labelled, next_step, of_own_project
from dure.terminal.options import Csv, Json
from dure.terminal.show import Form, emit, note, noted_if_slow

if TYPE_CHECKING:
    from dure.app.access import Actor
    from dure.operation.engines import Engines
    from dure.reports.table import Table, Value
    from dure.store.models import Job
    from dure.workload.spec import JobSpec

Kind = Literal["training", "batch", "evaluation", "interactive", "service", "lease"]
Number = Annotated[str, typer.Argument(metavar="JOB", help="Its number, as 12 or j12.")]
Numbers = Annotated[list[str], typer.Argument(metavar="JOB...", help="Their numbers, as 12 or j12.")]
OfProject = Annotated[
    str | None, typer.Option("--project", metavar="PROJECT", help="Who pays; one's own, if only one.")
]
Models = Annotated[list[str], typer.Option("--model", metavar="MODEL", help="A model that will do; may be repeated.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Sent twice with one key, it is one job.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it.")]

SLEEP_S = 0.3  # between two looks at what changes
LOOP_S = 10  # a control loop that was not heard of for so long is not there
NOBODY = "nothing runs jobs here: start `dure serve`"

_QUEUE = (
    "job", "project", "user", "kind", "name", "accelerators", "models", "limit_s", "state", "refusal", "submitted_utc_s",
    "started_utc_s",
)  # fmt: skip
_ATTEMPTS = (
    "attempt", "pool", "nodes", "desired", "observed", "run_utc_s", "end_utc_s", "ended_by", "exit_code", "failure", "cause",
)  # fmt: skip
_EVENTS = ("event", "at_utc_s", "pool", "reason", "cause")
_SUBMITTED = (
    ("job", "job", "text"), ("project", "project", "text"), ("verdict", "rules", "text"), ("why", "why", "text"),
    ("most_milli_units", "costs at most", "milli-units"), ("left_milli_units", "units left", "milli-units"),
    ("pools", "may run in", "text"), ("low_utc_s", "starts", "text"), ("high_utc_s", "at the latest", "text"),
)  # fmt: skip
_WHY = (("job", "job", "text"), ("reason", "reason", "text"), ("why", "why", "text"), ("release", "until", "text"))
_START = (
    ("job", "job", "text"), ("low_utc_s", "starts", "text"), ("high_utc_s", "at the latest", "text"),
    ("held", "estimates that held", "count"), ("of", "of", "count"),
)  # fmt: skip
_FORMS = {"s": "duration", "count": "count", "milli-units": "milli-units", "W": "W", "milli": "ratio"}
_UNITS = re.compile(r"_utc_s$|_s$|_w$|_milli$")  # of a field's name: its label is without
_PART = 1 << 16  # bytes of a log at a time


def number(text: str) -> int:
    """A job's number as people write it. Raises InputError."""
    digits = text.strip().lstrip("jJ#")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        raise InputError(
            "not a job's number", field="job", value=text, accepted="as 12 or j12; `dure queue` lists them"
        )
    return int(digits)


# ---- to submit -------------------------------------------------------------------------------------------------------


class Submit(TyperCommand):
    """What stands behind the first `--` is a command to run, with whatever options it has; it is never parsed here."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words before `--`."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta["command"] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])


def submit(
    ctx: typer.Context,
    file: Annotated[
        list[str] | None, typer.Argument(metavar="FILE | -- CMD...", help="A job file, `-` for stdin; or a command.")
    ] = None,
    project: OfProject = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What it is called in lists.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="What kind of job; a batch job if not said.")] = None,
    accelerators: Annotated[
        int | None, typer.Option("--accelerators", "-n", min=0, metavar="N", help="So many; 0: cores alone.")
    ] = None,
    model: Models = [],  # noqa: B006
    limit: Annotated[
        str | None, typer.Option("--limit", metavar="TIME", help="It is stopped after so long, as 90m or 2d.")
    ] = None,
    memory: Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Host memory, as 64GiB.")] = None,
    cores: Annotated[str | None, typer.Option("--cores", metavar="N", help="Cores of the whole job.")] = None,
    save_every: Annotated[
        str | None, typer.Option("--save-every", metavar="TIME", help="It writes a save point so often, as 30m.")
    ] = None,
    env: Annotated[list[str], typer.Option("--env", metavar="K=V", help="A variable; may be repeated.")] = [],  # noqa: B006
    data: Annotated[
        list[str], typer.Option("--data", metavar="DATA", help="A data set, staged first; may be repeated.")
    ] = [],  # noqa: B006
    earliest: Annotated[str | None, typer.Option("--earliest", metavar="TIME", help="Not before.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="A notebook ends then.")] = None,
    replicas: Annotated[
        int | None, typer.Option("--replicas", min=1, metavar="N", help="Copies of a service that are kept running.")
    ] = None,
    key: Key = None,
    dry_run: DryRun = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it ends; then its exit status is this command's.")
    ] = False,
    language: Language = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Submit a job: a file, or a command behind `--`, which comes after all options.

    It is checked first: its fields, the rules, the units left, and whether any pool could ever run it. What comes of it is
    said, and when it may start. Nothing is kept of a job that is refused.
    """
    actor, now = acting()
    given = {
        "project": project, "name": name, "kind": kind, "accelerators": accelerators, "models": tuple(model) or None,
        "limit_s": typed(limit, "limit", "duration_s"), "memory_mib": typed(memory, "memory", "memory_mib"),
        "env": _variables(env) or None, "cores_milli": None if cores is None else milli(cores, "cores", least=0),
        "save_every_s": typed(save_every, "save-every", "duration_s"), "data": tuple(data) or None, "replicas": replicas,
        "earliest_utc_s": None if earliest is None else moment(earliest, "earliest"),
        "expires_utc_s": None if until is None else moment(until, "until"),
    }  # fmt: skip
    spec = _spec(file or [], ctx.meta["command"], {k: v for k, v in given.items() if v is not None})
    seq = hand_in(actor, spec, now, key, dry_run, language_of(language), Form.of(as_json, as_csv))
    if wait and seq:
        raise typer.Exit(_ended(actor, seq))


submit.cls = Submit  # type: ignore[attr-defined]  # `dure.cli.main` asks for it


def _spec(files: Sequence[str], command: tuple[str, ...], given: dict[str, Any]) -> JobSpec:
    """The job that is asked for: a file's or a command's, and what options say beside it."""
    from dure.formats.jobfiles import read_job
    from dure.workload.spec import JobSpec

    if len(files) > 1 or (files and command):
        words = [*files, *command]
        raise InputError("a file or a command", value=" ".join(words), accepted=f"FILE; or {a_command(words)}")
    if command:
        return JobSpec(**{"project": "", **given}, command=command)
    if not files and given.get("kind") == "lease":
        raise InputError("a lease has dates, and no command", accepted="`dure lease request`, or a job file")
    if not files:
        raise InputError(
            "nothing to run", accepted="a job file, `-` for stdin, or a command, as `dure submit -- hostname`"
        )
    if files == ["-"]:
        return replace(read_job(sys.stdin.buffer, name="-"), **given)
    if not (path := Path(files[0])).suffix and not path.exists():
        raise InputError("no such file", value=files[0], accepted=f"a job file; or, a command: {a_command(files)}")
    found: JobSpec = replace(read(path, read_job), **given)
    return found


def typed(text: str | None, field: str, parser: str) -> int | None:
    """What a person typed, as the parser of this name in `dure.formats.toml` reads a file's value. Raises InputError."""
    from dure.formats import toml

    try:
        bare = parser == "memory_mib" and text is not None and text.isdecimal()  # as in a file: GiB
        return None if text is None else int(getattr(toml, parser)(int(text) if bare else text))
    except toml.Wrong as wrong:
        raise InputError("wrong value", field=field, value=text, accepted=str(wrong)) from None


def _variables(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (equals and name) or name in found:
            raise InputError("not a variable", field="env", value=name, accepted="each name once, as --env SEED=7")
        found[name] = value
    return found


def hand_in(
    actor: Actor, spec: JobSpec, now: int, key: str | None, dry_run: bool, language: str, form: Form
) -> int | None:
    """Submit it, or only try, and say what comes of it; its number, if it has one now."""
    from dure.operation.submitting import Refused, submit, try_submit
    from dure.vocabulary import Refusal

    spec = of_own_project(actor, spec)
    try:
        job = None if dry_run else submit(actor, spec, now, key=key)
    except Refused as refused:
        if hint := instead(refused.refusal):
            note(hint)
        raise
    found: dict[str, Value] = {name: None for name, _, _ in _SUBMITTED} | {
        "job": job and job.seq,
        "project": spec.project,
    }
    if job and job.submitted_utc_s != now:
        note(f"submitted before with this key, {when(job.submitted_utc_s)}")
    else:
        tried = try_submit(actor, spec, now)
        found |= {
            "verdict": {Refusal.NONE: "allowed", Refusal.HELD: "held"}.get(tried.refusal, "refused"),
            "why": tried.why.in_language(language), "most_milli_units": tried.most_milli,
            "left_milli_units": tried.left_milli, "pools": ", ".join(tried.pools),
        }  # fmt: skip
        found |= _starts(actor, job.seq, now, form) if job else {}
        if hint := instead(tried.refusal):
            note(hint)
    show([table("submitted", "", _SUBMITTED, [found])], form, language)
    if job is None:
        raise typer.Exit(int(found["verdict"] == "refused"))
    if form is Form.TEXT:
        note(next_step(spec.kind, int(job.seq)))
    if not loop_runs():
        note(NOBODY)
    return int(job.seq)


def engines() -> Engines:
    """The engines of the programme's fleet, as this machine's environment says."""
    from dure.app.programme import fleet_of_programme
    from dure.operation.asking import engines_here

    return engines_here(fleet_of_programme())


def _starts(actor: Actor, seq: int, now: int, form: Form) -> dict[str, Value]:
    """When it may start; blanks where that cannot be said."""
    from dure.operation.foretelling import when as foretold

    with noted_if_slow("running the queue forward to see when it starts ..."):
        found = foretold(actor, seq, now)
    return {"low_utc_s": cell(found.low_utc_s, "UTC s", form), "high_utc_s": cell(found.high_utc_s, "UTC s", form)}


def loop_runs() -> bool:
    """Whether a control loop was heard of lately."""
    from dure.store.models import Leader

    beat = Leader.objects.values_list("beat_utc_s", flat=True).first()
    return beat is not None and time.time() - beat < LOOP_S


def _ended(actor: Actor, seq: int) -> int:
    """Wait for the end of a job; the exit status it stands for: its own, 0 if it completed, 128 + N of signal N, else 1."""
    from dure.operation.views import job_of
    from dure.vocabulary import FINAL_STATES, JobState

    try:
        while (job := job_of(actor, seq)).state not in FINAL_STATES:
            time.sleep(SLEEP_S)
    except KeyboardInterrupt:
        note(f"no longer waiting; the job goes on: dure status {seq}")
        raise typer.Exit(130) from None
    note(f"job {seq}: {JobState(job.state).name.lower()}")
    if job.state == JobState.COMPLETED or job.exit_code is None:
        return int(job.state != JobState.COMPLETED)
    code = int(job.exit_code)
    return code if code >= 0 else 128 - code


# ---- to look ---------------------------------------------------------------------------------------------------------


def show(tables: Sequence[Table], form: Form, language: str = "en") -> None:
    """As `emit`; but the first table, of one row, is for people a list of its fields, blanks left out."""
    if form is not Form.TEXT:
        return emit(tables, form)
    from rich.cells import cell_len  # Korean letters are two columns wide

    tables = labelled(tables, language)
    first = tables[0]
    lines = [(c.label, c.text(first.rows[0][c.key])) for c in first.columns if first.rows[0][c.key] not in (None, "")]
    width = max(cell_len(label) for label, _ in lines)
    typer.echo("\n".join(f"{label}{' ' * (width - cell_len(label))}  {text}" for label, text in lines))
    emit([t for t in tables[1:] if t.rows], form)


def cell(value: Any, unit: str, form: Form) -> Value:
    """A field of a view as it is printed; for people moments are in their own zone, and what says nothing is blank."""
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    if form is not Form.TEXT:
        return cast("Value", value)
    if unit in ("UTC s", "milli"):
        return when(value or None) if unit == "UTC s" else None if value is None else value / 1000
    return "yes" if value is True else None if value in ("", False) else value


def viewed(name: str, title: str, views: Sequence[Any], cls: type, form: Form, shown: Sequence[str] = ()) -> Table:
    """A table of views (dataclasses with units): JSON and CSV have all fields, as the API; people those of `shown`."""
    units = {f.name: f.metadata["unit"] for f in fields(cls)}
    names = shown if shown and form is Form.TEXT else list(units)
    columns = [
        (n, "began" if n == "run_utc_s" else _UNITS.sub("", n).replace("_", " "), _FORMS.get(units[n], "text"))
        for n in names
    ]
    return table(name, title, columns, [{n: cell(getattr(v, n), units[n], form) for n in names} for v in views])


def queue(
    project: Annotated[str, typer.Option("--project", metavar="PROJECT", help="Only this project's.")] = "",
    user: Annotated[str, typer.Option("--user", metavar="USER", help="Only this user's.")] = "",
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="live, ended, or a state, as running.")
    ] = "live",
    everybody: Annotated[bool, typer.Option("--all", help="Those of all projects that one may see.")] = False,
    after: Annotated[int, typer.Option("--after", min=0, metavar="N", help="Only jobs after this number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, metavar="N", help="So many at most.")] = 100,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """List jobs: those of one's own projects that have not ended, if nothing else is asked for."""
    actor, _ = acting()
    from dure.operation.views import JobView, job_view
    from dure.operation.views import queue as queued

    form, own = Form.of(as_json, as_csv), actor.belongs if not (everybody or project or user) else frozenset()
    found = [
        job
        for project in (sorted(own) or [project])
        for job in queued(actor, project=project, user=user, state=state, after=after, limit=limit)
    ]
    jobs = sorted(found, key=lambda job: job.seq)[:limit]
    emit([viewed("jobs", "Jobs", list(map(job_view, jobs)), JobView, form, _QUEUE)], form)
    if not jobs and form is Form.TEXT:
        note("no such jobs; `--state ended` has those that ended, `--all` those of all projects that one may see")
    if len(jobs) == limit:
        note(f"there may be more: --after {jobs[-1].seq}")
    _say_who_runs(jobs)


def _say_who_runs(jobs: Sequence[Job]) -> None:
    """Where nobody starts these jobs, say so."""
    from dure.vocabulary import FINAL_STATES

    if any(job.state not in FINAL_STATES for job in jobs) and not loop_runs():
        note(NOBODY)


def status(job: Number, language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Show a job: where it stands, its attempts, all that happened to it and why; why it waits, if it does."""
    actor, now = acting()
    from dure.operation import explaining, views
    from dure.vocabulary import JobState

    seq, form, lang = number(job), Form.of(as_json, as_csv), language_of(language)
    found = views.job_of(actor, seq)
    view = views.job_view(found)
    if found.state in (JobState.NEW, JobState.WAITING):
        reason = explaining.why(actor, seq, now)
        word = reason.reason.name.lower() if reason.reason else ""
        view = replace(view, refusal=word, why=reason.text.in_language(lang))
    tries = list(map(views.attempt_view, views.attempts_of(actor, seq)))
    events = list(map(views.event_view, views.events_of(actor, seq)))
    tables = [
        viewed("job", "", [view], views.JobView, form),
        viewed("attempts", "Attempts", tries, views.AttemptView, form, _ATTEMPTS),
        viewed("events", "What happened", events, views.EventView, form, _EVENTS),
    ]
    show(tables, form, lang)
    _say_who_runs([found])


def why(job: Number, language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Say why a job is not running: the one reason that binds now, and what would release it."""
    actor, now = acting()
    from dure.operation.explaining import why as explained

    seq, lang, form = number(job), language_of(language), Form.of(as_json, as_csv)
    with noted_if_slow("looking at the queue ..."):
        found = explained(actor, seq, now)
    row: dict[str, Value] = {
        "job": seq, "reason": found.reason.name.lower() if found.reason or form is not Form.TEXT else None,
        "why": found.text.in_language(lang), "release": found.release.in_language(lang) or None,
    }  # fmt: skip
    show([table("why", "", _WHY, [row])], form, lang)


def foretell(job: Number, language: Language = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Say when a job may start: the queue is run forward several times, with run times as jobs had them so far.

    The interval is given with how often such intervals held until now.
    """
    actor, now = acting()
    from dure.operation.foretelling import when as foretold
    from dure.operation.views import job_of

    seq, form = number(job), Form.of(as_json, as_csv)
    with noted_if_slow("running the queue forward ..."):
        found = foretold(actor, seq, now)
    held, of = found.held_of_past
    row: dict[str, Value] = {
        "job": seq, "low_utc_s": cell(found.low_utc_s, "UTC s", form), "high_utc_s": cell(found.high_utc_s, "UTC s", form),
        "held": held, "of": of,
    }  # fmt: skip
    if form is Form.TEXT and found.low_utc_s is None:
        note(f"{NOT_SOON}: `dure why {seq}` says what it waits for")
    begun = job_of(actor, seq).started_utc_s is not None
    if begun and form is Form.TEXT:
        row["high_utc_s"] = None
    labels = [(k, "started" if begun and k == "low_utc_s" else label, f) for k, label, f in _START]
    show([table("start", "", labels, [row])], form, language_of(language))


def logs(
    job: Number,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends; Ctrl-C leaves.")] = False,
    attempt: Annotated[
        int | None, typer.Option("--attempt", min=1, metavar="N", help="Of this attempt; else of the last one.")
    ] = None,
) -> None:
    """Print what a job wrote, its two streams as one."""
    actor, _ = acting()
    from dure.operation.views import job_of
    from dure.operation.views import logs as written
    from dure.vocabulary import FINAL_STATES

    seq, here = number(job), engines()
    tries = job_of(actor, seq).attempts
    shown, offset = attempt if tries else None, 0
    if tries < (attempt or 1):
        if attempt and tries:
            raise InputError("no such attempt", field="attempt", value=attempt, accepted=f"1 to {tries}")
        note(f"it has not run: `dure why {seq}` says why" + ("; Ctrl-C leaves" if follow else ""))
    try:
        while True:
            found = job_of(actor, seq)
            ended = found.state in FINAL_STATES or (attempt is not None and found.attempts > attempt)
            if shown is None:
                shown = found.attempts or None
            while shown and (part := written(actor, here, seq, offset, _PART, attempt=shown)):
                offset += len(part)
                sys.stdout.buffer.write(part)
                sys.stdout.buffer.flush()
            if attempt is None and shown and found.attempts > shown:  # it was started again meanwhile
                shown, offset = shown + 1, 0
            elif ended or not follow:
                return
            else:
                time.sleep(SLEEP_S)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


# ---- to act ----------------------------------------------------------------------------------------------------------


def cancel(job: Numbers) -> None:
    """Withdraw jobs. One that runs is told to end, and has a while for it."""
    _wish(job, "cancel", "to be cancelled")


def requeue(job: Numbers) -> None:
    """Stop jobs that run, and let them wait for another start, from their last save points."""
    _wish(job, "requeue", "to be started again")


def _wish(jobs: list[str], what: str, said: str) -> None:
    """All of them, or none."""
    actor, now = acting()
    from dure.operation import operating, views

    numbers = [number(text) for text in jobs]
    for seq in numbers:
        views.job_of(actor, seq)
    for seq in numbers:
        getattr(operating, what)(actor, seq, now)
        typer.echo(f"job {seq}: {said}")
    _say_who_runs([views.job_of(actor, seq) for seq in numbers])


def open_(
    job: Number,
    gateway: Annotated[
        str, typer.Option("--gateway", metavar="URL", envvar="DURE_GATEWAY", help="Where the gateway is reached.")
    ] = "http://127.0.0.1:8001",
) -> None:
    """Print the address of a notebook, or of a service's replica: for its owner alone, until it ends, 12 hours at most."""
    actor, now = acting()
    from dure.operation.tickets import open_url

    typer.echo(open_url(actor, number(job), now, gateway))
