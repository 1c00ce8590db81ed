"""Which journals were ordered with which documents of their users."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "document_use",
        sa.Column("journal_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    )


def downgrade() -> None:
    op.drop_table("document_use")
