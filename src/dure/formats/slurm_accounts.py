"""Projects, members and balances of a centre that runs Slurm: the file of `sacctmgr dump` and the usage of `sacct`.

In the dump, `Parent - 'a'` says whose children follow, `Account - 'b':Key=value:...` is an account, `User - 'c':...` a user
of the parent. Grants are the limits in time (`GrpTRESMins`), which Slurm counts in minutes of each resource. Source: Slurm
documentation, sacctmgr(1), "Flat file dump and load"; sacct(1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO, Final

from dure.errors import InputError, InputErrors
from dure.fleet.checks import nearest
from dure.formats import toml
from dure.formats.coldfront import ImportedProject, short_name
from dure.formats.rows import Row, read_rows
from dure.programme.model import Member
from dure.units import HOUR_S

_LINE: Final = re.compile(r"(Cluster|Parent|Account|User|QOS)\s*-\s*'([^']+)'\s*:?(.*)")
# A value may hold colons (`gres/gpu:h100=60`), so an option ends only where another begins.
_OPTION: Final = re.compile(r"([A-Z][A-Za-z]*)[+-]?=('[^']*'|.*?)(?::(?=[A-Z][A-Za-z]*[+-]?=)|:?$)")
_MINUTES_AN_HOUR: Final = 60

Options = dict[str, str]


def read_slurm_accounts(
    stream: BinaryIO,
    name: str,
    rates: Mapping[str, int],
    spent: Mapping[str, int] | None = None,
    *,
    skip_bad: bool = False,
) -> tuple[list[ImportedProject], list[InputError]]:
    """Accounts with users or limits in time as projects, and the faults of lines that were skipped.

    `rates` says what an hour of a trackable resource is worth in milli-units, as {"gres/gpu": 12200} or, by type,
    {"gres/gpu:h100": 12200}; `spent` is what `read_slurm_usage` gave. An account without a limit in time of any of these
    has granted None. Raises InputErrors for bad lines unless `skip_bad`.
    """
    faults: list[InputError] = []
    accounts: dict[str, ImportedProject] = {}
    members: dict[str, dict[str, Member]] = {}
    parent, named = "root", {"root"}
    for line, text in enumerate(toml.read_text(stream, name).split("\n"), 1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            kind, who, options = _parse(text.strip())
            if kind == "Parent":
                parent = who
                if who not in named:
                    raise InputError(
                        "no such account above", field="Parent", value=who, accepted=nearest(who, accounts)
                    )
            elif kind == "Account" and who != "root":
                named.add(who)  # even if at fault: one mistake, one message
                accounts[who] = _account(who, options, rates, (spent or {}).get(who, 0), line, accounts)
            elif kind == "User" and parent != "root":
                coordinates = parent in options.get("Coordinator", "").split(",")
                members.setdefault(parent, {})[who] = Member(who, "co-pi" if coordinates else "member")
        except InputError as e:
            where = {"source": name, "field": e.field, "accepted": e.accepted}
            faults.append(InputError(e.message, **where, line=line, value=e.value))
    if faults and not skip_bad:
        raise InputErrors(faults)
    people = {who: tuple(members.get(who, {}).values()) for who in accounts}
    found = [
        replace(p, members=people[who]) for who, p in accounts.items() if people[who] or p.granted_milli is not None
    ]
    return found, faults


def read_slurm_usage(
    stream: BinaryIO, name: str, rates: Mapping[str, int], *, skip_bad: bool = False
) -> tuple[dict[str, int], list[InputError]]:
    """Milli-units used by account, rounded up once for each, and the faults of rows that were skipped.

    From `sacct --allusers --allocations --parsable2 --format=JobID,Account,ElapsedRaw,AllocTRES`. Job steps are skipped.
    """

    def parse(row: Row) -> tuple[str, int]:
        seconds, tres = row.read("ElapsedRaw", _seconds, 0), row.read("AllocTRES", _tres, {})
        step = "." in row.cells.get("JobID", "")
        return row.cells["Account"], 0 if step else seconds * _worth(tres, rates)

    columns = ("Account", "ElapsedRaw", "AllocTRES")
    rows, faults = read_rows(
        stream, name, parse, columns=columns, required=columns, delimiter="|", others=True, skip_bad=skip_bad
    )
    used: dict[str, int] = {}
    for account, milli_unit_seconds in rows:
        used[account] = used.get(account, 0) + milli_unit_seconds
    return {account: -(-amount // HOUR_S) for account, amount in used.items()}, faults


def _parse(text: str) -> tuple[str, str, Options]:
    """Kind, name and options of a line. Raises InputError."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise InputError(
            "not a line of a dump", value=text, accepted="Account - 'name':Key=value:... (or User, Parent)"
        )
    options: Options = {}
    at = found.start(3)
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None:
            raise InputError("not an option", field=found[2], value=text[at:], accepted="Key=value, or Key='a text'")
        options[option[1]] = option[2].strip("'")
        at = option.end()
    return found[1], found[2], options


def _account(
    who: str, options: Options, rates: Mapping[str, int], spent: int, line: int, others: Mapping[str, ImportedProject]
) -> ImportedProject:
    short = short_name(who)
    if not short or short in [p.project for p in others.values()]:
        raise InputError(
            "no short name, or one taken", field="Account", value=who, accepted="2 to 40 of a-z, 0-9 and -"
        )
    try:
        minutes = {n: v for n, v in _tres(options.get("GrpTRESMins", "")).items() if n in rates}
        limits = _tres(options.get("GrpTRES", ""))
    except toml.Wrong as wrong:
        given = options.get("GrpTRESMins", "") + " " + options.get("GrpTRES", "")
        raise InputError(
            "wrong limit", field="GrpTRESMins, GrpTRES", value=given.strip(), accepted=str(wrong)
        ) from None
    granted = _worth(minutes, rates) // _MINUTES_AN_HOUR if minutes else None
    return ImportedProject(short, options.get("Description", who), (), granted, spent, limits, line)


def _worth(counts: Mapping[str, int], rates: Mapping[str, int]) -> int:
    """Counts of resources by their rates. Where a resource is counted by type too, its own count is their sum: left out."""
    rated = {name for name in counts if name in rates}
    typed = {name.partition(":")[0] for name in rated if ":" in name}
    return sum(counts[name] * rates[name] for name in rated - typed)


def _tres(text: str) -> dict[str, int]:
    """`cpu=8,gres/gpu:h100=2,mem=64G` by name; memory, which is not counted, and limits taken back (-1) are left out."""
    counts = {}
    for part in filter(None, text.split(",")):
        name, _, count = part.rpartition("=")
        if not name or not (count.isascii() and re.fullmatch(r"-1|\d{1,15}(\.\d+)?[KMGTP]?n?c?", count)):
            raise toml.Wrong("resources with their counts, as cpu=8,gres/gpu=2")
        if count.isdecimal():
            counts[name] = int(count)
    return counts


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise toml.Wrong("whole seconds")
    return int(text)
