"""Dead letters: hopeless messages of every service, to be looked at and decided about."""

from alembic import op

revision = "0003"
down_revision = "0002"

UP = (
    """
    create table dead_letter (
        id uuid primary key,
        service text not null,
        queue text not null,
        name text not null,
        journal_id uuid,
        reason text not null,
        error text not null,
        tries integer not null,
        redrives integer not null,
        body bytea not null,
        shown jsonb,
        message_id text,
        subject text,
        headers jsonb not null,
        first_seen timestamptz not null
    )
    """,
    "create index dead_letter_newest on dead_letter (first_seen desc, id desc)",
    "create index dead_letter_class on dead_letter (service, name, reason)",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    """The letters are lost: send them back or drop them first."""
    op.execute("drop table dead_letter")
