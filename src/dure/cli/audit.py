"""`dure audit`: the log of decisions. Sign, export and prove it; verify what you were given; be its witness."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dure.errors import InputError
from dure.terminal.acting import acting, table, when
from dure.terminal.options import Csv, Json, group
from dure.terminal.show import Form, emit, note, watch

if TYPE_CHECKING:
    from dure.audit.notes import Key, Signer

app = group()
witness = group()
app.add_typer(witness, name="witness", help="Watch over somebody else's log: cosign only what continues what you saw.")

Keys = Annotated[
    list[Path], typer.Option("--key", metavar="FILE", help="The programme's public key, as programme.pub.")
]
Witnesses = Annotated[
    list[Path] | None, typer.Option("--witness", metavar="FILE", help="Public key of a witness; repeatable.")
]
Heads = Annotated[
    list[Path] | None, typer.Option("--head", metavar="FILE", help="A signed head that somebody kept; repeatable.")
]
Name = Annotated[str, typer.Argument(metavar="WITNESS", help="Name of a witness that is trusted.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write; else standard output.")]
SecretKey = Annotated[Path, typer.Option("--key", metavar="FILE", help="The witness's own secret key.")]
State = Annotated[Path, typer.Option("--state", metavar="FILE", help="What the witness has seen; it makes it.")]
Logs = Annotated[list[Path], typer.Option("--log", metavar="FILE", help="Public key of a log to watch; repeatable.")]

_STATUS = (
    ("entries", "entries", "count"), ("waiting", "not yet in the log", "count"), ("oldest_wait_s", "oldest waits", "s"),
    ("signed", "signed up to", "count"), ("signed_s_ago", "signed ago", "s"), ("cosigned", "cosigned by", "text"),
    ("witnesses", "witnesses known", "text"),
)  # fmt: skip
_ENTRIES = (
    ("seq", "entry", "count"), ("at", "at", "text"), ("kind", "kind", "text"), ("about", "about", "text"),
    ("what", "what", "text"),
)  # fmt: skip
_FAULTS = (("entry", "entry", "count"), ("fault", "fault", "text"))


@app.command()
def status(as_json: Json = False, as_csv: Csv = False) -> None:
    """Show how long the log is, what waits to enter it and how long, and how far it is signed and cosigned."""
    actor, now = acting()
    from dure.app import auditing

    found = auditing.status(actor, now)
    row = {
        "entries": found.size, "waiting": found.waiting, "oldest_wait_s": found.oldest_wait_s,
        "signed": found.checkpoint_size, "signed_s_ago": found.checkpoint_age_s,
        "cosigned": ", ".join(f"{name} up to {size}" for name, size in sorted(found.cosignatures.items())) or None,
        "witnesses": ", ".join(found.witnesses) or None,
    }  # fmt: skip
    emit([table("audit", "Audit log", _STATUS, [row])], Form.of(as_json, as_csv))


@app.command("key")
def make_key(
    origin: Annotated[str, typer.Argument(metavar="ORIGIN", help="Name of the log, as dure.example.kr/programme.")],
) -> None:
    """Make the key that signs the log: a secret file that only its owner reads, and a public one to give away."""
    from dure.app import keys

    path = keys.key_path()
    key = keys.make_key(path, origin)
    typer.echo(f"{path}: secret, keep it apart from the database and its backups")
    typer.echo(f"{path.with_suffix('.pub')}: {key}")


@app.command()
def seal() -> None:
    """Take what waits into the log, and sign its head."""
    actor, now = acting()
    from dure.app import auditing

    typer.echo(auditing.seal(actor, now), nl=False)


@app.command("list")
def list_(
    about: Annotated[
        str | None, typer.Option("--about", metavar="ID", help="Of one application, model or call.")
    ] = None,
    after: Annotated[int, typer.Option("--after", min=-1, metavar="N", help="Entries after this one.")] = -1,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="So many at most.")] = 50,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show entries, oldest first. People stand in it as commitments; names only where they are not erased."""
    actor, _ = acting()
    from dure.app import auditing

    rows = [
        {
            "seq": e["seq"], "at": when(e["at"]), "kind": e["kind"], "about": e["body"].get("about", e["about"]),
            "what": _what(e),
        }
        for e in auditing.entries(actor, after, limit, about)
    ]  # fmt: skip
    emit([table("entries", "Entries", _ENTRIES, rows)], Form.of(as_json, as_csv))


