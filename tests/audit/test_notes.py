"""Notes and keys against the figures of Go's own tests (golang.org/x/mod, sumdb/note/note_test.go), and spoilt in each way."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.audit.notes import COSIGNATURE, Checkpoint, Key, Signer, cosign, note, open_note, sign, split_note
from dure.errors import InputError

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
ENOCH_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ="

LOG = Signer.from_seed("audit.example/log", b"\x01" * 32)
OTHER = Signer.from_seed("audit.example/log", b"\x02" * 32)
WITNESS = Signer.from_seed("witness.example/ca", b"\x03" * 32, COSIGNATURE)
HEAD = Checkpoint("audit.example/log", 7, bytes(range(32)))
SIGNED = note(HEAD.text(), [sign(HEAD.text(), LOG), cosign(HEAD.text(), WITNESS, 1_790_000_000)])


def test_the_published_key_and_note() -> None:
    signer = Signer.parse(PETER_SECRET)
    assert (str(Key.parse(PETER)), str(signer.key), signer.secret()) == (PETER, PETER, PETER_SECRET)
    assert note(TEXT, [sign(TEXT, signer)]) == f"{TEXT}\n{PETER_LINE}\n"
    assert Key.parse(ENOCH).id.hex() == "af0cfe78"
    assert [(name, raw.hex()) for name, raw, _ in split_note(note(TEXT, [PETER_LINE, ENOCH_LINE]))[1]] == [
        ("PeterNeumann", "c74f20a3"),
        ("EnochRoot", "af0cfe78"),
    ]


def test_the_published_layout_of_a_cosignature() -> None:
    """C2SP tlog-cosignature: the time in its example's line is the one that its signed message has."""
    line = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    assert int.from_bytes(b64decode(line)[4:12], "big") == 1_679_315_147
    ours = b64decode(cosign(HEAD.text(), WITNESS, 1_679_315_147).split(" ")[2])
    assert (len(ours), ours[:4], ours[4:12]) == (4 + 8 + 64, WITNESS.key.id, b64decode(line)[4:12])


@pytest.mark.parametrize(("parse", "text"), [(Key.parse, PETER), (Signer.parse, PETER_SECRET)])
def test_no_mangled_key_is_a_key(parse: object, text: str) -> None:
    """Every part, and every character one up, as Go's tests have it."""
    assert callable(parse)
    parts = {text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)} - {text}
    spoilt = {text[:i] + chr(ord(text[i]) + 1) + text[i + 1 :] for i in range(len(text))}
    others = {"PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==", f"{text}\n", f" {text}"}
    others |= {"PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"}
    for wrong in parts | spoilt | others:
        with pytest.raises(InputError):
            parse(wrong)


def test_a_secret_is_not_shown() -> None:
    with pytest.raises(InputError) as fault:
        Signer.parse(PETER_SECRET[:-1])
    shown = repr(LOG) + str(LOG) + str(fault.value)
    assert b64encode(LOG.seed).decode() not in shown
    assert repr(LOG.seed) not in shown
    assert PETER_SECRET[40:60] not in shown


def test_a_checkpoint_is_three_lines() -> None:
    assert HEAD.text() == "audit.example/log\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint.parse(HEAD.text()) == HEAD
    root = HEAD.text().split("\n")[2]
    for text in (
        "", f"o\n7\n{root}", f"o\n7\n{root}\nmore\n", f"\n7\n{root}\n", f"o\n07\n{root}\n", f"o\n-1\n{root}\n", "o\n7\n\n",
        f"o\n٧\n{root}\n", f"o\n7\n{root[:-4]}\n", f"o\n7\n{root[:-1]}\n", f"o\n7\n{root[:-2]}9=\n", f"o\n 7\n{root}\n",
        f"o\n{2**63}\n{root}\n", f"o\r\n7\r\n{root}\r\n", f"{'o' * 256}\n7\n{root}\n", f"o\ud800\n7\n{root}\n",
    ):  # fmt: skip
        with pytest.raises(InputError):
            Checkpoint.parse(text)


