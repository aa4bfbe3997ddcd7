"""Why is it waiting? The one reason that binds now and what would release it, each in one sentence, in Korean and English.

The reason is the compiled pass's own: a world is made from the database, one pass is run on it, and what it says of the job is
put into words with the figures behind it. A job of a project that the asker may not see is told of without its number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from dure.app.access import Action, Actor
from dure.kernels.layout import G_HEAD, G_ORDERED
from dure.operation.asking import feasible, most_milli
from dure.operation.views import job_of
from dure.operation.world import World, load
from dure.programme.units import units_text
from dure.scheduler.snapshot import advance, commit, schedule
from dure.store import ledger, models
from dure.store.documents import from_json
from dure.units import MILLI
from dure.vocabulary import NEVER_REFUSALS, Failure, JobKind, JobState, Refusal, Text, column
from dure.workload.spec import JobSpec

LOOP_S: Final = 10  # a control loop that was not heard of for so long does not run
_NAMED: Final = 3  # nodes that a sentence names
_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Why:
    """Why a job is not running now, or where it runs, or how it ended."""

    reason: Refusal = column("", "the one reason that binds now; NONE: it runs, has ended, or is about to start")
    text: Text = column("", "the reason in one sentence")
    release: Text = column("", "what would release it, in one sentence")


def why(actor: Actor, seq: int, now: int) -> Why:
    """The answer for a job. Raises NotFound for another's."""
    job = job_of(actor, seq)
    if job.state == JobState.RUNNING:
        return _running(job)
    if job.state not in (JobState.NEW, JobState.WAITING):
        return _ended(job)
    if job.wish:
        return _about_to(Text("취소 요청이 접수되었습니다.", "It is to be cancelled."))
    if models.Project.objects.filter(id=job.project, stopped=True).exists():
        return Why(
            Refusal.HELD,
            Text(f"과제 {job.project}의 실행이 중지되어 있습니다.", f"Project {job.project} is stopped."),
            Text(
                "과제 중지가 해제되면 다시 대기열에 들어갑니다.", "It goes on once the programme resumes the project."
            ),
        )
    if job.refusal == Refusal.HELD:
        return Why(Refusal.HELD, *_held(job))
    beat = models.Leader.objects.values_list("beat_utc_s", flat=True).first()
    if beat is None or now - beat >= LOOP_S:
        text = Text("제어 루프가 실행되고 있지 않습니다.", "No control loop is running, so nothing is started.")
        release = Text(
            "운영자가 `dure serve`를 시작하면 진행됩니다.", "It goes on once an operator starts `dure serve`."
        )
        return Why(Refusal(job.refusal), text, release)
    if job.state == JobState.NEW:
        return _about_to(
            Text("접수되어 대기열에 들어가는 중입니다.", "It was received, and is about to enter the queue.")
        )
    return _waiting(actor, job, load(now), now)


def _about_to(text: Text) -> Why:
    release = Text("제어 루프의 다음 주기에 처리됩니다.", "The next cycle of the control loop does it, within seconds.")
    return Why(Refusal.NONE, text, release)


# ---- jobs that run, have ended or are held ---------------------------------------------------------------------------


def _running(job: models.Job) -> Why:
    last = models.Attempt.objects.filter(job=job, number=job.attempts - 1).first()
    if last is None:
        return _about_to(Text("시작하는 중입니다.", "It is being started."))
    nodes = len(last.nodes)
    where_ko, where = f"풀 {last.pool}의 노드 {nodes}개", f"{nodes} node{'s' * (nodes > 1)} of pool {last.pool}"
    if last.run_utc_s is None:
        text = Text(
            f"{where_ko}에서 데이터와 실행 환경을 준비하고 있습니다.",
            f"It has {where}, where its data and surroundings are being made ready.",
        )
        release = Text(
            "준비가 끝나면 명령이 시작됩니다.", "Its command begins once they are there; until then nothing is charged."
        )
        return Why(Refusal.NONE, text, release)
    text = Text(
        f"{_moment(last.run_utc_s)}부터 {where_ko}에서 실행 중입니다.",
        f"It has been running since {_moment(last.run_utc_s)} on {where}.",
    )
    end = _moment(last.run_utc_s + last.limit_s)
    release = Text(f"늦어도 {end}에 시간 제한으로 끝납니다.", f"Its time limit ends it at {end} at the latest.")
    return Why(Refusal.NONE, text, release)


