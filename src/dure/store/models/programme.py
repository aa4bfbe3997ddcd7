"""Calls, applications, reviews, awards and who may see them.

What people write is kept as one document: the dataclass of `dure.programme.model`, as JSON. Columns beside it are only
what is searched or changes later. `Happening` is the record from which every state can be derived again.
"""

from django.conf import settings
from django.db import models

from dure.programme.lifecycle import CallState, State

ID = {"max_length": 100}
User = settings.AUTH_USER_MODEL


def _choices(enum: type) -> list[tuple[str, str]]:
    return [(member.value, member.name.lower().replace("_", " ")) for member in enum]  # type: ignore[attr-defined]


class Programme(models.Model):
    """The one row that says what this programme is: its name and its fleet, as the TOML it was given."""

    name = models.CharField(max_length=200)
    contact = models.CharField(max_length=300, blank=True)  # where letters say to ask
    fleet_toml = models.TextField()
    created_utc_s = models.BigIntegerField()


class Call(models.Model):
    """A call; `document` is a programme.model.Call."""

    id = models.CharField(primary_key=True, **ID)
    state = models.CharField(max_length=20, choices=_choices(CallState), default=CallState.DRAFT)
    document = models.JSONField()
    beacon_value = models.CharField(max_length=200, blank=True)  # known only after the close

    def __str__(self) -> str:
        return self.id


class Project(models.Model):
    """Who spends awards: the short name that stands in jobs and balances."""

    id = models.CharField(primary_key=True, **ID)
    title = models.CharField(max_length=300, blank=True)
    institution = models.CharField(max_length=300, blank=True)
    country = models.CharField(max_length=2, blank=True)
    region = models.CharField(max_length=100, blank=True)
    stopped = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.id


class Member(models.Model):
    """A person of a project. `role` is pi, co-pi or member."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="members")
    user = models.CharField(db_index=True, **ID)
    role = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="store_member_once")]

    def __str__(self) -> str:
        return f"{self.user} of {self.project_id}"


class Application(models.Model):
    """An application; `document` is a programme.model.Application. `score` is set when it is ranked."""

    id = models.CharField(primary_key=True, **ID)
    call = models.ForeignKey(Call, models.PROTECT, null=True, blank=True, related_name="applications")
    project = models.CharField(db_index=True, **ID)
    lead = models.CharField(db_index=True, **ID)
    state = models.CharField(max_length=20, choices=_choices(State), default=State.DRAFT, db_index=True)
    submitted_utc_s = models.BigIntegerField(null=True, blank=True)
    score_raw_milli = models.IntegerField(null=True, blank=True)
    score_milli = models.IntegerField(null=True, blank=True)
    reserve_rank = models.IntegerField(default=0)  # place on the reserve list, from 1; 0: not on it
    reserve_milli = models.BigIntegerField(default=0)  # what it would be given if units came free
    decision = models.JSONField(default=dict, blank=True)  # why: ko, en, and what other rules would have given
    document = models.JSONField()
    declaration = models.JSONField(null=True, blank=True)  # a governance.screening.Declaration; NULL: none was made

    def __str__(self) -> str:
        return self.id


class Happening(models.Model):
    """One thing that happened to a call, application, review or award: who, when, from which state to which."""

    seq = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20)  # call, application, review, award, trial, ledger, role
    about = models.CharField(db_index=True, **ID)
    event = models.CharField(max_length=40)
    before = models.CharField(max_length=20, blank=True)
    after = models.CharField(max_length=20, blank=True)
    by = models.CharField(**ID)
    at_utc_s = models.BigIntegerField()
    note = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.about} {self.event}"


class Reviewer(models.Model):
    """A reviewer; `document` is a programme.model.Reviewer."""

    user = models.CharField(primary_key=True, **ID)
    document = models.JSONField()

    def __str__(self) -> str:
        return self.user


class Review(models.Model):
    """One reviewer's review of one application, from its assignment on. `stage` is technical or scientific."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="reviews")
    reviewer = models.CharField(db_index=True, **ID)
    stage = models.CharField(max_length=20, default="scientific")
    committee = models.CharField(blank=True, **ID)
    due_utc_s = models.BigIntegerField(null=True, blank=True)
    declined = models.BooleanField(default=False)
    submitted_utc_s = models.BigIntegerField(null=True, blank=True)
    document = models.JSONField(default=dict)  # scores, comment, private_comment

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "reviewer"], name="store_review_once")]

    def __str__(self) -> str:
        return f"{self.reviewer} on {self.application_id}"


