"""The verifier against everything that somebody with the export, the database or even the key could do to a log."""

from __future__ import annotations

import ast
import io
import json
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.audit import verify as module
from dure.audit.notes import Key, Signer, note, sign, split_note
from dure.audit.verify import Result, verify
from tests.audit.exports import (
    AT,
    CANADA,
    KOREA,
    LOG,
    THIEF,
    checkpoints,
    export,
    hashes,
    head,
    lines,
)

COUNT = 100
SIZES = (10, 40, 75, COUNT)
ENTRIES = lines(COUNT)
HEADS = checkpoints(ENTRIES, SIZES)
LEAVES = b"".join(hashes(ENTRIES))
KEYS = [str(LOG.key)]
WITNESSES = [str(CANADA.key), str(KOREA.key)]


def floor(index: int) -> int:
    """The last checkpoint that still holds where entry `index` is the first bad one."""
    return max(size for size in (0, *SIZES) if size <= index)


def refused(result: Result, first_bad: int | None, problem: str) -> None:
    assert (result.ok, result.first_bad) == (False, first_bad), result
    assert problem in result.problem


def changed(index: int) -> bytes:
    """Entry `index`, telling another story under the same number and time."""
    return ENTRIES[index].replace(b"allowed", b"refused")


def test_a_sound_log_is_sound() -> None:
    parts: list[float] = []
    found = verify(export(ENTRIES, HEADS), KEYS, heads=[HEADS[40], HEADS[100]], advance=parts.append)
    assert found == Result(True, COUNT, COUNT, None, "", ())
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    assert verify(export([], checkpoints([], [0])), KEYS).ok


@pytest.mark.parametrize("index", [0, 1, 9, 10, 39, 74, 75, 99])
@pytest.mark.parametrize("hidden", [False, True], ids=["hashes as recorded", "hashes made to fit"])
def test_an_entry_edited(index: int, hidden: bool) -> None:
    entries = [*ENTRIES[:index], changed(index), *ENTRIES[index + 1 :]]
    leaves = b"".join(hashes(entries)) if hidden else LEAVES
    found = verify(export(entries, HEADS, leaves), KEYS)
    refused(found, floor(index) if hidden else index, f"checkpoint {min(s for s in SIZES if s > index)} is not met")


@pytest.mark.parametrize("index", [0, 12, 98])
@pytest.mark.parametrize("leaves", [LEAVES, None], ids=["hashes as recorded", "hashes made to fit"])
def test_an_entry_deleted(index: int, leaves: bytes | None) -> None:
    entries = [*ENTRIES[:index], *ENTRIES[index + 1 :]]
    refused(verify(export(entries, HEADS, leaves), KEYS), index, f"entry {index} is not an entry of that number")


def test_an_entry_deleted_and_those_behind_it_counted_anew() -> None:
    entries = [
        *ENTRIES[:50],
        *[line.replace(b'"seq":%d}' % i, b'"seq":%d}' % (i - 1)) for i, line in enumerate(ENTRIES)][51:],
    ]
    refused(verify(export(entries, HEADS, LEAVES), KEYS), 50, "checkpoint 75 is not met")
    refused(verify(export(entries, HEADS), KEYS), 40, "of entries 40 to 74")


def test_two_entries_in_each_others_place() -> None:
    entries = [*ENTRIES[:20], ENTRIES[21], ENTRIES[20], *ENTRIES[22:]]
    refused(verify(export(entries, HEADS, LEAVES), KEYS), 20, "entry 20")
    refused(verify(export(entries, HEADS), KEYS), 20, "entry 20")


@pytest.mark.parametrize("left", [0, 74, 75, 99])
def test_a_tail_cut_off_under_its_checkpoint(left: int) -> None:
    refused(verify(export(ENTRIES[:left], HEADS), KEYS), left, "its tail is cut off")


def test_a_tail_cut_off_with_its_checkpoint_is_seen_by_whoever_holds_a_head() -> None:
    cut = export(ENTRIES[:75], {size: HEADS[size] for size in SIZES[:3]})
    assert verify(cut, KEYS).ok  # which is why a head should be held by others
    assert verify(cut, KEYS, heads=[HEADS[75]]).ok
    refused(verify(cut, KEYS, heads=[HEADS[100]]), 75, "is over 100 entries, the export has 75")


