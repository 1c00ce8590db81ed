"""Where alembic begins."""

from chassis.migrations import run

run()
