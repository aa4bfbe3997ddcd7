"""Declarations for research security, from TOML: the fields of `governance.screening.Declaration`, every fault with its line."""

from __future__ import annotations

from typing import Any, BinaryIO, get_args

from dure.formats import toml
from dure.governance import screening
from dure.governance.screening import Affiliation, AreaClaim, Declaration, ExportLicence, Partner, Person

_TABLES: dict[str, tuple[str, type]] = {
    "areas": ("area", AreaClaim), "persons": ("person", Person), "partners": ("partner", Partner),
}  # fmt: skip


_PARSERS: dict[str, toml.Parser] = {
    "str": toml.text_value,
    "s": toml.date_utc_s,
    "tuple[str, ...]": toml.list_of(toml.text_value, 'a list of texts, as ["KR", "CA"]'),
    "tuple[Affiliation, ...]": lambda raw: raw,
    "ExportLicence": lambda raw: raw,
    **{name: toml.one_of(get_args(getattr(screening, name))) for name in ("Answer", "EndUse", "Approval", "Tie")},
}


def declaration_keys() -> dict[str, dict[str, toml.Key]]:
    """The keys of a declaration's file by table; "" is the top of the file."""
    tables = {"affiliation": Affiliation, "export_licence": ExportLicence, **dict(_TABLES.values())}
    whole = toml.keys_of(Declaration, _PARSERS | {field: lambda raw: raw for field in _TABLES})
    return {
        "": {_TABLES[n][0] if n in _TABLES else n: key for n, key in whole.items()},
        **{name: _keys(entity) for name, entity in tables.items()},
    }


def _keys(entity: type) -> dict[str, toml.Key]:
    found = {name.removesuffix("_utc"): key for name, key in toml.keys_of(entity, _PARSERS).items()}
    return {"affiliation" if name == "affiliations" else name: key for name, key in found.items()}


def read_declaration(stream: BinaryIO, name: str) -> Declaration:
    """A declaration from TOML: `[[area]]`, `[[person]]` with `[[person.affiliation]]`, `[[partner]]`, `[export_licence]`.

    Dates without a time are the first moment of that day, UTC. Raises InputErrors with every fault and its line.
    """
    file = toml.TomlFile(stream, name)
    keys = declaration_keys()
    got = file.record((), file.values, keys[""])
    for field, (table, entity) in _TABLES.items():
        got[field] = tuple(
            entity(**_ties(file, (table, n), file.record((table, n), raw, keys[table]), keys["affiliation"]))
            for n, raw in enumerate(file.tables(table))
        )
    if got.get("export_licence") is not None:
        got["export_licence"] = ExportLicence(
            **file.record(("export_licence",), got["export_licence"], keys["export_licence"])
        )
    file.finish()
    declaration = Declaration(**got)
    spelt = {"areas": "area", "persons": "person", "partners": "partner", "affiliations": "affiliation"}
    for path, value, accepted in screening.faults(declaration):
        file.fault_once(
            tuple(spelt.get(p, p) if isinstance(p, str) else p for p in path), "wrong value", value, accepted
        )
    file.finish()
    return declaration


def _ties(file: toml.TomlFile, path: toml.Path, got: dict[str, Any], keys: dict[str, toml.Key]) -> dict[str, Any]:
    """The fields of a person, with the affiliations read; others as they are."""
    if "affiliations" in got:
        raws = got["affiliations"]
        if not isinstance(raws, list):
            file.fault((*path, "affiliation"), "is not a list of tables", raws, "[[person.affiliation]]")
            raws = []
        places = ((*path, "affiliation", n) for n in range(len(raws)))
        got["affiliations"] = tuple(
            Affiliation(**file.record(p, raw, keys)) for p, raw in zip(places, raws, strict=True)
        )
    return got
