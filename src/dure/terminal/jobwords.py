"""Words beside jobs on the command line: labels in Korean, and what a person does next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dure.errors import InputError

if TYPE_CHECKING:
    from dure.app.access import Actor
    from dure.reports.table import Table
    from dure.vocabulary import Refusal
    from dure.workload.spec import JobSpec

_LABELS: Final = {
    "job": "작업", "project": "과제", "rules": "규칙", "why": "이유", "costs at most": "최대 비용", "units left": "남은 유닛",
    "may run in": "실행 가능한 풀", "starts": "시작 예상", "started": "시작", "at the latest": "늦어도", "reason": "사유",
    "until": "해제 조건", "estimates that held": "맞은 예상", "of": "전체", "user": "사용자", "kind": "종류", "name": "이름",
    "state": "상태", "refusal": "사유", "wish": "요청", "accelerators": "가속기", "models": "모델", "limit": "시간 제한",
    "submitted": "제출", "ended": "종료", "attempts": "시도", "saved": "저장된 작업", "failure": "원인", "exit code": "종료 코드",
    "scavenges": "무과금", "service": "서비스", "attempt": "시도", "pool": "풀", "nodes": "노드", "desired": "지시",
    "observed": "관측", "began": "실행", "end": "종료", "ended by": "종료 사건", "cause": "설명", "event": "사건", "at": "시각",
}  # fmt: skip
_TITLES: Final = {"Attempts": "시도", "What happened": "경과"}
NOT_SOON: Final = "not within 30 days, or held"


def labelled(tables: Sequence[Table], language: str) -> list[Table]:
    """The tables with labels in a language; keys, and so JSON and CSV, are the same in all."""
    if language != "ko":
        return list(tables)
    return [
        replace(
            t,
            title=_TITLES.get(t.title, t.title),
            columns=tuple(replace(c, label=_LABELS.get(c.label, c.label)) for c in t.columns),
        )
        for t in tables
    ]


def next_step(kind: str, seq: int) -> str:
    """What somebody does next with a job that was just submitted."""
    return "next: " + {
        "interactive": f"dure open {seq}, once it runs (dure status {seq})",
        "service": f"dure service list, dure open {seq}",
        "lease": "dure lease list",
    }.get(kind, f"dure status {seq}, dure logs -f {seq}")


def a_command(words: Iterable[str]) -> str:
    """How a command is submitted."""
    from shlex import join

    return f"`dure submit -- {join(words)}`"


def of_own_project(actor: Actor, spec: JobSpec) -> JobSpec:
    """The job with the project that pays: one's own, if only one. Raises Forbidden, InputError."""
    from dure.app.access import Forbidden

    if not actor.belongs:
        raise Forbidden(f"submit job: {actor.user} is in no project; be a member of one: `dure --as USER`, $DURE_USER")
    if spec.project:
        return spec
    if len(actor.belongs) > 1:
        raise InputError("which project pays?", field="project", accepted=f"one of {', '.join(sorted(actor.belongs))}")
    return replace(spec, project=min(actor.belongs))


def instead(refusal: Refusal) -> str:
    """What would do instead of a job that is refused for this; "": the refusal says it all."""
    from dure.app.programme import fleet_of_programme
    from dure.vocabulary import Refusal

    pools = [p for p in fleet_of_programme().pools if p.model]
    match refusal:
        case Refusal.NO_SUCH_MODEL:
            return f"the fleet has {', '.join(sorted({p.model for p in pools if p.model}))}; some only infer"
        case Refusal.NEVER_FITS:
            return "`dure fleet show` says what a pool and a node of it hold"
        case Refusal.RULES:
            return "the programme's office can say what to do about it; `dure rules list` has all rules"
        case _:
            return ""