def _what(entry: dict[str, Any]) -> str:
    """An entry in a few words; the API and the export have it whole."""
    body = entry["body"]
    if entry["kind"] == "happening":
        moved = " -> ".join(filter(None, (body["before"], body["after"])))
        return " ".join(filter(None, (body["kind"], body["event"], moved, "by", body["by"])))
    if entry["kind"] == "decision":
        asks = f", asks {', '.join(body['obligations'])}" if body["obligations"] else ""
        return f"{body['act']} {'allowed' if body['allowed'] else 'denied'}: {', '.join(body['reasons'])}{asks}"
    return f"journal {body['first']} to {body['last']}" if entry["kind"] == "ledger" else str(entry["kind"])


@app.command()
def export(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write, as export.dure.")]) -> None:
    """Write the log to one file that anybody can verify with the public key."""
    actor, _ = acting()
    from dure.app import auditing

    with watch("exporting") as advance:
        found = auditing.export(actor, file, advance)
    typer.echo(f"{file}: {found.entries} entries, up to the newest signed head")
    if found.behind:
        note(f"{found.behind} newer entries are not signed yet, so not in it: dure audit seal")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An export, or a proof of one entry.")],
    key: Keys,
    witnesses: Witnesses = None,
    least: Annotated[
        int | None, typer.Option("--least", min=0, metavar="N", help="So many witnesses must have cosigned; else all.")
    ] = None,
    heads: Heads = None,
    as_json: Json = False,
) -> None:
    """Verify an export, or a proof: yes, or the first bad entry. Needs no database and trusts nobody but the keys.

    Give the heads that you or a witness kept: each must be a beginning of this log, so that a cut tail, a fork or a
    rewritten past come out. Exit code 1 if it does not hold.
    """
    keys = [_line(path) for path in key]
    if file.suffix == ".json":
        return _verify_proof(file, keys, as_json)
    from dure.audit.verify import verify as verified

    known = [_line(path) for path in witnesses or ()]
    with file.open("rb") as stream, watch("verifying") as advance:
        try:
            found = verified(
                stream,
                keys,
                witnesses=known,
                least=least,
                heads=[p.read_text("utf-8") for p in heads or ()],
                advance=advance,
            )
        except ValueError as fault:
            raise InputError(str(fault), source=str(file), accepted="a file that `dure audit export` made") from None
    if as_json:
        from dataclasses import asdict

        typer.echo(json.dumps(asdict(found)))
    elif found.ok:
        by = f", cosigned by {', '.join(found.cosigned)}" if found.cosigned else ", by no witness"
        typer.echo(f"yes: {found.entries} entries, signed{by}")
    else:
        first = "" if found.first_bad is None else f"first bad entry: {found.first_bad}; "
        typer.echo(f"no: {first}{found.problem}")
    raise typer.Exit(0 if found.ok else 1)


def _verify_proof(file: Path, keys: list[str], as_json: bool) -> None:
    from dure.audit.bundle import check_proof
    from dure.audit.notes import Key

    try:
        bundle = json.loads(file.read_text("utf-8"))
    except ValueError:
        raise InputError("not JSON", source=str(file), accepted="a file that `dure audit prove` made") from None
    problem = check_proof(bundle, [Key.parse(key) for key in keys])
    if as_json:
        typer.echo(json.dumps({"ok": not problem, "problem": problem}))
    else:
        typer.echo(f"no: {problem}" if problem else f"yes: entry {bundle['index']} is in the signed log")
    raise typer.Exit(1 if problem else 0)


@app.command()
def prove(
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="Number of an entry, or what it is about.")],
    out: Out = None,
) -> None:
    """Write the proof that an entry is in the signed log; `dure audit verify` checks it without the log."""
    actor, _ = acting()
    from dure.app import auditing

    proof = auditing.prove(actor, int(entry) if entry.isdecimal() else entry)
    _write(out, json.dumps(proof, indent=1, ensure_ascii=False) + "\n")


