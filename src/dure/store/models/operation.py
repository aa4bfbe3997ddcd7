"""Jobs, their attempts and events; services, leases' sites, outages; who leads; what is told to others.

What was decided (`desired`) and what an engine says (`observed`) are apart. Every change of a job's state is a row of
`JobEvent` with its cause; triggers forbid to change or delete one (migration `operation`). `dure.operation` alone writes
these tables.
"""

from django.db import models

from dure.store.models.programme import ID, Project


class Service(models.Model):
    """An inference server kept at so many replicas; each replica is a job."""

    id = models.BigAutoField(primary_key=True)
    project = models.CharField(db_index=True, **ID)
    user = models.CharField(**ID)
    spec = models.JSONField()
    replicas = models.IntegerField()  # wanted; 0: stopped
    since_utc_s = models.BigIntegerField(
        default=0
    )  # last scaled or restarted by hand: what ended before counts no more

    def __str__(self) -> str:
        return f"service {self.id}"


class Job(models.Model):
    """A job and where it stands: what follows from its events, kept so that it need not be added up."""

    seq = models.BigAutoField(primary_key=True)  # the job's number; the order of arrival
    project = models.CharField(**ID)
    user = models.CharField(**ID)
    kind = models.SmallIntegerField()
    name = models.CharField(blank=True, max_length=200)
    spec = models.JSONField()  # a workload.spec.JobSpec
    state = models.SmallIntegerField()  # vocabulary.JobState
    wish = models.SmallIntegerField(default=0)  # what its owner asked for since: 0 nothing, 1 cancel, 2 requeue
    wished_by = models.CharField(blank=True, **ID)
    refusal = models.SmallIntegerField(default=0)  # vocabulary.Refusal: of a refused or held job
    why = models.TextField(blank=True)  # in words, where the refusal has more to say
    submitted_utc_s = models.BigIntegerField()
    started_utc_s = models.BigIntegerField(null=True, blank=True)  # first start
    ended_utc_s = models.BigIntegerField(null=True, blank=True)
    attempts = models.IntegerField(default=0)
    engine_failures = models.IntegerField(default=0)  # in a row
    saved_s = models.BigIntegerField(default=0)  # work behind save points
    failure = models.SmallIntegerField(default=0)  # vocabulary.Failure of the last attempt
    exit_code = models.IntegerField(null=True, blank=True)
    decision = models.BigIntegerField(null=True, blank=True)  # governance decision last made about it
    facts = models.CharField(blank=True, max_length=64)  # digest of the facts and rules of that decision
    scavenges = models.BooleanField(default=False)  # runs at the lowest priority and is not charged
    service = models.ForeignKey(Service, models.PROTECT, null=True, blank=True, related_name="jobs", db_index=False)
    replica = models.IntegerField(default=0)
    key = models.CharField(null=True, blank=True, max_length=200)  # the submitter's idempotency key

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], condition=models.Q(key__isnull=False), name="store_job_once"
            )
        ]
        indexes = [  # each is written to with every change of a job's state: those of few jobs know no others
            models.Index(fields=["project"], name="store_job_project"),
            models.Index(fields=["service"], condition=models.Q(service__isnull=False), name="store_job_service"),
            models.Index(fields=["seq"], condition=models.Q(state=0), name="store_job_new"),
            models.Index(fields=["seq"], condition=models.Q(state__in=(0, 1, 2)), name="store_job_live"),
            models.Index(fields=["seq"], condition=models.Q(wish__gt=0), name="store_job_wish"),
            models.Index(fields=["seq"], condition=models.Q(state=1, refusal=14), name="store_job_held"),
        ]

    def __str__(self) -> str:
        return f"job {self.seq}"


class Attempt(models.Model):
    """One try at running a job: the intent, written before the engine is asked, and what the engine has said since."""

    key = models.CharField(primary_key=True, max_length=100)
    job = models.ForeignKey(Job, models.PROTECT, related_name="tries", db_index=False)
    number = models.IntegerField()
    pool = models.CharField(**ID)
    engine = models.CharField(blank=True, max_length=100)  # identity of the engine: another one knows nothing of it
    nodes = models.JSONField()  # [[node number, device mask], ...]
    desired = models.SmallIntegerField(default=0)  # lifecycle.attempts.Desired
    observed = models.SmallIntegerField(default=0)  # lifecycle.attempts.Observed
    ending = models.SmallIntegerField(default=0)  # vocabulary.JobEvent with which it will end, once it was told to
    cause = models.TextField(blank=True)
    start_utc_s = models.BigIntegerField()  # decided
    run_utc_s = models.BigIntegerField(null=True, blank=True)  # the command began
    end_utc_s = models.BigIntegerField(null=True, blank=True)
    stop_utc_s = models.BigIntegerField(null=True, blank=True)  # last told to stop
    stop_how = models.SmallIntegerField(default=-1)  # executors.base.Stop
    exit_code = models.IntegerField(null=True, blank=True)
    failure = models.SmallIntegerField(default=0)
    charge = models.BigIntegerField(default=0)  # milli-units an hour
    limit_s = models.BigIntegerField(default=0)  # wall seconds
    reserved = models.BooleanField(default=False)  # units are reserved in the ledger
    held_milli = models.BigIntegerField(default=0)  # milli-accelerators
    port = models.IntegerField(default=0)
    energy_j = models.BigIntegerField(null=True, blank=True)
    busy_milli = models.IntegerField(null=True, blank=True)
    unhealthy = models.IntegerField(default=0)  # failed health checks in a row
    health_utc_s = models.BigIntegerField(default=0)  # last health check

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="store_attempt_once")]
        indexes = [
            models.Index(fields=["key"], condition=models.Q(observed__lt=4), name="store_attempt_live"),
        ]

    def __str__(self) -> str:
        return self.key