def test_entries_behind_the_newest_checkpoint() -> None:
    refused(verify(export(lines(COUNT + 1), HEADS), KEYS), COUNT, "from 100 on stand under no checkpoint")
    older = {size: HEADS[size] for size in SIZES[:3]}
    refused(verify(export(ENTRIES, older), KEYS), 75, "from 75 on")
    refused(verify(export(ENTRIES, older), KEYS, heads=[HEADS[100]]), 75, "from 75 on")
    refused(verify(export(ENTRIES, {}), KEYS), 0, "there is no checkpoint")


def test_the_whole_log_rewritten_by_who_has_no_key() -> None:
    entries = lines(COUNT, "refused")
    refused(verify(export(entries, HEADS), KEYS), 0, "checkpoint 10 is not met")
    refused(
        verify(export(entries, checkpoints(entries, SIZES, [THIEF])), KEYS), 0, "not signed by a key of the programme"
    )


@pytest.mark.parametrize(("start", "first_bad"), [(0, 0), (39, 0), (40, 40), (99, 75)])
def test_the_log_rewritten_by_who_has_the_key_is_seen_by_whoever_holds_a_head(start: int, first_bad: int) -> None:
    entries = ENTRIES[:start] + lines(COUNT, "refused", start)
    rewritten = export(entries, checkpoints(entries, SIZES))
    assert verify(rewritten, KEYS).ok
    held = [HEADS[size] for size in (100, 40, 75)]
    size = min(s for s in (40, 75, 100) if s > start)
    refused(
        verify(rewritten, KEYS, heads=held),
        first_bad,
        f"a head given, of size {size}, is not met: of entries {first_bad}",
    )


def test_a_fork_shown_to_two_witnesses() -> None:
    other = ENTRIES[:60] + lines(COUNT, "refused", 60)
    seen = {CANADA: head(ENTRIES, COUNT, [LOG, CANADA]), KOREA: head(other, COUNT, [LOG, KOREA])}
    for entries, witness in ((ENTRIES, CANADA), (other, KOREA)):
        shown = export(entries, {40: HEADS[40], COUNT: seen[witness]})
        found = verify(shown, KEYS, witnesses=[str(witness.key)], heads=[seen[witness]])
        assert (found.ok, found.cosigned) == (True, (witness.key.name,))
        refused(verify(shown, KEYS, heads=[HEADS[40], *seen.values()]), 40, "a head given, of size 100, is not met")


@pytest.mark.parametrize("size", SIZES)
def test_a_checkpoint_signed_with_another_key(size: int) -> None:
    forged = {**HEADS, size: head(ENTRIES, size, [THIEF])}
    before = max(s for s in (0, *SIZES) if s < size)
    refused(verify(export(ENTRIES, forged), KEYS), before, f"checkpoint {size} is not signed by a key of the programme")
    assert verify(
        export(ENTRIES, forged), [*KEYS, str(THIEF.key)]
    ).ok  # a key that came after the first: both are given


def split_line(text: str) -> str:
    return text.split("\n\n")[1]


def test_a_signature_moved_from_another_checkpoint() -> None:
    moved = {**HEADS, 75: HEADS[75].replace(split_line(HEADS[75]), split_line(HEADS[40]))}
    refused(
        verify(export(ENTRIES, moved), KEYS),
        40,
        "checkpoint 75 has a signature of audit.example/log that does not verify",
    )
    refused(verify(export(ENTRIES, {**HEADS, 75: HEADS[40]}), KEYS), 40, "checkpoint 75 is one of size 40")
    refused(verify(export(ENTRIES, {**HEADS, 75: "gone\n"}), KEYS), 40, "checkpoint 75 is not a signed head")
    only = head(ENTRIES, 75, [CANADA])
    refused(verify(export(ENTRIES, {**HEADS, 75: only}), KEYS), 40, "not signed by a key of the programme")


