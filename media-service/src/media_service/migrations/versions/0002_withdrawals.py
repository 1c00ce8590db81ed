"""What was withdrawn, so that a late registration does not bring it back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "asset_withdrawal",
        sa.Column("journal_id", sa.Uuid, primary_key=True),
        sa.Column("attempt", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("asset_withdrawal")
