"""Files and folders to documents: every bad input of the issue by name, children and their limits, and what becomes of them."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import pypdf
import pytest

from dure.documents import readers as pool
from dure.documents import reading
from dure.documents.extract import Text, extract
from dure.documents.reading import LARGEST, read_bytes, read_paths, read_through
from dure.errors import DureError, InputError
from dure.mentions.model import Document, Status
from dure.mentions.reading import mentions

SENTENCE = "The ministry will spend 94.6 billion won on the laboratory over the next four years."
KOREAN = "정부는 2030년까지 인공지능 반도체에 3조원을 투자한다고 밝혔다. 내년까지 5만장을 확보할 계획이다."


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>A page</title>{head}</head><body><article>{body}</article></body></html>"


def paragraphs(count: int = 4) -> str:
    return "".join(f"<p>{SENTENCE} It is part {i} of what was said on that day in the city.</p>" for i in range(count))


def pdf(text: str, *, image: bool = False) -> bytes:
    """A PDF file of one page, with a line of text or with a picture only."""
    draw = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else "q 100 0 0 100 0 0 cm /I Do Q" * image
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >>"
        + " /XObject << /I 6 0 R >>" * image
        + " >> >>",
        f"<< /Length {len(draw)} >>\nstream\n{draw}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>"
        "\nstream\nA\nendstream",
    ]
    out, places = b"%PDF-1.4\n", []
    for i, one in enumerate(objects, 1):
        places.append(len(out))
        out += f"{i} 0 obj\n{one}\nendobj\n".encode()
    table = "".join(f"{p:010} 00000 n \n" for p in places)
    return (
        out
        + f"xref\n0 7\n0000000000 65535 f \n{table}trailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n".encode()
    )


def locked(password: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(SENTENCE)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", SENTENCE)
    return out.getvalue()


def all_of(folder: Path) -> dict[str, Document]:
    return {os.path.relpath(d.name, folder): d for d in read_paths([folder])}


BAD: dict[str, tuple[bytes, Status, str]] = {
    "empty.html": (b"", Status.EMPTY, "empty"),
    "blank.txt": (b" \r\n\t \n", Status.EMPTY, "blanks"),
    "digits.txt": (b"9" * 50_000, Status.NO_TEXT, "no words"),
    "nested.html": (b"<html><body>" + b"<div>" * 200_000 + b"a sum of 5 billion won", Status.NO_TEXT, "200,000 deep"),
    "scan.pdf": (pdf("", image=True), Status.NO_TEXT, "a scan: needs OCR"),
    "blank.pdf": (pdf(""), Status.NO_TEXT, "without text"),
    "password.pdf": (locked("secret"), Status.UNREADABLE, "password"),
    "truncated.pdf": (pdf(SENTENCE)[:400], Status.UNREADABLE, "its end is missing"),
    "damaged.pdf": (b"%PDF-1.4\n" + b"obj <<>> stream" * 50 + b"\n%%EOF", Status.UNREADABLE, "damaged PDF"),
    "renamed.pdf": (zipped(), Status.UNREADABLE, "ZIP"),
    "renamed.txt": (zipped(), Status.UNREADABLE, "ZIP"),
    "page.pdf": (page(paragraphs()).encode(), Status.UNREADABLE, "no PDF"),
    "picture.txt": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, Status.UNREADABLE, "picture"),
    "noise.txt": (bytes((i * 7919 + i // 3) % 256 for i in range(5_000)), Status.UNREADABLE, "encoding"),
    "markup.html": (b"<html><body><div><img src=a></div><script>var a = 'pay 5 billion won.'</script>", Status.NO_TEXT, "without text"),
    "french.txt": ("Le gouvernement va investir dans les puces et la recherche pour les universités.".encode(), Status.UNREAD_LANGUAGE, "Korean"),
}  # fmt: skip


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Document]:
    """What becomes of a folder that has every bad input in it, and two good ones, first and last."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (data, _, _) in BAD.items():
        (folder / name).write_bytes(data)
    with open(folder / "huge.html", "wb") as file:
        file.truncate(100_000_000)
    os.mkfifo(folder / "pipe.txt")
    (folder / "0.txt").write_text(SENTENCE)
    (folder / "z.txt").write_text(SENTENCE)
    return all_of(folder)


