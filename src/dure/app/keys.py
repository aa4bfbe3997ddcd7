"""Keys of the audit log and of its witnesses, as files. Needs no database.

The programme's key is a file, never in the database: `$DURE_AUDIT_KEY`, or `programme.key` in the working folder, for its
owner's eyes alone. Beside it stand `programme.pub` (the public keys that ever signed, a line each) and `witnesses.pub` (the
public keys of witnesses, a line each).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from secrets import token_bytes

from dure.audit import notes
from dure.errors import InputError

KEY_FILE = "programme.key"


def key_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the programme's key is, or is to be."""
    return Path(environ.get("DURE_AUDIT_KEY") or KEY_FILE)


def make_key(path: Path, origin: str, kind: int = notes.ED25519) -> notes.Key:
    """Make the programme's key, named after its log (or a witness's, of the kind COSIGNATURE), and add its public half to
    the `.pub` beside it. Raises InputError where there is a key already: whoever changes keys moves the old one away, and
    its public half stays."""
    signer = notes.Signer.from_seed(origin, token_bytes(32), kind)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{signer.secret()}\n")
        with path.with_suffix(".pub").open("a") as file:
            file.write(f"{signer.key}\n")
    except FileExistsError:
        raise InputError("there is a key already", source=str(path), accepted="another path") from None
    except OSError as fault:
        raise InputError(f"cannot be written: {fault.strerror or fault}", source=str(path)) from None
    return signer.key


def make_first_key(programme: str) -> Path | None:
    """The key of a new programme, named after it, and where it is; None where a key is there already."""
    path = key_path()
    if path.exists():
        return None
    make_key(path, f"dure/{re.sub('[^a-z0-9]+', '-', programme.lower()).strip('-') or 'programme'}")
    return path


def trust_witness(text: str) -> notes.Key:
    """Keep a witness's public key with those that are known. Raises InputError for what is no witness's key."""
    key = notes.Key.parse(text.strip())
    known = witnesses_of(key_path())
    if key.kind != notes.COSIGNATURE or known.get(key.name, key) != key:
        raise InputError(
            "not the key of a new witness", field="witness", value=key.name, accepted="cosignature/v1, a new name"
        )
    if key.name not in known:
        with key_path().with_name("witnesses.pub").open("a") as file:
            file.write(f"{key}\n")
    return key


def signer_of(path: Path) -> notes.Signer:
    """The programme's key. Raises InputError where there is none, or where others than its owner may read it."""
    try:
        with path.open() as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise InputError("others may read this key", source=str(path), accepted=f"chmod 600 {path}")
            return notes.Signer.parse(file.read(1000).strip())
    except (OSError, UnicodeDecodeError) as fault:
        said = getattr(fault, "strerror", None) or "not a key"
        raise InputError(said, source=str(path), accepted="`dure audit key` makes one") from None


def keys_of(path: Path) -> list[notes.Key]:
    """The public keys that may have signed this programme's log; none where there is no such file. Raises InputError."""
    return _keys(path.with_suffix(".pub"))


def witnesses_of(path: Path) -> dict[str, notes.Key]:
    """The witnesses that this programme knows, by name. Raises InputError."""
    return {key.name: key for key in _keys(path.with_name("witnesses.pub"))}


def _keys(path: Path) -> list[notes.Key]:
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [notes.Key.parse(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
