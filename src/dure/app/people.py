"""Who is who: accounts, roles, tokens, and the actor that a user is."""

from __future__ import annotations

import hashlib
import re
import secrets

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from dure.app.access import GRANTED, Action, Actor, Forbidden, NotFound, Reach, Role, require
from dure.errors import InputError, UnknownName
from dure.store import audit
from dure.store.models import Application, Grant, Happening, Token
from dure.units import DAY_S

SCOPES = ("read", "write")
TOKEN_DAYS = 90
_NAME = re.compile(r"[\w.@+-]{1,100}")
PASSWORD_LEAST = 12  # characters


# Who somebody is, in one look-up: every request asks it.
_IS = """
SELECT 'is', "user", scopes FROM somebody
UNION ALL SELECT 'grant', g.role, g.project FROM store_grant g, somebody s WHERE g."user" = s."user"
UNION ALL SELECT 'member', m.role, m.project_id FROM store_member m, somebody s WHERE m."user" = s."user"
UNION ALL SELECT 'review', '', r.application_id FROM store_review r, somebody s WHERE r.reviewer = s."user" AND NOT r.declined
"""
_OF_USER = 'WITH somebody AS (SELECT CAST(%s AS varchar) AS "user", CAST(%s AS varchar) AS scopes)' + _IS
_OF_TOKEN = """
WITH somebody AS (
    SELECT "user", scopes FROM store_token t WHERE digest = %s AND NOT revoked AND expires_utc_s > %s
    AND NOT EXISTS (SELECT 1 FROM auth_user u WHERE u.username = t."user" AND NOT u.is_active)
)""" + _IS  # fmt: skip


def actor_of(user: str, scopes: frozenset[str] = frozenset(SCOPES)) -> Actor:
    """The actor that this user is now. Somebody without any role is an applicant."""
    found = _actor(_OF_USER, user, " ".join(sorted(scopes)))
    assert found is not None
    return found


def actor_of_token(token: str, now: int) -> Actor | None:
    """Whose token this is; None for one that is unknown, revoked or expired, or of a closed account."""
    return _actor(_OF_TOKEN, digest(token), now)


def _actor(query: str, *parameters: object) -> Actor | None:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows = cursor.fetchall()
    found: dict[str, list[tuple[str, str]]] = {"is": [], "grant": [], "member": [], "review": []}
    for kind, first, second in rows:
        found[kind].append((first, second))
    if not found["is"]:
        return None
    roles = frozenset(Role(role) for role, _ in found["grant"])
    return Actor(
        user=found["is"][0][0],
        roles=roles,
        leads=frozenset(p for role, p in found["member"] if role in ("pi", "co-pi")),
        belongs=frozenset(p for _, p in found["member"]),
        group=frozenset(p for role, p in found["grant"] if role == Role.FACILITATOR and p),
        assigned=frozenset(a for _, a in found["review"]) if Role.REVIEWER in roles else frozenset(),
        may_write="write" in found["is"][0][1].split(),
    )


def happened(
    kind: str, about: str, event: str, by: str, now: int, *, before: str = "", after: str = "", note: str = ""
) -> None:
    """Append to the record of what happened, and to the audit log, in the transaction at hand."""
    happened_together(
        [Happening(kind=kind, about=about, event=event, before=before, after=after, by=by, at_utc_s=now, note=note)]
    )


def happened_together(rows: list[Happening]) -> None:
    """The same for many at once."""
    made = Happening.objects.bulk_create(rows, batch_size=500)
    audit.append_all([("happening", *audit.happening_body(row), row.at_utc_s) for row in made])


@transaction.atomic
def add_user(actor: Actor, user: str, now: int, *, password: str | None = None, staff: bool = False) -> None:
    """Make an account: a plain user, whatever else they are is granted. Raises InputError where there is one."""
    require(actor, Action.GRANT_ROLE)
    if not _NAME.fullmatch(user):
        raise InputError("not a user name", field="user", value=user, accepted="1 to 100 letters, digits and @.+-_")
    users = get_user_model().objects
    if users.filter(username=user).exists():
        raise InputError("there is such a user already", field="user", value=user)
    users.create_user(user, password=password, is_staff=staff)
    happened("role", user, "add_user", actor.user, now)


@transaction.atomic
def set_password(actor: Actor, user: str, password: str, now: int) -> None:
    """Set somebody's password, or one's own, for the staff pages. Raises NotFound, InputError for one too short."""
    if user != actor.user:
        require(actor, Action.GRANT_ROLE)
    row = get_user_model().objects.filter(username=user).first()
    if row is None:
        raise NotFound("user", user)
    if len(password) < PASSWORD_LEAST:
        raise InputError("too short", field="password", accepted=f"{PASSWORD_LEAST} characters or more")
    row.set_password(password)
    row.save(update_fields=["password"])
    happened("role", user, "set_password", actor.user, now)