@pytest.mark.parametrize("name", BAD)
def test_bad_input(bad: dict[str, Document], name: str) -> None:
    data, status, why = BAD[name]
    found = bad[name]
    assert (found.status, why in found.why) == (status, True), found.why
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert not found.prose or status is Status.UNREAD_LANGUAGE


def test_one_bad_file_never_stops_a_folder(bad: dict[str, Document]) -> None:
    assert list(bad) == sorted([*BAD, "0.txt", "z.txt", "huge.html", "pipe.txt"])
    assert bad["0.txt"].status is bad["z.txt"].status is Status.OK
    assert bad["z.txt"].prose == ((0, len(SENTENCE)),)


def test_what_is_too_large_is_not_read(bad: dict[str, Document]) -> None:
    """Its hash would need its bytes."""
    assert (bad["huge.html"].status, bad["huge.html"].sha256) == (Status.TOO_LARGE, "")
    assert "100 MB" in bad["huge.html"].why
    assert read_bytes(b"a" * (LARGEST + 1), "a.txt").status is Status.TOO_LARGE
    assert bad["pipe.txt"].status is Status.UNREADABLE


def test_missing_and_forbidden_files_say_so(tmp_path: Path) -> None:
    os.symlink(tmp_path / "nowhere", tmp_path / "link.txt")
    missing, link = read_paths([tmp_path / "missing.txt", tmp_path / "link.txt"])
    assert missing.status is link.status is Status.UNREADABLE
    assert "No such file" in missing.why


def test_folders_are_read_by_name_without_hidden_files_and_circles(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b/2.txt", "a.txt", ".hidden.txt", ".git/x.txt", "b/1.txt"):
        (tmp_path / name).write_text(SENTENCE)
    os.symlink(tmp_path, tmp_path / "b" / "circle")
    seen: list[tuple[int, int]] = []
    found = [d.name for d in read_paths([tmp_path], watch=lambda done, total: seen.append((done, total)))]
    assert found == [str(tmp_path / n) for n in ("a.txt", "b/1.txt", "b/2.txt")]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_nothing_to_read(tmp_path: Path) -> None:
    assert list(read_paths([])) == list(read_paths([tmp_path])) == []


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(KOREAN.encode("cp949"))))
    (found,) = read_paths(["-"])
    assert (found.name, found.status, found.language, found.text) == ("-", Status.OK, "ko", KOREAN)
    assert found.encoding == "cp949 (bytes)"


def test_pdf_text_with_and_without_an_empty_password(tmp_path: Path) -> None:
    (tmp_path / "open.pdf").write_bytes(pdf(SENTENCE))
    (tmp_path / "empty.pdf").write_bytes(locked(""))
    for found in read_paths([tmp_path], workers=1):
        assert (found.status, found.text.strip(), found.media) == (Status.OK, SENTENCE, "application/pdf")
        assert found.prose


def test_the_given_date_goes_before_the_page_s_own() -> None:
    data = page(paragraphs(), "<meta property='article:published_time' content='2024-10-28T09:00:00+09:00'>").encode()
    own, none = extract(data, "a.html"), extract(page(paragraphs()).encode(), "a.html")

    def dated(text: Text, published: date | None) -> tuple[date | None, str]:
        document = text.document(data, "a.html", published)
        return document.published, document.published_from

    assert dated(own, None) == (date(2024, 10, 28), "page")
    assert dated(own, date(2024, 11, 1)) == (date(2024, 11, 1), "given")
    assert dated(none, None) == (None, "")
    assert dated(none, date(2024, 11, 1)) == (date(2024, 11, 1), "given")
    one = read_bytes(SENTENCE.encode(), "a.txt", published=date(2024, 11, 1))
    assert (one.published, one.published_from) == (date(2024, 11, 1), "given")


