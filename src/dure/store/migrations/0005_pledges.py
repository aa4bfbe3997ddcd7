"""Documents, what they say, and what two people decided about it: only ever added to."""

import django.db.models.deletion
from django.db import migrations, models

from dure.store.triggers import append_only

TABLES = ("store_pledgedocument", "store_pledgemention", "store_pledgeproposal", "store_pledgedecision")


class Migration(migrations.Migration):
    """Forward only."""

    dependencies = [("store", "0004_operation")]

    operations = [
        migrations.CreateModel(
            name="PledgeDocument",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("name", models.TextField()),
                ("text", models.TextField()),
                ("prose", models.JSONField()),
                ("language", models.CharField(max_length=2)),
                ("published", models.CharField(blank=True, max_length=10)),
                ("published_from", models.CharField(blank=True, max_length=20)),
                ("media", models.CharField(blank=True, max_length=100)),
                ("encoding", models.CharField(blank=True, max_length=100)),
                ("flags", models.JSONField()),
                ("copy_of", models.CharField(blank=True, db_index=True, max_length=64)),
                ("extractor", models.CharField(max_length=100)),
                ("by", models.CharField(max_length=100)),
                ("read_utc_s", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="PledgeMention",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64)),
                ("body", models.JSONField()),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mentions",
                        to="store.pledgedocument",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PledgeProposal",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("pledge", models.CharField(blank=True, max_length=60)),
                ("kind", models.CharField(max_length=20)),
                ("body", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
                ("by", models.CharField(max_length=100)),
                ("note", models.TextField(blank=True)),
                ("at_utc_s", models.BigIntegerField()),
                (
                    "corrects",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrected",
                        to="store.pledgeproposal",
                    ),
                ),
                (
                    "mention",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="store.pledgemention",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PledgeDecision",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("confirmed", models.BooleanField()),
                ("by", models.CharField(max_length=100)),
                ("second", models.CharField(max_length=100)),
                ("note", models.TextField(blank=True)),
                ("at_utc_s", models.BigIntegerField()),
                (
                    "proposal",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decision",
                        to="store.pledgeproposal",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="pledgemention",
            constraint=models.UniqueConstraint(fields=("document", "digest"), name="store_pledge_mention_once"),
        ),
        migrations.AddConstraint(
            model_name="pledgedecision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed", False), models.Q(("by", models.F("second")), _negated=True), _connector="OR"
                ),
                name="store_pledge_two_people",
            ),
        ),
        migrations.RunPython(append_only(*TABLES)),
    ]