_FAULTS: Final[dict[Failure, tuple[Text, Text]]] = {
    Failure.NONE: (
        Text("스스로 끝나지 못했습니다", "It did not end by itself"),
        Text("로그를 확인한 뒤 다시 제출하십시오.", "Look at its log, and submit it anew."),
    ),
    Failure.USER: (
        Text("작업의 명령이 오류로 끝났습니다", "Its own command failed"),
        Text("로그를 확인하고 고친 뒤 다시 제출하십시오.", "Look at its log, mend it, and submit it anew."),
    ),
    Failure.LIMIT: (
        Text("작업이 요청한 한도에 이르렀습니다", "It reached a limit that it asked for"),
        Text(
            "더 큰 한도나 저장점을 두고 다시 제출하십시오.", "Submit it anew with a higher limit, or with save points."
        ),
    ),
    Failure.NODE: (
        Text("노드에 장애가 있었습니다", "The node under it failed"),
        Text("잃은 시간은 환불됩니다; 다시 제출하십시오.", "The time lost is refunded; submit it anew."),
    ),
    Failure.ENGINE: (
        Text("엔진이 작업을 거듭 실행하지 못했습니다", "The engine failed it again and again"),
        Text("운영자에게 알리고 다시 제출하십시오.", "Tell the operators of the site, and submit it anew."),
    ),
}
_NEVER: Final[dict[Refusal, Text]] = {
    Refusal.NEVER_FITS: Text(
        "어떤 풀도 이 작업을 담을 수 없습니다", "No pool of the fleet could ever hold it, even empty"
    ),
    Refusal.NO_SUCH_MODEL: Text(
        "허용한 가속기 모델이 없거나 이 종류의 작업을 실행할 수 없습니다",
        "None of its accelerator models is in the fleet, or none may run its kind",
    ),
    Refusal.OVER_PROJECT_LIMIT_EVER: Text(
        "과제가 동시에 쓸 수 있는 가속기 수보다 많이 요청했습니다",
        "It asks for more accelerators than its project may ever hold at once",
    ),
    Refusal.OVER_BUDGET_EVER: Text(
        "시간 제한까지의 비용이 과제의 전체 단위보다 큽니다", "Its time limit costs more than all units of its project"
    ),
    Refusal.RULES: Text("규칙에 따라 실행할 수 없습니다", "A rule forbids it"),
}


def _ended(job: models.Job) -> Why:
    """How it ended, and whose fault it was, by evidence."""
    reason, at = Refusal(job.refusal), _moment(job.ended_utc_s or job.submitted_utc_s)
    nothing = Text("더 할 일은 없습니다.", "Nothing is left to do.")
    if job.state == JobState.COMPLETED:
        return Why(Refusal.NONE, Text(f"{at}에 완료되었습니다.", f"It completed at {at}."), nothing)
    if job.state == JobState.CANCELLED:
        by = f" ({job.wished_by})" if job.wished_by else ""
        return Why(Refusal.NONE, Text(f"{at}에 취소되었습니다{by}.", f"It was cancelled at {at}{by}."), nothing)
    if job.state == JobState.REFUSED or reason in NEVER_REFUSALS:
        return Why(reason, _with(_NEVER.get(reason, _NEVER[Refusal.RULES]), job.why), _change_it())
    last = models.Attempt.objects.filter(job=job).order_by("-number").first()
    limit = job.state == JobState.TIMED_OUT
    text, release = _FAULTS[Failure.LIMIT if limit else Failure(job.failure)]
    return Why(Refusal.NONE, _with(text, last.cause if last is not None else job.why), release)


def _change_it() -> Text:
    return Text(
        "요청을 바꾸어 다시 제출하십시오; `dure submit --dry-run`으로 미리 확인할 수 있습니다.",
        "Submit it anew as something else; `dure submit --dry-run` says beforehand what will do.",
    )


def _with(text: Text, cause: str) -> Text:
    """A sentence of what is so and, where it was told, the cause."""
    more = f": {cause.rstrip('.')}" if cause else ""
    return Text(f"{text.ko}{more}.", f"{text.en}{more}.")


def _held(job: models.Job) -> tuple[Text, Text]:
    text = _with(Text("규칙이 먼저 요구하는 것이 있습니다", "A rule asks for something first"), job.why)
    asked = models.Obligation.objects.filter(decision=job.decision, state="open").values_list("seq", flat=True)
    which = ", ".join(str(n) for n in sorted(asked)[:_NAMED])
    ko = f"의무 {which}이(가) 이행되거나 면제되면" if which else "요구한 것이 이행되거나 면제되면"
    en = f"once obligation {which} is met or waived" if which else "once what is asked for is met or waived"
    return text, Text(f"{ko} 스스로 대기열에 들어갑니다.", f"It enters the queue by itself {en}.")


