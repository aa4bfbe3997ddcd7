"""Documents that were read, what they say, and what two people decided about it.

All four tables are only ever added to: triggers forbid to change or delete a row (migration `pledges`). A pledge has no table:
it is the fold of the decisions that were confirmed (`dure.tracking.decided`).
"""

from django.db import models

from dure.store.models.programme import ID


class PledgeDocument(models.Model):
    """A page as it was read: the fields of a pledges.model.Document, whose offsets count in `text`."""

    seq = models.BigAutoField(primary_key=True)
    sha256 = models.CharField(max_length=64, unique=True)  # of the bytes as they came
    name = models.TextField()  # file or address
    text = models.TextField()
    prose = models.JSONField()  # [[start, end], ...]
    language = models.CharField(max_length=2)
    published = models.CharField(max_length=10, blank=True)  # 2026-02-02; empty: not known
    published_from = models.CharField(max_length=20, blank=True)
    media = models.CharField(max_length=100, blank=True)
    encoding = models.CharField(max_length=100, blank=True)
    flags = models.JSONField()
    copy_of = models.CharField(max_length=64, blank=True, db_index=True)  # sha256 of the page that it repeats
    extractor = models.CharField(max_length=100)  # by which version of the rules it was read
    by = models.CharField(**ID)
    read_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return f"document {self.seq}"


class PledgeMention(models.Model):
    """One statement of a document; `body` is a pledges.model.Mention."""

    seq = models.BigAutoField(primary_key=True)
    document = models.ForeignKey(PledgeDocument, models.PROTECT, related_name="mentions")
    digest = models.CharField(max_length=64)  # of the body
    body = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "digest"], name="store_pledge_mention_once")]

    def __str__(self) -> str:
        return f"mention {self.seq}"


class PledgeProposal(models.Model):
    """What one person proposes to decide; nothing follows from it by itself. `body` is a decision of pledges.folding."""

    seq = models.BigAutoField(primary_key=True)
    pledge = models.CharField(max_length=60, blank=True)  # empty: about a mention that is to become none
    kind = models.CharField(max_length=20)  # accept, revise, dispute, ...; dismiss
    mention = models.ForeignKey(PledgeMention, models.PROTECT, null=True, blank=True, related_name="proposals")
    body = models.JSONField()
    digest = models.CharField(max_length=64)  # of the body
    corrects = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="corrected")
    by = models.CharField(**ID)
    note = models.TextField(blank=True)
    at_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return f"proposal {self.seq}: {self.kind} {self.pledge}"


class PledgeDecision(models.Model):
    """What became of a proposal, once: confirmed by a person other than `by`, or refused. `seq` is the order of the fold."""

    seq = models.BigAutoField(primary_key=True)
    proposal = models.OneToOneField(PledgeProposal, models.PROTECT, related_name="decision")
    confirmed = models.BooleanField()
    by = models.CharField(**ID)  # who proposed
    second = models.CharField(**ID)  # who decided
    note = models.TextField(blank=True)
    at_utc_s = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(confirmed=False) | ~models.Q(by=models.F("second")), name="store_pledge_two_people"
            )
        ]

    def __str__(self) -> str:
        return f"decision {self.seq}: {'confirmed' if self.confirmed else 'refused'}"
