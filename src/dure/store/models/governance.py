"""Rules and what was decided by them; screening; data, models, their runs and evaluations.

As with calls, what people write is one document, the dataclass of `dure.governance`, as JSON. Triggers forbid to change or
delete a rule set, a decision, a run or a usage row (migration `governance`).
"""

from django.db import models

from dure.store.models.programme import ID, Application


class RuleSet(models.Model):
    """A set of rules, each time that it was adopted: the last one is in force. `digest` is over all its files; past
    decisions name the set that made them."""

    seq = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=64, db_index=True)
    files = models.JSONField()  # name -> text
    adopted_utc_s = models.BigIntegerField()
    by = models.CharField(**ID)
    note = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.digest[:12]


class Decision(models.Model):
    """One verdict: what was asked, as of when, by which rules, and what came out."""

    seq = models.BigAutoField(primary_key=True)
    act = models.CharField(max_length=20)
    about = models.CharField(max_length=200, db_index=True)
    facts = models.JSONField()
    as_of_utc_s = models.BigIntegerField()
    allowed = models.BooleanField()
    reasons = models.JSONField()  # rule ids
    obligations = models.JSONField()  # rule ids
    faults = models.JSONField()  # what was wrong with the facts
    rules = models.CharField(max_length=64)  # digest of the rule set
    by = models.CharField(**ID)
    at_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.seq} {self.act} {self.about}"


class Obligation(models.Model):
    """What a decision asked for: open until it is met, refused or waived. A waiver has two people and an end."""

    seq = models.BigAutoField(primary_key=True)
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="asked")
    rule = models.CharField(**ID)
    kind = models.CharField(max_length=20)
    about = models.CharField(max_length=200, db_index=True)
    project = models.CharField(blank=True, db_index=True, **ID)
    asked = models.CharField(max_length=64)  # digest of the facts that its rule reads: others ask anew
    state = models.CharField(max_length=10, default="open")  # open, met, refused, waived
    by = models.CharField(blank=True, **ID)
    second = models.CharField(blank=True, **ID)
    note = models.TextField(blank=True)
    evidence = models.CharField(max_length=64, blank=True)  # SHA-256 of a document
    at_utc_s = models.BigIntegerField(null=True, blank=True)
    until_utc_s = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.rule} on {self.about}: {self.state}"


class Watchlist(models.Model):
    """One edition of a list that applications are screened against: sensitive areas, or named organisations."""

    digest = models.CharField(primary_key=True, max_length=64)  # of the file
    list = models.CharField(max_length=60, db_index=True)  # which list; editions follow each other
    kind = models.CharField(max_length=20)
    dated = models.CharField(max_length=10)
    source = models.CharField(max_length=300)
    document = models.JSONField()
    imported_utc_s = models.BigIntegerField()
    by = models.CharField(**ID)

    def __str__(self) -> str:
        return f"{self.list} of {self.dated}"


class Screening(models.Model):
    """One screening of one application: its flags, and what two people decided about them."""

    seq = models.BigAutoField(primary_key=True)
    application = models.ForeignKey(Application, models.PROTECT, related_name="screenings")
    document = models.JSONField()  # governance.screening.Screened
    state = models.CharField(max_length=12)  # clear, flagged; after two people: clear, mitigated, refer, refused
    proposed = models.CharField(max_length=12, blank=True)
    by = models.CharField(blank=True, **ID)
    second = models.CharField(blank=True, **ID)
    note = models.TextField(blank=True)
    at_utc_s = models.BigIntegerField()
    until_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.application_id}: {self.state}"


class Dataset(models.Model):
    """Data that runs read; `document` is a governance.assets.Dataset."""

    id = models.CharField(primary_key=True, **ID)
    project = models.CharField(db_index=True, **ID)
    document = models.JSONField()

    def __str__(self) -> str:
        return self.id


class AIModel(models.Model):
    """A model that the programme made or uses; `document` is a governance.assets.Model."""

    id = models.CharField(primary_key=True, **ID)
    project = models.CharField(db_index=True, **ID)
    document = models.JSONField()
    released_utc_s = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return self.id


class Run(models.Model):
    """An entry of the compute ledger; `document` is a governance.lineage.Run."""

    id = models.CharField(primary_key=True, **ID)
    model = models.ForeignKey(AIModel, models.PROTECT, related_name="runs")
    document = models.JSONField()
    datasets = models.JSONField(default=list)  # ids of the data it read
    by = models.CharField(**ID)
    at_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return self.id


class Evaluation(models.Model):
    """The outcome of one evaluation of one save point of a model; `document` is a governance.gate.Evaluation."""

    seq = models.BigAutoField(primary_key=True)
    model = models.ForeignKey(AIModel, models.PROTECT, related_name="evaluations")
    digest = models.CharField(max_length=64)  # of the save point
    document = models.JSONField()
    passed = models.BooleanField()
    by = models.CharField(**ID)
    at_utc_s = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.model_id}: {'passed' if self.passed else 'failed'}"


class Usage(models.Model):
    """What one attempt of a job used, as it was settled."""

    run = models.CharField(**ID)  # the settled run, with `name` the attempt's name once
    name = models.CharField(max_length=200)
    project = models.CharField(db_index=True, **ID)
    pool = models.CharField(**ID)
    model = models.CharField(max_length=60)  # accelerator model
    start_utc_s = models.BigIntegerField()
    end_utc_s = models.BigIntegerField()
    accelerator_milli_s = models.BigIntegerField()
    milli_unit_s = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="store_usage_once")]

    def __str__(self) -> str:
        return f"{self.run} {self.name}"
