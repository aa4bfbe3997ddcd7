"""What a command leaves in the audit log's outbox when it ends, and when that cannot be signed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path


def dure(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("DURE_")}
    command = [sys.executable, "-m", "dure.cli.main", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_command_ends_sealed_and_a_key_that_others_read_does_not_undo_it(tmp_path: Path) -> None:
    assert dure(tmp_path, "init").returncode == 0
    assert stat.S_IMODE((tmp_path / "programme.key").stat().st_mode) == 0o600
    assert dure(tmp_path, "user", "grant", "someone", "auditor").returncode == 0
    head = dure(tmp_path, "audit", "status", "--json").stdout
    assert '"waiting": 0' in head
    (tmp_path / "programme.key").chmod(0o644)
    done = dure(tmp_path, "user", "grant", "another", "auditor")
    assert (done.returncode, "others may read this key" in done.stderr) == (0, True)
    assert "another" in dure(tmp_path, "user", "list").stdout
    (tmp_path / "programme.key").chmod(0o600)
    assert dure(tmp_path, "audit", "seal").returncode == 0
    assert dure(tmp_path, "audit", "export", "export.dure").returncode == 0
    yes = dure(tmp_path, "audit", "verify", "export.dure", "--key", "programme.pub")
    assert (yes.returncode, yes.stdout.startswith("yes: ")) == (0, True)


def test_a_witness_by_files(tmp_path: Path) -> None:
    def done(*words: str) -> None:
        found = dure(tmp_path, *words)
        assert found.returncode == 0, (words, found.stderr)

    done("init")
    done("audit", "witness", "key", "w.example", "--out", "w.key")
    done("audit", "seal")
    done("audit", "export", "before.dure")
    no = dure(tmp_path, "audit", "verify", "before.dure", "--key", "programme.pub", "--witness", "w.pub")
    assert (no.returncode, no.stdout.startswith("no: ")) == (1, True)
    done("audit", "trust", "w.pub")
    done("audit", "request", "w.example", "--out", "request.txt")
    done("audit", "witness", "sign", "request.txt", "--key", "w.key", "--log", "programme.pub", "--out", "answer.txt")
    done("audit", "cosign", "answer.txt")
    done("audit", "export", "after.dure")
    yes = dure(tmp_path, "audit", "verify", "after.dure", "--key", "programme.pub", "--witness", "w.pub")
    assert (yes.returncode, yes.stdout) == (0, "yes: 2 entries, signed, cosigned by w.example\n")
    done("audit", "prove", "1", "--out", "proof.json")
    done("audit", "verify", "proof.json", "--key", "programme.pub")
    again = dure(tmp_path, "audit", "witness", "sign", "request.txt", "--key", "w.key", "--log", "programme.pub")
    assert (again.returncode, "refused (409)" in again.stderr) == (1, True), (
        "it asks from a size that is no longer the last"
    )