class JobEvent(models.Model):
    """One thing that happened to a job: a row of the run log, with its cause."""

    seq = models.BigAutoField(primary_key=True)
    job = models.BigIntegerField(db_index=True)
    event = models.SmallIntegerField()  # vocabulary.JobEvent
    reason = models.SmallIntegerField(default=0)  # vocabulary.Refusal
    pool = models.CharField(blank=True, **ID)
    attempt = models.CharField(blank=True, max_length=100)
    at_utc_s = models.BigIntegerField()
    cause = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.seq} job {self.job}"


class Meter(models.Model):
    """What a project's jobs came to so far, to the milli-unit-second, and its usage as fair share remembers it."""

    project = models.OneToOneField(Project, models.PROTECT, primary_key=True)
    milli_unit_s = models.BigIntegerField(default=0)  # posted
    refund_milli_unit_s = models.BigIntegerField(default=0)
    used = models.FloatField(default=0.0)  # decayed, milli-unit-seconds
    used_utc_s = models.BigIntegerField(default=0)  # decayed up to here


class Terms(models.Model):
    """How a project runs: its shares, limit, and what happens when its units are spent."""

    project = models.OneToOneField(Project, models.PROTECT, primary_key=True, related_name="terms")
    shares = models.IntegerField(default=1)
    limit_accelerators = models.IntegerField(null=True, blank=True)
    when_spent = models.CharField(max_length=10, default="wait")  # finish, wait, scavenge


class Used(models.Model):
    """Beside a row of `Usage` of a live attempt: what else was measured."""

    key = models.CharField(primary_key=True, max_length=100)  # of the attempt
    job = models.BigIntegerField(db_index=True)
    project = models.CharField(**ID)
    user = models.CharField(**ID)
    wait_s = models.BigIntegerField()
    energy_j = models.BigIntegerField()
    measured = models.BooleanField()  # energy by counters; else by the model
    busy_milli = models.IntegerField(null=True, blank=True)
    ended_by = models.SmallIntegerField()  # vocabulary.JobEvent
    failure = models.SmallIntegerField()
    refunded_milli = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["project"], name="store_used_project")]


class SiteOrder(models.Model):
    """What an operator said of a site: drained, or a cap on its power."""

    site = models.CharField(primary_key=True, **ID)
    drained = models.BooleanField(default=False)
    cap_w = models.BigIntegerField(null=True, blank=True)  # in place of the fleet's
    version = models.BigIntegerField(default=0)  # grows with each change

    def __str__(self) -> str:
        return self.site


class Outage(models.Model):
    """Planned work at a site, known ahead: nothing is started that would run into it."""

    seq = models.BigAutoField(primary_key=True)
    site = models.CharField(**ID)
    from_utc_s = models.BigIntegerField()
    to_utc_s = models.BigIntegerField()
    reason = models.CharField(max_length=300, blank=True)
    by = models.CharField(**ID)

    def __str__(self) -> str:
        return f"{self.site} {self.from_utc_s}"


class NodeState(models.Model):
    """A node that its engine says is down, or was."""

    node = models.IntegerField(primary_key=True)
    up = models.BooleanField()
    since_utc_s = models.BigIntegerField()
    cause = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"node {self.node}"


class Leader(models.Model):
    """The one row that says which control loop leads. A loop whose term is over commits nothing more."""

    id = models.SmallIntegerField(primary_key=True)
    term = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    policy = models.CharField(max_length=100, blank=True)  # by which it schedules: `why` and `when` ask for the same
    beat_utc_s = models.BigIntegerField(default=0)  # last cycle
    cycle_ms = models.IntegerField(default=0)  # how long that took

    def __str__(self) -> str:
        return f"term {self.term}: {self.holder}"


class Forecast(models.Model):
    """A start that was foretold, and what became of it."""

    seq = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, models.CASCADE, related_name="forecasts")
    made_utc_s = models.BigIntegerField()
    low_utc_s = models.BigIntegerField()
    high_utc_s = models.BigIntegerField()
    started_utc_s = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"job {self.job_id}"


class Webhook(models.Model):
    """Where somebody wants to be told of the events of a project's jobs. Its key is derived, never kept."""

    seq = models.BigAutoField(primary_key=True)
    project = models.CharField(db_index=True, **ID)
    user = models.CharField(**ID)
    url = models.CharField(max_length=500)
    sent_seq = models.BigIntegerField(default=0)  # events up to here were delivered or given up
    tries = models.IntegerField(default=0)
    next_utc_s = models.BigIntegerField(default=0)
    stopped = models.BooleanField(default=False)
    fault = models.CharField(max_length=300, blank=True)  # of the last try

    def __str__(self) -> str:
        return f"webhook {self.seq}"
