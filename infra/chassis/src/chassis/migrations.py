"""What a service's `migrations/env.py` does: run on the connection of `Database.migrate`."""

from alembic import context


def run() -> None:
    """Apply the pending versions in the caller's transaction."""
    context.configure(connection=context.config.attributes["connection"])
    with context.begin_transaction():
        context.run_migrations()
