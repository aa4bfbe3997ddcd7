"""The journal, the balances that follow from it, and the months that are closed.

The journal's columns are those of `dure.ledger.model.Transfer`; `dure.store.ledger` alone writes these tables. Triggers
forbid to change or delete a row of the journal or of the closed months (migration `append_only`).
"""

from django.db import models
from django.db.models import Q


class Transfer(models.Model):
    """One entry of the journal. `seq` counts from 1 without a gap, so that a missing entry is seen."""

    seq = models.BigAutoField(primary_key=True)
    entry_id = models.CharField(db_column="id", max_length=100)
    debit = models.CharField(max_length=120)
    credit = models.CharField(max_length=120)
    amount = models.BigIntegerField()
    cause = models.SmallIntegerField()
    at_utc_s = models.BigIntegerField()
    asset = models.CharField(max_length=4)
    phase = models.SmallIntegerField()
    pending = models.CharField(max_length=100, null=True)  # NULL for none, so that one index sees to "resolved once"
    expires_utc_s = models.BigIntegerField(null=True)
    linked = models.BooleanField()
    reason = models.TextField()
    by = models.TextField()
    second = models.TextField()
    corrects = models.CharField(max_length=100)
    about = models.TextField()

    class Meta:
        # Constraints and indexes by name, not `unique=True`: that adds a second index for LIKE on PostgreSQL.
        constraints = [
            models.UniqueConstraint(fields=["entry_id"], name="store_transfer_id_once"),
            models.UniqueConstraint(fields=["pending"], name="store_transfer_resolved_once"),
        ]
        indexes = [
            models.Index(fields=["debit"], name="store_transfer_debit"),
            models.Index(fields=["credit"], name="store_transfer_credit"),
            models.Index(fields=["expires_utc_s"], condition=Q(expires_utc_s__isnull=False), name="store_transfer_due"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.entry_id}"


class Account(models.Model):
    """The balance of one account, as the journal makes it."""

    name = models.CharField(max_length=120)
    asset = models.CharField(max_length=4)
    credits = models.BigIntegerField()
    debits = models.BigIntegerField()
    pending_debits = models.BigIntegerField()
    pending_credits = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "asset"], name="store_account_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.asset})"


class ClosedMonth(models.Model):
    """A month (UTC) that is closed, with all before it. `entries` is the length the journal had then."""

    month = models.CharField(max_length=7, primary_key=True)
    entries = models.BigIntegerField()
    closed_utc_s = models.BigIntegerField()
    by = models.TextField()

    def __str__(self) -> str:
        return f"{self.month}"
