"""Webhooks of users, and what is told by them: a row for each event and webhook."""

from alembic import op

revision = "0009"
down_revision = "0008"

UP = (
    """
    create table webhook (
        id uuid primary key,
        user_id uuid not null,
        url text not null,
        events text[] not null,
        secret bytea not null,
        created_at timestamptz not null default clock_timestamp(),
        failures integer not null default 0,
        disabled_at timestamptz
    )
    """,
    "create index webhook_of_user on webhook (user_id)",
    """
    create table delivery (
        id uuid primary key,
        webhook_id uuid not null references webhook (id) on delete cascade,
        journal_id uuid not null references journal (id) on delete cascade,
        n integer not null,
        event text not null,
        body text not null,
        state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed')),
        attempts integer not null default 0,
        due_at timestamptz not null default clock_timestamp(),
        last_status integer,
        last_error text,
        created_at timestamptz not null default clock_timestamp(),
        unique (webhook_id, journal_id, n)
    )
    """,
    "create index delivery_due on delivery (due_at) where state = 'waiting'",
    "create index delivery_of_journal on delivery (journal_id)",
    "create index delivery_of_webhook on delivery (webhook_id, created_at desc)",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table delivery")
    op.execute("drop table webhook")