# ---- jobs that wait --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Case:
    """A waiting job in the world after one pass."""

    actor: Actor
    job: models.Job
    spec: JobSpec
    world: World
    row: int
    now: int

    @property
    def state(self) -> Any:
        """The columns of the snapshot."""
        return self.world.snapshot.state

    def pools(self) -> list[int]:
        """Pools that could hold the job if they were empty."""
        shape = self.state.shapes[self.state.classes[self.state.job_class[self.row]]["shape"]]
        first = int(shape["entry"])
        return sorted({int(p) for p in self.state.entries["pool"][first : first + int(shape["entries"])]})

    def nodes(self) -> list[int]:
        """Nodes of these pools."""
        mine = set(self.pools())
        return [v for v, p in enumerate(self.world.fleet.node_pool().tolist()) if p in mine]

    def sites(self) -> list[str]:
        """Sites of these pools."""
        return list(dict.fromkeys(self.world.fleet.pools[p].site for p in self.pools()))


def _waiting(actor: Actor, job: models.Job, world: World, now: int) -> Why:
    row = world.row_of.get(job.seq)
    if row is None:  # it was let in since its row was read
        return _about_to(Text("대기열에 들어가는 중입니다.", "It is about to enter the queue."))
    world.snapshot = advance(world.snapshot, now - world.zero_utc_s, ())
    plan = schedule(world.snapshot)
    world.snapshot = commit(world.snapshot, plan)
    if any(start.job == row for start in plan.starts):
        return _about_to(Text("자리가 나서 곧 시작합니다.", "There is room for it now: it is about to start."))
    reason = world.snapshot.reasons([row])[row]
    case = _Case(actor, job, from_json(JobSpec, job.spec), world, row, now)
    if reason in NEVER_REFUSALS:
        return Why(reason, _with(_NEVER[reason], ""), _change_it())
    return Why(reason, *_WORDS[reason](case))


def _not_yet(case: _Case) -> tuple[Text, Text]:
    at = _moment(max(case.spec.earliest_utc_s, int(case.state.earliest[case.row]) + case.world.zero_utc_s))
    return (
        Text(f"가장 이른 시작 시각({at}) 전입니다.", f"It was asked to start at {at} at the earliest."),
        Text("그 시각이 되면 대기열에서 자리를 찾습니다.", "It looks for a place when that moment comes."),
    )


def _budget(case: _Case) -> tuple[Text, Text]:
    project = case.job.project
    left = ledger.standing(project).remaining
    work = case.spec.limit_s - case.job.saved_s
    fits = feasible(case.world.fleet, case.spec)
    need = units_text(min((most_milli(f, work) for f in fits.values()), default=0) if isinstance(fits, dict) else 0)
    return (
        Text(
            f"시간 제한까지 {need}유닛이 필요하지만 과제 {project}에 {units_text(left)}유닛이 남아 있습니다.",
            f"Its time limit costs {need} units, and project {project} has {units_text(left)} left that nothing has reserved.",
        ),
        Text(
            "실행 중인 작업이 예약을 남기고 끝나거나 과제가 단위를 더 받으면, 또는 더 짧은 시간 제한으로 제출하면 풀립니다.",
            "Jobs of the project that end before their limits, more units, or a shorter time limit release it.",
        ),
    )


def _project_limit(case: _Case) -> tuple[Text, Text]:
    state, project = case.state, case.job.project
    row = state.projects[state.classes[state.job_class[case.row]]["project"]]
    held, limit = units_text(int(row["held"])), units_text(int(row["limit"]))
    return (
        Text(
            f"과제 {project}는 가속기를 동시에 {limit}개까지 쓸 수 있으며 지금 {held}개를 쓰고 있습니다.",
            f"Project {project} may hold {limit} accelerators at once, and holds {held} now.",
        ),
        Text("과제의 다른 작업이 끝나면 풀립니다.", "The end of other jobs of the project releases it."),
    )


