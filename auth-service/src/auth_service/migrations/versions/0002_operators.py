"""Operators: who may look after the platform."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table operator (
            user_id uuid primary key references account on delete cascade,
            granted_by text not null,
            granted_at timestamptz not null
        )
        """
    )


def downgrade() -> None:
    op.execute("drop table operator")
