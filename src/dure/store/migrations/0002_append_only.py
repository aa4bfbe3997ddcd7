"""The journal and the closed months are only ever added to."""

from django.db import migrations

from dure.store.triggers import append_only


class Migration(migrations.Migration):
    """Forward only."""

    dependencies = [("store", "0001_initial")]
    operations = [migrations.RunPython(append_only("store_transfer", "store_closedmonth"))]
