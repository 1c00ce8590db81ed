"""Alembic's entry."""

from chassis import migrations

migrations.run()