def test_a_clock_that_steps_back() -> None:
    entries = [*ENTRIES[:33], ENTRIES[33].replace(str(AT + 3).encode(), str(AT + 2).encode()), *ENTRIES[34:]]
    signed = checkpoints(entries, SIZES)
    refused(verify(export(entries, signed), KEYS), 34 - 1, f"entry 33 goes back in time, from {AT + 3} to {AT + 2}")
    later = [*ENTRIES[:33], ENTRIES[33].replace(str(AT + 3).encode(), str(AT + 90).encode()), *ENTRIES[34:]]
    refused(verify(export(later, HEADS, LEAVES), KEYS), 33, "entry 34 goes back in time")


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"null", b"\xff", b'{"about":"a","at":1,"body":{},"kind":"k","seq":7}', ENTRIES[6], b" " + ENTRIES[7],
     ENTRIES[7] + b" ", ENTRIES[7].replace(b'"seq":7', b'"seq":07'), ENTRIES[7].replace(b'"at":', b'"at":1e9'),
     ENTRIES[7].replace(b'"seq":7', b'"seq":7.0')],
)  # fmt: skip
def test_what_is_no_entry(line: bytes) -> None:
    entries = [*ENTRIES[:7], line, *ENTRIES[8:]]
    refused(verify(export(entries, checkpoints(entries, SIZES)), KEYS), 7, "entry 7")


def test_the_recorded_hashes_are_a_hint_and_no_more() -> None:
    for leaves in (b"", LEAVES[:-1], bytes(len(LEAVES)), LEAVES + LEAVES):
        assert verify(export(ENTRIES, HEADS, leaves), KEYS).ok
    entries = [*ENTRIES[:50], changed(50), *ENTRIES[51:]]
    lying = LEAVES[: 32 * 5] + bytes(32) + LEAVES[32 * 6 :]  # points at entry 5, which a checkpoint has proven
    refused(verify(export(entries, HEADS, lying), KEYS), 50, "checkpoint 75 is not met")


def test_witnesses() -> None:
    def asked(*by: Signer, least: int | None = None) -> Result:
        last = head(ENTRIES, COUNT, [LOG, *by])
        return verify(export(ENTRIES, {**HEADS, COUNT: last}), KEYS, witnesses=WITNESSES, least=least)

    assert asked(CANADA, KOREA).cosigned == (CANADA.key.name, KOREA.key.name)
    assert asked(CANADA, KOREA).ok
    refused(asked(CANADA), None, "1 of the witnesses cosigned the newest checkpoint, not 2")
    assert asked(CANADA, least=1).ok
    assert asked(least=0).ok
    refused(asked(CANADA, CANADA), None, "1 of the witnesses")
    alias = Key("witness.example/other", 4, CANADA.key.public)
    last = head(ENTRIES, COUNT, [LOG, CANADA, Signer(alias, CANADA.seed)])
    found = verify(export(ENTRIES, {COUNT: last}), KEYS, witnesses=[str(CANADA.key), str(alias)], least=2)
    refused(found, None, "1 of the witnesses")  # two names, one key
    older = {**HEADS, 75: head(ENTRIES, 75, [LOG, CANADA, KOREA])}
    refused(verify(export(ENTRIES, older), KEYS, witnesses=WITNESSES), None, "0 of the witnesses")
    spoilt = split_note(head(ENTRIES, COUNT, [LOG]))[0]
    wrong = note(spoilt, [sign(spoilt, LOG), split_line(head(ENTRIES, 75, [CANADA]))])
    found = verify(export(ENTRIES, {**HEADS, COUNT: wrong}), KEYS, witnesses=WITNESSES, least=0)
    refused(found, 75, "has a signature of witness.example/ca that does not verify")


def test_a_head_that_is_not_of_this_log() -> None:
    elsewhere = head(ENTRIES, 40, origin="audit.example/other")
    refused(verify(export(ENTRIES, HEADS), KEYS, heads=[elsewhere]), None, "is of another log, audit.example/other")
    refused(verify(export(ENTRIES, {**HEADS, 40: elsewhere}), KEYS), 10, "is of another log")
    refused(verify(export(ENTRIES, HEADS), KEYS, heads=[head(ENTRIES, 40, [THIEF])]), None, "not signed by a key")
    refused(verify(export(ENTRIES, HEADS), KEYS, heads=["\ud800"]), None, "is not a signed head")


@pytest.mark.parametrize(
    "key", ["", "x", str(CANADA.key), str(LOG.key)[:-1], str(LOG.key).replace("+", "-"), "a+00000000+"]
)
def test_no_key_no_verdict(key: str) -> None:
    with pytest.raises(ValueError, match="not a public key"):
        verify(export(ENTRIES, HEADS), [key])