def _nodes_down(case: _Case) -> tuple[Text, Text]:
    """Which of its nodes are down: planned work, a drained site, failed nodes, or such as are still to come."""
    world, sites = case.world, case.sites()
    open_now = [n for n, stage in world.outages.items() if stage == "open"]
    outage = models.Outage.objects.filter(seq__in=open_now, site__in=sites).order_by("to_utc_s").first()
    if outage is not None:
        since, end = _moment(outage.from_utc_s), _moment(outage.to_utc_s)
        more = f" ({outage.reason})" if outage.reason else ""
        return (
            Text(
                f"사이트 {outage.site}가 {since}부터 작업 중입니다{more}.",
                f"Site {outage.site} is out since {since}{more}.",
            ),
            Text(f"{end}에 끝날 예정입니다.", f"The outage is planned to end at {end}."),
        )
    if failed := sorted(set(world.down) & set(case.nodes())):
        all_names = world.node_names()
        names = ", ".join(all_names[v] for v in failed[:_NAMED]) + (
            f" +{len(failed) - _NAMED}" if failed[_NAMED:] else ""
        )
        row = models.NodeState.objects.filter(node__in=failed).order_by("since_utc_s").first()
        since = _moment(row.since_utc_s) if row is not None else ""
        cause = f" ({row.cause})" if row is not None and row.cause else ""
        return (
            Text(
                f"들어갈 노드가 {since}부터 내려가 있습니다: {names}{cause}.",
                f"Nodes that would hold it are down since {since}: {names}{cause}.",
            ),
            Text("노드가 복구되거나 다른 노드에 자리가 나면 풀립니다.", "Their repair, or room on other nodes, releases it."),
        )  # fmt: skip
    if drained := [s for s in sites if s in world.drained]:
        named = ", ".join(drained)
        return (
            Text(f"사이트 {named}가 비워지는 중이어서 새로 시작하지 않습니다.", f"Site {named} is drained: nothing is started there."),
            Text("운영자가 사이트를 다시 열면 풀립니다.", "It is released when an operator resumes the site."),
        )  # fmt: skip
    mine = set(case.nodes())
    at = next((at for at, v in world.undelivered if v in mine), None)
    when_ko, when = (f" {_moment(at)}에", f" at {_moment(at)}") if at is not None else ("", "")
    return (
        Text("들어갈 노드가 아직 납품되지 않았거나 내려가 있습니다.", "Nodes that would hold it are down, or still to be delivered."),
        Text(f"노드가{when_ko} 올라오면 풀립니다.", f"It is released when they come up{when}."),
    )  # fmt: skip


def _power_cap(case: _Case) -> tuple[Text, Text]:
    fleet, parts_ko, parts = case.world.fleet, [], []
    for i, site in enumerate(fleet.sites):
        if site.id in case.sites():
            cap = case.world.caps.get(site.id)
            cap = site.power_cap_w if cap is None else cap
            left = max(0, int(case.state.sites[i]["headroom"])) // _MICRO
            if cap is not None:
                parts_ko.append(f"{site.id}(상한 {cap:,} W, 여유 {left:,} W)")
                parts.append(f"{site.id} (cap {cap:,} W, {left:,} W left)")
    named_ko, named = ", ".join(parts_ko) or "사이트", ", ".join(parts) or "its sites"
    return (
        Text(f"전력 상한에 걸립니다: {named_ko}.", f"It would break the power cap of {named}."),
        Text(
            "그곳의 작업이 끝나거나 운영자가 상한을 올리면 풀립니다.",
            "The end of jobs there, or a higher cap, releases it.",
        ),
    )


def _reserved(case: _Case) -> tuple[Text, Text]:
    """For whom the place is kept that it would take: the first claim on its nodes that it would run into."""
    state, world = case.state, case.world
    end = case.now - world.zero_utc_s + case.spec.limit_s
    first = None
    for v in case.nodes():
        b = int(state.nodes["booking"][v])
        while b >= 0:
            claim = state.bookings[b]
            if int(claim["owner"]) != case.row and int(claim["start"]) < end and (
                first is None or int(claim["start"]) < first[0]
            ):  # fmt: skip
                first = int(claim["start"]), int(claim["owner"]), v
            b = int(claim["next"])
    release = Text(
        "더 짧은 시간 제한이나 저장점으로 그 전에 끝나는 작업은 먼저 시작할 수 있습니다.",
        "A shorter time limit, so that it ends before, or other room releases it.",
    )
    if first is None:
        return Text("자리가 다른 작업에 약속되어 있습니다.", "Its place is promised to another job."), release
    at = _moment(first[0] + world.zero_utc_s)
    if first[1] < 0:
        site = world.fleet.pools[world.fleet.node_pool()[first[2]]].site
        row = models.Outage.objects.filter(site=site, to_utc_s__gt=case.now).order_by("from_utc_s").first()
        more = f" ({row.reason})" if row is not None and row.reason else ""
        return Text(
            f"시간 제한이 {at}에 시작하는 사이트 {site}의 계획된 작업{more}과 겹칩니다.",
            f"Its time limit runs into the outage of site {site} planned from {at}{more}.",
        ), release
    ko, en = _other(case, first[1])
    return Text(
        f"{ko}에 {at}부터 약속된 자리를 늦추게 됩니다.",
        f"It would delay {en}, to which the place is promised from {at}.",
    ), release