class Trial(models.Model):
    """One computed round: which rule on which inputs, and what each application got. Every trial is kept."""

    seq = models.BigAutoField(primary_key=True)
    call = models.ForeignKey(Call, models.PROTECT, related_name="trials")
    rule = models.CharField(max_length=40)
    version = models.IntegerField()
    seed = models.BigIntegerField()
    input_hash = models.CharField(max_length=64)
    by = models.CharField(**ID)
    at_utc_s = models.BigIntegerField()
    result = models.JSONField()  # ids, amounts, outcomes, bounds, certificate
    published = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"trial {self.seq}: {self.rule} on {self.call_id}"


class Award(models.Model):
    """What an application was awarded, and why. Balances are the ledger's; this is the decision."""

    application = models.OneToOneField(Application, models.PROTECT, primary_key=True, related_name="award")
    project = models.ForeignKey(Project, models.PROTECT, related_name="awards")
    trial = models.ForeignKey(Trial, models.PROTECT, null=True, blank=True)
    amount_milli = models.BigIntegerField()
    from_utc_s = models.BigIntegerField()
    to_utc_s = models.BigIntegerField()
    exempt = models.CharField(max_length=300, blank=True)  # why it is spared clawback
    ended = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.application_id}: {self.amount_milli}"


class Proposal(models.Model):
    """Something that takes two people: what one proposed waits for another to agree."""

    seq = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20)  # adjust, correct, amend
    document = models.JSONField()
    reason = models.TextField()
    by = models.CharField(**ID)
    at_utc_s = models.BigIntegerField()
    second = models.CharField(blank=True, **ID)
    agreed_utc_s = models.BigIntegerField(null=True, blank=True)
    refused = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} by {self.by}"


class Letter(models.Model):
    """A letter in the queue of mail. `key` keeps one from being queued twice."""

    key = models.CharField(max_length=200, unique=True)
    user = models.CharField(db_index=True, **ID)
    language = models.CharField(max_length=2)
    kind = models.CharField(max_length=40)
    about = models.CharField(**ID)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    queued_utc_s = models.BigIntegerField()
    sent_utc_s = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} to {self.user}"


class Grant(models.Model):
    """A role that somebody holds. A facilitator's `project` is one of those they read; others leave it empty."""

    user = models.CharField(db_index=True, **ID)
    role = models.CharField(max_length=20)
    project = models.CharField(blank=True, **ID)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "role", "project"], name="store_grant_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"


class Token(models.Model):
    """A key to the API: only its hash is kept. `scopes` is any of read, write, office, separated by spaces."""

    digest = models.CharField(primary_key=True, max_length=64)
    user = models.CharField(db_index=True, **ID)
    name = models.CharField(max_length=100, blank=True)
    scopes = models.CharField(max_length=100)
    made_utc_s = models.BigIntegerField()
    expires_utc_s = models.BigIntegerField()
    revoked = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.user}: {self.name}"


class Answered(models.Model):
    """The answer given to a request with an idempotency key: the same request again gets the same answer."""

    user = models.CharField(**ID)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.IntegerField()
    body = models.TextField()
    at_utc_s = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="store_answer_once")]

    def __str__(self) -> str:
        return f"{self.user} {self.key}"