def test_what_is_no_export() -> None:
    sound = export(ENTRIES, HEADS).getvalue()
    spoilt = [b"", b"text", sound[: len(sound) // 2]]
    spoilt += [export(ENTRIES, HEADS, members=m).getvalue() for m in (
        {"format": "dure audit export 2\n"}, {"more": b""}, {"checkpoints/7": HEADS[10]}, {"checkpoints/00000000001０": b""},
        {"entries.jsonl": b"\n".join(ENTRIES)}, {"entries.jsonl": ENTRIES[0] + b"\n" + b"x" * 2**21},
    )]  # fmt: skip
    for raw in spoilt:
        with pytest.raises(ValueError, match="not an export"):
            verify(io.BytesIO(raw), KEYS)
    twice = io.BytesIO(sound)
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("leaves", b"")
    with pytest.raises(ValueError, match="not an export"):
        verify(twice, KEYS)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_byte_of_the_file_changed_is_a_no_an_error_or_nothing_that_counts(at: int, change: int) -> None:
    raw = bytearray(SOUND)
    raw[at % len(raw)] ^= change
    try:
        found = verify(io.BytesIO(raw), KEYS)
    except ValueError:
        return
    assert not found.ok or found == verify(io.BytesIO(SOUND), KEYS)


SOUND = export(ENTRIES, HEADS).getvalue()


def test_a_bomb_does_not_go_off() -> None:
    """What no known key signed is not read, nor is a line without an end kept."""
    assert verify(export(ENTRIES, {COUNT: head(ENTRIES, COUNT, [THIEF])}), KEYS).entries == 0
    many = b"".join(lines(COUNT)) + b"\n"
    bombs = [
        export(ENTRIES, {10**11: head(ENTRIES, COUNT, [THIEF])}, members={"entries.jsonl": many * 200}),
        export(ENTRIES, HEADS, members={"entries.jsonl": bytes(2**26)}),
        export(ENTRIES, HEADS, members={"entries.jsonl": b"\n" * 2**25}),
        export(ENTRIES, {100: "x" * 2**26}),
    ]
    for bomb in bombs:
        tracemalloc.start()
        with suppress(ValueError):
            assert not verify(bomb, KEYS).ok
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 24 * 2**20


def test_it_stands_alone(tmp_path: Path) -> None:
    """Copied out, it runs with nothing of Dure in reach, and says yes with 0, no with 1, nonsense with 2."""
    source = Path(module.__file__)
    imports = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]  # type: ignore[union-attr]
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imports - sys.stdlib_module_names - {"__future__"} == {"cryptography"}
    shutil.copy(source, tmp_path / "verify.py")
    (tmp_path / "p.pub").write_text(f"{LOG.key}\n")
    (tmp_path / "w.pub").write_text("\n".join(WITNESSES))
    (tmp_path / "head").write_text(HEADS[75])
    (tmp_path / "yes").write_bytes(export(ENTRIES, {**HEADS, COUNT: head(ENTRIES, COUNT, [LOG, CANADA])}).getvalue())
    (tmp_path / "no").write_bytes(export([*ENTRIES[:50], changed(50), *ENTRIES[51:]], HEADS, LEAVES).getvalue())

    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-I", "verify.py", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    sure = ("--key", "p.pub", "--witness", "w.pub", "--least", "1", "--head", "head")
    assert run("yes", *sure) == (0, "yes: 100 entries, cosigned by witness.example/ca\n")
    code, said = run("no", *sure)
    assert (code, said.endswith("first bad entry: 50\n")) == (1, True)
    assert run("p.pub", *sure)[0] == 2


def test_numbers_and_times_are_those_of_the_json() -> None:
    """They are read by place: which is where a canonical entry has them, whatever its words."""
    for word in ('"', '\\","at":5,"body":{', "\\", '","seq":3}', "두레\U0001f600", '},"kind":"x","seq":9}'):
        entries = [line for i in range(12) for line in [entry_about(i, word)]]
        assert all(json.loads(line)["seq"] == i for i, line in enumerate(entries))
        assert verify(export(entries, checkpoints(entries, [12])), KEYS).ok
        back = [*entries[:5], entry_about(5, word, -1), *entries[6:]]
        refused(verify(export(back, checkpoints(back, [12])), KEYS), 5, "entry 5 goes back in time")


def entry_about(index: int, word: str, at: int = 0) -> bytes:
    from dure.audit.canonical import entry

    return entry(index, AT + at, word, word, {word: [word, {"at": 1, "seq": 2}]})