def _order(case: _Case) -> tuple[Text, Text]:
    """The job that goes first: the one that the pass books for, the first in order, or the first of its own class."""
    state = case.state
    firsts = [int(state.g[G_HEAD])]
    classes = [int(state.order[0]["item"])] if state.g[G_ORDERED] > 0 else []
    for c in [*classes, int(state.job_class[case.row])]:
        if state.classes[c]["head"] >= 0:
            firsts.append(int(state.job_at[state.classes[c]["base"] + state.classes[c]["head"]]))
    before = next((r for r in firsts if r >= 0 and r != case.row), None)
    ko, en = _other(case, before) if before is not None else ("앞선 작업", "an earlier job")
    return (
        Text(f"순서에서 앞선 {ko}이(가) 먼저 시작합니다.", f"There is room, but {en} goes first."),
        Text("그 작업이 시작하거나 끝나면 차례가 옵니다.", "Its turn comes when that one has started or is gone."),
    )


def _no_room(case: _Case) -> tuple[Text, Text]:
    fleet, state = case.world.fleet, case.state
    nodes, pool_of = case.nodes(), fleet.node_pool()
    free: dict[str, int] = {}
    most = 0
    for v in nodes:
        here = int(state.nodes["free"][v]) if state.nodes["up"][v] else 0
        model = fleet.pools[pool_of[v]].model
        free[model] = free.get(model, 0) + here
        most = max(most, here)
    release = _next_end(case)
    if not case.spec.accelerators:
        return Text(
            "코어나 메모리가 충분히 빈 노드가 없습니다.", "No node has enough free cores and memory for it."
        ), release
    whole = case.job.kind == JobKind.LEASE
    asked = f"{case.spec.accelerators}" + (
        "" if case.spec.share_milli == MILLI else f" x {case.spec.share_milli / MILLI:g}"
    )
    now = ", ".join(f"{model} {count}" for model, count in sorted(free.items()))
    return (
        Text(
            f"가속기 {asked}개를 요청했지만 온전히 빈 것은 {now}개이고 한 노드에는 많아야 {most}개입니다.",
            f"It asks for {asked} accelerators{' in whole nodes' * whole}; wholly free now: {now}, at most {most} on one node.",
        ),
        release,
    )


def _next_end(case: _Case) -> Text:
    pools = {case.world.fleet.pools[p].id for p in case.pools()}
    ends = [(t.run_utc_s or t.start_utc_s) + t.limit_s for t in case.world.tries.values() if t.pool in pools]
    if not ends:
        return Text("그곳의 노드가 비면 풀립니다.", "It is released when such nodes come free.")
    at = _moment(max(case.now, min(ends)))
    return Text(
        f"그곳의 작업이 끝나면 풀리며, 다음 작업은 늦어도 {at}에 끝납니다.",
        f"The end of jobs there releases it; the next ends at {at} at the latest.",
    )


_WORDS: Final[dict[Refusal, Callable[[_Case], tuple[Text, Text]]]] = {
    Refusal.NOT_YET: _not_yet,
    Refusal.BUDGET: _budget,
    Refusal.PROJECT_LIMIT: _project_limit,
    Refusal.NODES_DOWN: _nodes_down,
    Refusal.POWER_CAP: _power_cap,
    Refusal.RESERVED: _reserved,
    Refusal.ORDER: _order,
    Refusal.NO_ROOM: _no_room,
}


def _other(case: _Case, row: int) -> tuple[str, str]:
    """Another job, as the asker may know it."""
    seq = case.world.seq_of[row]
    found = models.Job.objects.filter(seq=seq).values_list("project", "kind").first()
    if found is None:
        return "다른 작업", "another job"
    project, kind = found
    lease = kind == JobKind.LEASE
    if case.actor.sees(Action.READ_JOB, project=project):
        return (f"임대 {seq}", f"lease {seq}") if lease else (f"작업 {seq}", f"job {seq}")
    return ("다른 과제의 임대", "another project's lease") if lease else ("다른 과제의 작업", "another project's job")


def _moment(utc_s: int) -> str:
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M} UTC"