@app.command()
def check(heads: Heads = None, as_json: Json = False, as_csv: Csv = False) -> None:
    """Hold the log in the database against itself, and the journal, decisions and history against the log."""
    actor, _ = acting()
    from dure.app import auditing

    with watch("checking") as advance:
        found = auditing.check(actor, [p.read_text("utf-8") for p in heads or ()], advance)
    rows = [{"entry": f.entry, "fault": f.what} for f in found]
    if rows or as_json or as_csv:
        emit([table("faults", "Faults", _FAULTS, rows)], Form.of(as_json, as_csv))
    if not rows and not (as_json or as_csv):
        typer.echo("no fault")
    raise typer.Exit(1 if rows else 0)


@app.command()
def trust(file: Annotated[Path, typer.Argument(metavar="FILE", help="Public key of a witness.")]) -> None:
    """Trust a witness from now on: its key is kept beside the programme's own."""
    from dure.app.keys import trust_witness

    typer.echo(f"trusted: {trust_witness(_line(file)).name}")


@app.command()
def request(witness: Name, out: Out = None) -> None:
    """Write what a witness needs to cosign the newest head: to be handed over as a file."""
    actor, _ = acting()
    from dure.app import auditing

    _write(out, auditing.request_for(actor, witness))


@app.command()
def cosign(file: Annotated[Path, typer.Argument(metavar="FILE", help="What the witness answered.")]) -> None:
    """Keep a witness's signature that came as a file. It is verified first."""
    actor, _ = acting()
    from dure.app import auditing

    typer.echo(f"cosigned by {', '.join(auditing.take_cosignature(actor, file.read_text('utf-8')))}")


@app.command()
def send(witness: Name, url: Annotated[str, typer.Argument(metavar="URL", help="Its address.")]) -> None:
    """Ask a witness over HTTP to cosign the newest head, and keep its signature."""
    actor, _ = acting()
    from dure.app import auditing

    typer.echo(f"cosigned by {', '.join(auditing.send(actor, witness, url))}")


@app.command()
def erase(
    person: Annotated[str, typer.Argument(metavar="USER", help="Whose name and texts the log shall not say.")],
) -> None:
    """Erase what the log's commitments hide about a person. The log verifies as before; there is no way back."""
    actor, now = acting()
    from dure.app import auditing

    typer.echo(f"{person}: {auditing.erase(actor, person, now)} commitments erased")


@witness.command("key")
def witness_key_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the witness, as witness.example.ca.")],
    file: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Secret key; FILE.pub is beside it.")],
) -> None:
    """Make a witness's key."""
    from dure.app.keys import make_key
    from dure.audit.notes import COSIGNATURE

    typer.echo(f"{file}: secret\n{file.with_suffix('.pub')}: {make_key(file, name, COSIGNATURE)}")


@witness.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="REQUEST", help="What `dure audit request` wrote.")],
    key: SecretKey,
    logs: Logs,
    state: State = Path("witness.json"),
    out: Out = None,
) -> None:
    """Cosign a head that came as a file, if it continues what this witness saw before; otherwise say what is wrong."""
    from dure.app.witness import Witness

    with Witness(state, _logs(logs), _signer(key)) as watching:
        answer = watching.add(file.read_text("utf-8"), int(time.time()))
    if answer.status != 200:
        typer.echo(f"refused ({answer.status}): {answer.body.strip()}", err=True)
        raise typer.Exit(1)
    _write(out, answer.body)


@witness.command()
def serve(
    key: SecretKey,
    logs: Logs,
    state: State = Path("witness.json"),
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8001,
) -> None:
    """Be a witness over HTTP (C2SP tlog-witness: POST /add-checkpoint)."""
    from dure.app.witness import Witness
    from dure.app.witness import serve as listen

    with Witness(state, _logs(logs), _signer(key)) as watching:
        note(f"witness {watching.name} on http://{host}:{port} (Ctrl-C ends it)")
        listen(watching, host, port)


def _logs(paths: list[Path]) -> dict[str, Key]:
    return {key.name: key for key in map(_key, paths)}


def _line(path: Path) -> str:
    return path.read_text("utf-8").strip()


def _key(path: Path) -> Key:
    from dure.audit.notes import Key

    return Key.parse(_line(path))


def _signer(path: Path) -> Signer:
    from dure.app.keys import signer_of

    return signer_of(path)


def _write(out: Path | None, text: Any) -> None:
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, "utf-8")
        note(f"{out}: written")
