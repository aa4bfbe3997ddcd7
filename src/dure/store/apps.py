"""The Django application that holds Dure's models."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    """Label `store`; every table is named store_*."""

    name = "dure.store"
    label = "store"
    verbose_name = "Dure"
