"""Lists of a user's journals by theme. By age there is one, and what is rare is looked through."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("create index journal_by_theme on journal (user_id, lower(theme), id)")
    op.execute("create index idempotent_order_age on idempotent_order (created_at)")


def downgrade() -> None:
    op.execute("drop index idempotent_order_age")
    op.execute("drop index journal_by_theme")
