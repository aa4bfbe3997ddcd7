"""Lists that applications are screened against, from CSV: `code,name` or `ror,name`, more names after it in `also`.

A file is one whole edition of a list: a faulty row refuses all of it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
from typing import BinaryIO, Final, get_args

from dure.errors import InputError
from dure.fleet.checks import nearest
from dure.formats.rows import Row, names, read_rows
from dure.formats.streams import Limits, read_bytes
from dure.formats.toml import Wrong
from dure.governance.screening import NONE_OF_IT, Edition, Listed, ListKind, normalised, ror_id

KINDS: Final = get_args(ListKind)
LIMITS: Final = Limits(max_bytes=16 << 20)  # the longest list in use, of all sanctioned parties, has some 10^4 entries
MAX_ENTRIES: Final = 100_000
MAX_NAMES: Final = 100
_NAME = re.compile(r"[\w][\w .:/+-]{0,59}")
_CODE = re.compile(r"[^\s;][^;\n]{0,99}")
_ROR = re.compile(r"0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")


def read_watchlist(stream: BinaryIO, name: str, *, list: str, kind: str, dated: str, source: str) -> Edition:
    """An edition from CSV. Columns: `code` of an area, or `ror` of an organisation (may be blank); `name`; and `also`, more
    names joined by semicolons. Raises InputErrors with every faulty row by line; nothing is taken then.
    """
    _check(list, kind, dated, source)
    data = read_bytes(stream, name, LIMITS)
    key = "code" if kind == "areas" else "ror"
    seen: dict[str, int] = {}

    def parse(row: Row) -> Listed:
        code = row.read(key, _area_code if kind == "areas" else _organisation_id, "")
        entry = Listed(code, tuple(row.read("name", _names, ())) + tuple(row.read("also", _all_names, ())))
        if not entry.names and ("name",) not in row.faults:
            row.fault(("name",), "is blank", accepted="a name")
        if kind == "areas" and not code and (key,) not in row.faults:
            row.fault((key,), "is blank", accepted="the code of the area")
        if code and code in seen:
            row.fault((key,), f"stands on line {seen[code]} already", code, "every entry once")
        seen.setdefault(code, row.line)
        return entry

    entries, _ = read_rows(io.BytesIO(data), name, parse, columns=(key, "name", "also"), required=(key, "name"))
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise InputError("wrong number of entries", source=name, value=len(entries), accepted=f"1 to {MAX_ENTRIES:,}")
    return Edition(list, kind, dated, source, hashlib.sha256(data).hexdigest(), tuple(entries))  # type: ignore[arg-type]


def _check(list: str, kind: str, dated: str, source: str) -> None:
    if not _NAME.fullmatch(list):
        raise InputError(
            "not a name of a list", field="list", value=list, accepted="up to 60 letters, digits and .:/+-"
        )
    if kind not in KINDS:
        raise InputError("no such kind of list", field="kind", value=kind, accepted=nearest(kind, KINDS))
    try:
        dt.date.fromisoformat(dated)
    except ValueError:
        dated = ""
    if len(dated) != len("2026-11-22"):
        raise InputError("not a date", field="dated", value=dated, accepted="the day of the edition, as 2026-11-22")
    if not 1 <= len(source) <= 300:
        raise InputError(
            "a list has a source", field="source", value=source, accepted="where it is published, up to 300"
        )


def _area_code(text: str) -> str:
    if not _CODE.fullmatch(text) or text == NONE_OF_IT:
        raise Wrong(f"up to 100 characters, none of them a semicolon, and not the word {NONE_OF_IT}")
    return text


def _organisation_id(text: str) -> str:
    found = ror_id(text)
    if not _ROR.fullmatch(found):
        raise Wrong("a ROR id as https://ror.org/05a0ya142; blank where the organisation has none")
    return found


def _names(text: str) -> tuple[str, ...]:
    if not normalised(text) or len(text) > 300:
        raise Wrong("a name with letters or digits, up to 300 characters")
    return (text.strip(),)


def _all_names(text: str) -> tuple[str, ...]:
    found = names(text)
    if len(found) > MAX_NAMES:
        raise Wrong(f"at most {MAX_NAMES} names")
    return tuple(_names(n)[0] for n in found)
