"""Calls to models as the workers tell of them: what users, days and agents cost."""

from alembic import op

revision = "0004"
down_revision = "0003"

UP = (
    """
    create table model_call (
        id uuid primary key,
        user_id uuid not null,
        journal_id uuid not null,
        agent text not null,
        model text not null,
        tokens_in integer not null,
        tokens_out integer not null,
        cost numeric(12, 6),
        at timestamptz not null
    )
    """,
    "create index model_call_of_user on model_call (user_id, at)",
    """
    create index journal_completed on journal (plan, updated_at desc) where status = 'completed'
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index journal_completed")
    op.execute("drop table model_call")