def roles(actor: Actor) -> list[tuple[str, str, str]]:
    """Everybody with an account or a role: user, role ("" for none), project (of a facilitator)."""
    require(actor, Action.GRANT_ROLE)
    held = list(Grant.objects.values_list("user", "role", "project"))
    plain = set(get_user_model().objects.values_list("username", flat=True)) - {user for user, _, _ in held}
    return sorted([*held, *((user, "", "") for user in plain)])


@transaction.atomic
def grant(actor: Actor, user: str, role: str, now: int, *, project: str = "", take: bool = False) -> None:
    """Give a role, or take it back. Nobody changes their own roles."""
    require(actor, Action.GRANT_ROLE)
    if user == actor.user:
        raise Forbidden("nobody changes their own roles")
    if role not in GRANTED:
        raise UnknownName("role", role, [r.value for r in GRANTED])
    if (role == Role.FACILITATOR) != bool(project):
        raise InputError("a facilitator, and nobody else, has a project", field="project", value=project)
    if take:
        Grant.objects.filter(user=user, role=role, project=project).delete()
    else:
        Grant.objects.get_or_create(user=user, role=role, project=project)
    happened("role", user, "take" if take else "grant", actor.user, now, after=role, note=project)


@transaction.atomic
def make_token(actor: Actor, now: int, *, name: str = "", write: bool = True, days: int = TOKEN_DAYS) -> str:
    """A new token of one's own; shown once, only its hash is kept."""
    if not actor.may_write:
        raise Forbidden("this token may only read")
    if not 1 <= days <= 366:
        raise InputError("a token lives 1 to 366 days", field="days", value=days)
    token = "dure_" + secrets.token_urlsafe(32)
    Token.objects.create(
        digest=digest(token),
        user=actor.user,
        name=name,
        scopes="read write" if write else "read",
        made_utc_s=now,
        expires_utc_s=now + days * DAY_S,
    )
    happened("role", actor.user, "make_token", actor.user, now, note=name)
    return token


def tokens(actor: Actor, user: str = "") -> list[Token]:
    """One's own tokens, newest first; the office sees anybody's. Their hashes name them: no token can be had from one."""
    if user not in ("", actor.user) and actor.reach(Action.GRANT_ROLE) is None:
        raise Forbidden("only the office looks at the tokens of others")
    return list(Token.objects.filter(user=user or actor.user).order_by("-made_utc_s", "digest"))


@transaction.atomic
def revoke_token(actor: Actor, digest: str, now: int) -> None:
    """End a token of one's own; the office ends anybody's. Raises NotFound for another's."""
    row = Token.objects.filter(digest=digest).first()
    if row is None or (row.user != actor.user and actor.reach(Action.GRANT_ROLE) is None):
        raise NotFound("token", digest)
    if not actor.may_write:
        raise Forbidden("this token may only read")
    row.revoked = True
    row.save(update_fields=["revoked"])
    happened("role", row.user, "revoke_token", actor.user, now, note=row.name)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def reachable(actor: Actor, action: Action) -> tuple[str, list[str]]:
    """`Actor.sees` for rows of applications, as a condition in SQL with its parameters."""
    wanted: dict[str, set[str]] = {"project": set(), "lead": set(), "id": set()}
    for role, reach in actor.reaches(action):
        if reach is Reach.ALL:
            return "TRUE", []
        if reach is Reach.OWN:
            wanted["project"] |= actor.projects(role)
            wanted["lead"].add(actor.user)
        elif reach is Reach.GROUP:
            wanted["project"] |= actor.group
        else:
            wanted["id"] |= actor.assigned
    parts = [f'"{column}" IN ({", ".join(["%s"] * len(values))})' for column, values in wanted.items() if values]
    return " OR ".join(parts) or "FALSE", [v for values in wanted.values() for v in sorted(values)]


def application_for(actor: Actor, action: Action, id: str, *, lock: bool = False) -> Application:
    """The application, locked where it is to be changed. Raises NotFound unless `action` reaches one of this id."""
    require(actor, action)
    rows = Application.objects.select_for_update() if lock else Application.objects
    row = rows.filter(id=id).first()
    if row is None or not actor.sees(action, project=row.project, user=row.lead, application=id):
        raise NotFound("application", id)
    return row
