"""Paid calls remember which attempt counted them, so that an answer made twice counts once."""

from alembic import op

revision = "0002"
down_revision = "0001"

UP = (
    "alter table paid_call add column counted_by integer",
    "update paid_call set counted_by = 0 where reported",
    "alter table paid_call drop column reported",
)
DOWN = (
    "alter table paid_call add column reported boolean not null default false",
    "update paid_call set reported = true where counted_by is not null",
    "alter table paid_call alter column reported drop default",
    "alter table paid_call drop column counted_by",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