def test_languages() -> None:
    french = b"Le gouvernement va investir dans les puces et la recherche."
    assert read_bytes(french, "a.txt", language="en").status is Status.OK
    with pytest.raises(InputError, match="auto, en, ko"):
        read_bytes(b"a", "a.txt", language="fr")
    with pytest.raises(InputError):
        read_paths([], language="")  # at once, not at the first document


# --- what is made of them ---------------------------------------------------------------------------------------------


def length(document: Document) -> tuple[int, str, date | None, int]:
    """Of the document as whoever asked gets it, and where that was found out."""
    if "fail" in document.name:
        raise ZeroDivisionError
    if "slow" in document.name:
        time.sleep(600)
    if "vast" in document.name:
        bytearray(1 << 30)
    return len(document.text), document.sha256, document.published, os.getpid()


def test_what_is_made_of_documents_in_the_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pool, "_PROGRAM", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {pool._PROGRAM}"
    )
    monkeypatch.setattr(reading, "Readers", partial(pool.Readers, wall_s=1.0))
    for name in ("0.txt", "1-fail.txt", "2-slow.txt", "3-vast.txt", "5.txt"):
        (tmp_path / name).write_text(SENTENCE)
    (tmp_path / "4.txt").write_bytes(b"")
    day = date(2024, 11, 1)
    found = list(read_through([tmp_path], length, published=day))
    assert [document.status for document, _ in found] == [
        Status.OK, Status.UNREADABLE, Status.TOO_SLOW, Status.TOO_LARGE, Status.EMPTY, Status.OK,
    ]  # fmt: skip
    made = [one for _, one in found]
    assert made[1:5] == [None] * 4
    for document, one in (found[0], found[5]):
        assert one is not None
        assert one[:3] == (len(SENTENCE), document.sha256, day)
        assert one[3] != os.getpid()
    assert list(read_paths([tmp_path / "0.txt"], published=day)) == [found[0][0]]


def test_mentions_made_in_the_children_are_the_rules_own(tmp_path: Path) -> None:
    for name, text in (("en.txt", SENTENCE), ("ko.txt", KOREAN)):
        (tmp_path / name).write_text(text)
    for document, said in read_through([tmp_path], mentions):
        assert said == mentions(document) != []


def test_what_no_child_can_load_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises((AttributeError, pickle.PicklingError)):
        read_through([tmp_path], lambda document: document.text)


# --- children --------------------------------------------------------------------------------------------------------

WORKER = """
import json, os, sys, time
sys.path[:0] = sys.argv[1:]
from dure.documents import worker
def extract(data, name, language):
    if name == "slow": time.sleep(600)
    if name == "crash": os.kill(os.getpid(), 11)
    if name == "exit": os._exit(3)
    if name == "fails": raise RecursionError
    if name == "memory": return bytearray(worker.MEMORY_BYTES)
    if name == "prints": print("x" * 100_000, flush=True); os.write(1, b"x")
    if name == "large": return worker.Text("ok", "a" * 3_000_000)
    return worker.Text("ok", str(os.getpid()))
worker.extract = extract
worker.serve()
"""


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children that do what a document's name says."""
    monkeypatch.setattr(pool, "_PROGRAM", WORKER)


def texts(names: list[str], workers: int = 1, wall_s: float = 5.0) -> dict[str, Text]:
    orders: Iterator[pool.Order] = (pool.Order(i, b"text", n) for i, n in enumerate(names))
    with pool.Readers(workers, wall_s=wall_s) as children:
        return {o.name: t for o, t in children.read(lambda: next(orders, None))}