def test_opening_says_who_signed() -> None:
    opened = open_note(SIGNED, [LOG.key, WITNESS.key])
    assert opened.checkpoint == HEAD
    assert (opened.signed, opened.cosigned) == (("audit.example/log",), (("witness.example/ca", 1_790_000_000),))
    assert open_note(SIGNED, [LOG.key]).cosigned == ()
    assert open_note(SIGNED, [WITNESS.key]).signed == ()
    with pytest.raises(InputError, match="no key that is known"):
        open_note(SIGNED, [OTHER.key])  # of the same name: another id
    with pytest.raises(InputError, match="no key that is known"):
        open_note(SIGNED, [])


@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="utf-8"))
def test_no_character_of_a_note_can_be_another(at: int, character: str) -> None:
    """Each alters the text, or a line: its signature, or the name or id by which the key is known."""
    spoilt = SIGNED[:at] + character + SIGNED[at + 1 :]
    try:
        opened = open_note(spoilt, [LOG.key, WITNESS.key])
    except InputError:
        assert spoilt != SIGNED
    else:
        assert spoilt == SIGNED or len(opened.signed) + len(opened.cosigned) == 1


def test_what_is_no_note() -> None:
    lines = SIGNED.split("\n\n")[1]
    for wrong in (
        "", "\n", HEAD.text(), f"{HEAD.text()}\n", SIGNED[:-1], f"{SIGNED}more\n", f"\x01{SIGNED}", f"{SIGNED}\n",
        f"{HEAD.text()}\n— Bad Name {lines.split(' ')[2]}", SIGNED.replace("— ", "- "), SIGNED.replace("\n", "\r\n"),
        f"{HEAD.text()}\n— a+b AAAAAAA=\n", f"{HEAD.text()}\n— a AAAA\n", f"{HEAD.text()}\n— a AAAAAAB=\n",
        HEAD.text() + "\n" + "— a AAAAAAA=\n" * 101, f"{HEAD.text()}\n— a {'AAAA' * 20000}\n", f"{HEAD.text()}\ud800{lines}",
    ):  # fmt: skip
        with pytest.raises(InputError):
            open_note(wrong, [LOG.key, WITNESS.key])
    assert open_note(SIGNED + "— a AAAAAAA=\n" * 98, [LOG.key]).signed


def test_a_line_of_a_known_key_must_verify_though_another_does() -> None:
    wrong = sign(Checkpoint("audit.example/log", 8, HEAD.root).text(), LOG)
    with pytest.raises(InputError, match="does not verify"):
        open_note(note(HEAD.text(), [sign(HEAD.text(), LOG), wrong]), [LOG.key])
    short = f"— {WITNESS.key.name} {b64encode(WITNESS.key.id + bytes(3)).decode()}"
    with pytest.raises(InputError, match="does not verify"):
        open_note(note(HEAD.text(), [sign(HEAD.text(), LOG), short]), [LOG.key, WITNESS.key])


def test_the_kinds_of_keys_do_not_stand_in_for_each_other() -> None:
    twin = Signer.from_seed(LOG.key.name, LOG.seed, COSIGNATURE)
    assert twin.key.id != LOG.key.id
    with pytest.raises(InputError, match="another kind"):
        sign(HEAD.text(), WITNESS)
    with pytest.raises(InputError, match="another kind"):
        cosign(HEAD.text(), LOG, 5)
    relabelled = b64encode(twin.key.id + b64decode(sign(HEAD.text(), LOG).split(" ")[2])[4:]).decode()
    with pytest.raises(InputError, match="does not verify"):
        open_note(note(HEAD.text(), [f"— {LOG.key.name} {relabelled}"]), [twin.key])


def test_who_signed_twice_counts_once_at_its_latest() -> None:
    lines = [cosign(HEAD.text(), WITNESS, at) for at in (9, 11, 10)]
    assert open_note(note(HEAD.text(), lines), [WITNESS.key]).cosigned == ((WITNESS.key.name, 11),)


def test_names_and_times_that_cannot_be() -> None:
    for name in ("", "a b", "a+b", "a\u3000b", "a\n", "a\x1f", "\ud800", "n" * 256):
        with pytest.raises(InputError):
            Key(name, 1, bytes(32))
    for kind, public in ((2, bytes(32)), (1, bytes(31))):
        with pytest.raises(InputError):
            Key("a", kind, public)
    with pytest.raises(InputError):
        Signer.from_seed("a", bytes(31))
    for at in (-1, 2**63):
        with pytest.raises(InputError):
            cosign(HEAD.text(), WITNESS, at)
