"""What each user's models cost on each day, and what commands under way may still cost of it."""

from alembic import op

revision = "0005"
down_revision = "0004"

UP = (
    """
    create table user_day (
        user_id uuid not null,
        day date not null,
        settled_cost numeric(14, 6) not null default 0,
        settled_tokens bigint not null default 0,
        recorded_cost numeric(14, 6) not null default 0,
        recorded_tokens bigint not null default 0,
        primary key (user_id, day)
    )
    """,
    """
    alter table outbox add column granted_cost numeric(14, 6), add column granted_tokens bigint
    """,
    """
    create index outbox_granted on outbox (user_id)
     where granted_cost is not null or granted_tokens is not null
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index outbox_granted")
    op.execute("alter table outbox drop column granted_tokens, drop column granted_cost")
    op.execute("drop table user_day")