@pytest.mark.parametrize(
    ("name", "status", "why"),
    [
        ("slow", Status.TOO_SLOW, "longer than 0.4 s"),
        ("crash", Status.UNREADABLE, "signal 11"),
        ("exit", Status.UNREADABLE, "status 3"),
        ("fails", Status.UNREADABLE, "RecursionError"),
        ("memory", Status.TOO_LARGE, "more than 500 MB"),
        ("prints", Status.OK, ""),
        ("large", Status.OK, ""),
    ],
)
@pytest.mark.usefixtures("odd")
def test_one_document_s_end_is_not_the_others(name: str, status: Status, why: str) -> None:
    found = texts(["before", name, "after"], wall_s=0.4 if name == "slow" else 5.0)
    assert (found[name].status, why in found[name].why) == (status, True), found[name]
    assert found["before"].status is found["after"].status is Status.OK
    kept = found["before"].text == found["after"].text  # the same child, by its process id
    assert kept == (name in ("fails", "prints", "large"))


@pytest.mark.usefixtures("odd")
def test_children_are_used_again_and_none_is_left() -> None:
    found = texts([f"n{i}" for i in range(20)], workers=2)
    pids = {int(t.text) for t in found.values()}
    assert 1 <= len(pids) <= 2
    for pid in pids:
        with pytest.raises(ChildProcessError):  # it was waited for: no zombie
            os.waitpid(pid, os.WNOHANG)


@pytest.mark.usefixtures("odd")
def test_a_reader_s_pause_is_not_the_children_s_time() -> None:
    orders = iter([pool.Order(i, b"text", n) for i, n in enumerate(["a", "large", "b"])])
    with pool.Readers(2, wall_s=0.5) as children:
        found = []
        for _, text in children.read(lambda: next(orders, None)):
            time.sleep(0.6)
            found.append(text.status)
    assert found == [Status.OK] * 3


@pytest.mark.usefixtures("odd")
def test_leaving_early_ends_the_children(tmp_path: Path) -> None:
    for i in range(8):
        (tmp_path / f"{i}.txt").write_text(SENTENCE)
    found = read_paths([tmp_path])
    pid = int(next(found).text)
    found.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_broken_installation_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_PROGRAM", "raise SystemExit(7)")
    with pytest.raises(DureError, match="status 7"):
        texts(["a"])


def test_from_a_thread_and_with_a_child_each() -> None:
    found: list[Document] = []
    threads = [threading.Thread(target=lambda: found.append(read_bytes(SENTENCE.encode(), "a.txt"))) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [d.text for d in found] == [SENTENCE] * 3


def test_no_process_folder_is_needed() -> None:
    """macOS has none; the sources name none."""
    sources = Path(pool.__file__).parent.glob("*.py")
    assert not [p.name for p in sources if "/proc" in p.read_text("utf-8")]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(pool.__file__).parents[2])}


def test_ctrl_c_ends_the_children() -> None:
    """The whole group gets the signal, as from a terminal, while a child is at work."""
    program = (
        "import sys; from dure.documents import readers\n"
        f"readers._PROGRAM = {WORKER!r}\n"
        "def more():\n"
        "    return orders.pop() if orders else None\n"
        "orders = [readers.Order(1, b'', 'slow'), readers.Order(0, b'', 'pid')]\n"
        "with readers.Readers(1, wall_s=60) as children:\n"
        "    for _, text in children.read(more):\n"
        "        print(text.text, flush=True)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=ENVIRONMENT,
    )
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    time.sleep(0.3)
    os.killpg(run.pid, signal.SIGINT)
    run.stdout.close()
    assert run.wait(30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_ends_with_its_parent() -> None:
    """Its input closes, however the parent ended."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "dure.documents.worker"]
    child = subprocess.Popen(command, stdin=reader, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    os.close(reader)
    os.close(writer)
    assert child.wait(30) == 0
