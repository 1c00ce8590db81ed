"""Alembic's entrance."""

from chassis.migrations import run

run()
