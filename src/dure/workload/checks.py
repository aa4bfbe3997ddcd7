"""What is wrong with a job as it is asked for: bounds, kinds that do not go together, words that nobody should have to read.

One check for job files, command line and API. Nothing of a job is read by a shell, so its metacharacters are plain text
here; what is refused is what a process cannot be given (NUL), what would make a list of jobs lie to its reader (control
and direction characters), and variables by which a launcher, or the devices it may use, would be taken over.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from dure.errors import InputError
from dure.units import DAY_S, MILLI
from dure.vocabulary import JobKind
from dure.workload.columns import BOUNDS
from dure.workload.spec import Health, JobSpec, SiteRules

KINDS: Final = {kind.name.lower(): kind for kind in JobKind}
NAME_MOST: Final = 200  # characters
ENV_MOST: Final = 64 * 1024  # bytes, names and values
COMMAND_MOST: Final = 64 * 1024  # bytes, of each command
WORDS_MOST: Final = 4_096  # program and arguments
NAMES_MOST: Final = 64  # models, variants, secrets, data sets
LIMIT_MOST_S: Final = 366 * DAY_S
REPLICAS_MOST: Final = 1_000
_UTC_MOST_S: Final = 2**40

_UNSEEN: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, formats (bidi, zero width), surrogates, line separators
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PLAIN = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/:+-]{0,59}")
_PROJECT = re.compile(r"[\w.@+-]{1,100}")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9][A-Za-z0-9.-]{{0,200}}(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART}){{0,20}}"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_IMAGE_MOST: Final = 400  # characters; long enough for all, short enough for the pattern
_PATH = re.compile(r"/[!-~]{0,199}")
# What would load code into a launcher before the job's own command, and which accelerators the job may see.
_TAKEN: Final = ("DURE_", "LD_", "DYLD_")
_TAKEN_WHOLE: Final = {
    "BASH_ENV", "ENV", "GCONV_PATH", "GLIBC_TUNABLES", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK",
}  # fmt: skip
_SECRET = re.compile(
    r"(?:.*_)?(?:TOKEN|SECRET|SECRET_KEY|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)", re.I
)


class Fault(NamedTuple):
    """What is wrong at a path of keys of a job."""

    path: tuple[str | int, ...]
    message: str
    value: object = None
    accepted: str = ""

    def error(self, field: str = "") -> InputError:
        """As an exception; `field` is where the job itself stands."""
        spelt = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in self.path)
        where = f"{field}{spelt}" if field else spelt.removeprefix(".")
        return InputError(self.message, field=where, value=self.value, accepted=self.accepted)


def check_spec(spec: JobSpec) -> list[Fault]:
    """All that is wrong with a job in itself. What a site, a project or a rule allows is asked elsewhere."""
    found = [*_texts(spec), *_commands(spec), *_env(spec.env), *_names(spec)]
    if spec.kind not in KINDS:
        found.append(Fault(("kind",), "no such kind of job", spec.kind, ", ".join(KINDS)))
        return found
    return [*found, *_numbers(spec), *_places(spec), *_of_kind(spec, KINDS[spec.kind])]


def site_faults(spec: JobSpec, rules: SiteRules, model: str | None = None) -> list[Fault]:
    """What a site does not let this job name: its image and the absolute paths in its command.

    `model`: of the pool in question; None: any command of the job.
    """
    asked = [(("image",), ("command",), spec.command_for(model))] if model is not None else list(_all_commands(spec))
    return [fault for image_at, at, found in asked for fault in _against(rules, image_at, at, *found)]


def _all_commands(
    spec: JobSpec,
) -> Iterator[tuple[tuple[str | int, ...], tuple[str | int, ...], tuple[tuple[str, ...], str]]]:
    yield ("image",), ("command",), (spec.command, spec.image)
    for i, variant in enumerate(spec.variants):
        yield ("variant", i, "image"), ("variant", i, "command"), (variant.command, variant.image)


def _against(
    rules: SiteRules, image_at: tuple[str | int, ...], at: tuple[str | int, ...], command: tuple[str, ...], image: str
) -> Iterator[Fault]:
    if image and not any(fnmatchcase(image, pattern) for pattern in rules.images):
        yield Fault(image_at, "the site does not allow this image", image, ", ".join(rules.images) or "no image")
    for n, word in enumerate(command):
        for path in {word, word.partition("=")[2]}:  # `--data=/etc` names a path too
            if (path.startswith("/") or ".." in path.split("/")) and not _under(path, rules.paths):
                accepted = ", ".join(rules.paths) or "no absolute path, and none that leads out of the job's own folder"
                yield Fault((*at, n), "the site does not allow this path", path, accepted)


def _under(path: str, folders: Iterable[str]) -> bool:
    """Whether an absolute path lies in one of the folders, once its `..` are followed."""
    whole = "/" + posixpath.normpath(path).lstrip("/")
    roots = [folder.rstrip("/") for folder in folders]
    if "" in roots:  # anywhere at all
        return True
    return path.startswith("/") and any(whole == root or whole.startswith(f"{root}/") for root in roots)


def unseen(text: str) -> str:
    """The name of the first character that a reader does not see, or that moves what is read; "" if there is none."""
    if text.isascii() and text.isprintable():
        return ""
    bad = next((c for c in text if unicodedata.category(c) in _UNSEEN), "")
    return bad and unicodedata.name(bad, f"U+{ord(bad):04X}")


def _texts(spec: JobSpec) -> Iterator[Fault]:
    if not _PROJECT.fullmatch(spec.project):
        yield Fault(("project",), "not the name of a project", spec.project[:100], "1 to 100 letters, digits and @.+-_")
    if len(spec.name) > NAME_MOST:
        yield Fault(("name",), "too long", f"{len(spec.name):,} characters", f"at most {NAME_MOST} characters")
    elif bad := unseen(spec.name):
        yield Fault(("name",), f"has a character that is not seen: {bad}", spec.name, "characters that are seen")


def _commands(spec: JobSpec) -> Iterator[Fault]:
    if spec.command:
        yield from _command(("command",), spec.command)
    yield from _image(("image",), spec.image)
    if len(spec.variants) > NAMES_MOST:
        yield Fault(("variant",), "too many", len(spec.variants), f"at most {NAMES_MOST}")
        return
    models = [variant.model for variant in spec.variants]
    for i, variant in enumerate(spec.variants):
        if not variant.command:
            yield Fault(("variant", i, "command"), "nothing to run", None, 'a program, as ["python", "train.py"]')
        else:
            yield from _command(("variant", i, "command"), variant.command)
        yield from _image(("variant", i, "image"), variant.image)
        yield from _model(("variant", i, "model"), variant.model)
        if variant.model in models[:i]:
            yield Fault(("variant", i, "model"), "a second variant for the same model", variant.model)
        elif spec.models and variant.model not in spec.models:
            yield Fault(("variant", i, "model"), "not one of `models`", variant.model, ", ".join(spec.models[:20]))


def _command(at: tuple[str | int, ...], words: tuple[str, ...]) -> Iterator[Fault]:
    size = sum(map(len, words))  # at least so many bytes: what is far too large is not looked at any further
    if len(words) > WORDS_MOST or size > COMMAND_MOST or sum(map(_bytes, words)) > COMMAND_MOST:
        accepted = f"at most {WORDS_MOST:,} words of {COMMAND_MOST:,} bytes together"
        yield Fault(at, "too long", f"{len(words):,} words of {size:,} characters", accepted)
        return
    if not words[0].strip():
        yield Fault((*at, 0), "names no program", words[0], 'a program, as ["python", "train.py"]')
    for n, word in enumerate(words):
        if bad := _unfit(word):
            yield Fault((*at, n), f"cannot be given to a process: {bad}", word, "text without NUL")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _unfit(text: str) -> str:
    """Why a process cannot be given this text; "" if it can."""
    if "\0" in text:
        return "it has a NUL"
    return "" if text.isascii() or not any(0xD800 <= ord(c) <= 0xDFFF for c in text) else "half a character"


def _image(at: tuple[str | int, ...], image: str) -> Iterator[Fault]:
    if image and (len(image) > _IMAGE_MOST or not _IMAGE.fullmatch(image)):
        accepted = "host/path:tag, as registry.example/team/trainer:1.2, or with @sha256:..."
        yield Fault(at, "not the name of an image", image[:_IMAGE_MOST], accepted)


def _model(at: tuple[str | int, ...], model: str) -> Iterator[Fault]:
    if not _MODEL.fullmatch(model):
        yield Fault(at, "not the name of an accelerator model", model[:100], "as H200")


def _env(env: Mapping[str, str]) -> Iterator[Fault]:
    size = sum(len(k) + len(v) for k, v in env.items())
    if size > ENV_MOST or sum(_bytes(k) + _bytes(v) for k, v in env.items()) > ENV_MOST:
        yield Fault(("env",), "too large", f"{size:,} characters", f"at most {ENV_MOST:,} bytes, names and values")
        return
    for name, value in env.items():
        at = ("env", name[:128])
        if not _VARIABLE.fullmatch(name):
            yield Fault(at, "not the name of a variable", name[:128], "letters, digits and _, not a digit first")
        elif name.startswith(_TAKEN) or name in _TAKEN_WHOLE:
            yield Fault(at, "this variable is the launcher's own", name, "another name")
        elif _SECRET.fullmatch(name):  # its value would be kept in clear, and is not repeated here
            yield Fault(at, "looks like a secret", name, 'secrets = ["name"]: given to the job as a file by its site')
        elif bad := _unfit(value):
            yield Fault(at, f"cannot be given to a process: {bad}", None, "text without NUL")


def _names(spec: JobSpec) -> Iterator[Fault]:
    for key, names in (("models", spec.models), ("secrets", spec.secrets), ("data", spec.data)):
        if len(names) > NAMES_MOST:
            yield Fault((key,), "too many", len(names), f"at most {NAMES_MOST}")
            continue
        for n, name in enumerate(names):
            if key == "models":
                yield from _model((key, n), name)
            elif not _PLAIN.fullmatch(name):
                yield Fault((key, n), "not a name", name[:100], "letters, digits and ._-, no `..`")
            if name in names[:n]:
                yield Fault((key, n), "named twice", name)
    if spec.trains and not _PLAIN.fullmatch(spec.trains):
        yield Fault(("trains",), "not the name of a model", spec.trains[:100], "letters, digits and ._-")


_BOUNDS: Final = {
    **{k: BOUNDS[k] for k in ("accelerators", "share_milli", "cores_milli", "memory_mib", "save_every_s", "priority")},
    "limit_s": (1, LIMIT_MOST_S), "earliest_utc_s": (0, _UTC_MOST_S), "expires_utc_s": (0, _UTC_MOST_S),
    "replicas": (1, REPLICAS_MOST),
}  # fmt: skip
_UNITS: Final = {f.name: f.metadata["unit"] for f in fields(JobSpec)}


def _numbers(spec: JobSpec) -> Iterator[Fault]:
    for field, (low, high) in _BOUNDS.items():
        value = getattr(spec, field)
        if not low <= value <= high:
            unit = {"count": "", "class": ""}.get(_UNITS[field], f" {_UNITS[field]}")
            yield Fault((short(field),), "out of bounds", f"{value}{unit}", f"{low} to {high}{unit}")


def short(field: str) -> str:
    """A field as people write it: without its unit."""
    return re.sub(r"_(utc_s|milli|mib|s)$", "", field)


def _places(spec: JobSpec) -> Iterator[Fault]:
    """What is asked of accelerators, and cannot be had together."""
    if spec.share_milli < MILLI and spec.accelerators != 1:
        yield Fault(("share",), "a part of an accelerator is of one alone", spec.accelerators, "accelerators = 1")
    if spec.accelerators == 0:
        if spec.models or spec.variants:
            yield Fault(("models",), "a model without accelerators", ", ".join(spec.models), "accelerators = 1 or more")
        if spec.cores_milli == 0:
            yield Fault(("cores",), "neither accelerators nor cores", 0, "cores of the whole job, as cores = 4")
    if spec.models and not spec.command and spec.variants:
        have = {variant.model for variant in spec.variants}
        for n, model in enumerate(spec.models):
            if model not in have:
                yield Fault(("models", n), "no command for this model", model, "a [[variant]] for it, or a `command`")


def _of_kind(spec: JobSpec, kind: JobKind) -> Iterator[Fault]:
    if kind is JobKind.LEASE:
        if spec.accelerators == 0:
            yield Fault(("accelerators",), "a lease is of nodes with accelerators", 0, "1 or more, rounded up to nodes")
        if spec.share_milli < MILLI:
            yield Fault(("share",), "a lease is of whole nodes", spec.share_milli / MILLI, "100 %")
        if spec.earliest_utc_s == 0:
            yield Fault(
                ("earliest",), "a lease has dates", None, "when its nodes are handed over, and `limit`: how long"
            )
    elif not spec.command and not spec.variants:
        yield Fault(("command",), "nothing to run", None, 'a program, as ["python", "train.py"]')
    if kind is not JobKind.SERVICE:
        if spec.replicas != 1:
            yield Fault(("replicas",), "only a service has replicas", spec.replicas, 'kind = "service"')
        if spec.health is not None:
            yield Fault(("health",), "only a service has a health check", None, 'kind = "service"')
    elif spec.health is not None:
        yield from _health(spec.health)
    if spec.expires_utc_s:
        if kind is not JobKind.INTERACTIVE:
            yield Fault(("expires",), "only a notebook expires", spec.expires_utc_s, 'kind = "interactive"; or `limit`')
        elif spec.expires_utc_s <= spec.earliest_utc_s:
            yield Fault(("expires",), "before it could start", spec.expires_utc_s, "later than `earliest`")


def _health(health: Health) -> Iterator[Fault]:
    if not _PATH.fullmatch(health.path):
        yield Fault(("health", "path"), "not a path", health.path[:200], "as /healthz, at most 200 characters")
    for field, low, high in (("every_s", 1, 3_600), ("fails", 1, 100), ("start_s", 1, DAY_S)):
        value = getattr(health, field)
        if not low <= value <= high:
            yield Fault(("health", short(field)), "out of bounds", value, f"{low} to {high}")
