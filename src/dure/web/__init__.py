"""The HTTP API (django-ninja) and the staff pages (Django admin)."""
