"""The audit log: what waits to enter it, the entries, the tree over them, and its signed heads.

`dure.store.audit` alone writes these tables. A business change and its row of `Outbox` commit together; one sequencer moves
rows of the outbox into the tree. Triggers forbid to change or delete an entry or a checkpoint (migration `governance`).
"""

from django.db import models


class Outbox(models.Model):
    """An entry that has no place yet. `body` is canonical JSON; `seq` is only an order of arrival, and may have gaps."""

    seq = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=20)
    about = models.CharField(max_length=200)
    body = models.TextField()
    at_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"


class Entry(models.Model):
    """One entry of the log. `line` is its canonical JSON, the leaf's data; `leaf` is the hash of it."""

    seq = models.BigIntegerField(primary_key=True)  # from 0, without a gap
    kind = models.CharField(max_length=20)
    about = models.CharField(max_length=200)
    at_utc_s = models.BigIntegerField()
    line = models.TextField()
    leaf = models.BinaryField(max_length=32)

    class Meta:
        indexes = [models.Index(fields=["about"], name="store_entry_about")]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.about}"


class Tile(models.Model):
    """256 neighbouring hashes of a level of the tree, or the first of them: level 0 holds leaves, level n roots of 256^n."""

    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "number"], name="store_tile_once")]

    def __str__(self) -> str:
        return f"{self.level}/{self.number}"


class Checkpoint(models.Model):
    """A signed head of the log: a note as in C2SP tlog-checkpoint."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField()  # text and the programme's signature
    at_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Cosignature(models.Model):
    """A witness's signature under a checkpoint."""

    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT, related_name="cosignatures")
    witness = models.CharField(max_length=200)
    line = models.TextField()
    at_utc_s = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["checkpoint", "witness"], name="store_cosignature_once")]

    def __str__(self) -> str:
        return f"{self.witness} under {self.checkpoint_id}"


class Secret(models.Model):
    """What a commitment in the log hides: a person's name or a free text. To erase it is to delete the row; the log, which
    holds only the SHA-256 of salt and value, stays whole and says no more who it was."""

    digest = models.CharField(primary_key=True, max_length=64)
    salt = models.BinaryField(max_length=32)
    value = models.TextField()
    person = models.CharField(max_length=100, db_index=True)  # whose it is: the name itself, or who wrote the text

    def __str__(self) -> str:
        return self.digest
