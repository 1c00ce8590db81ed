"""What is written to people about their journals, and what they want of that."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        """
        create table notice (
            user_id uuid not null references account on delete cascade,
            journal_id uuid not null,
            about text not null,
            rev integer not null,
            question text not null,
            due_at timestamptz,
            noted_at timestamptz not null default clock_timestamp(),
            primary key (user_id, journal_id, about, rev)
        )
        """
    )
    op.execute("create index notice_due_at on notice (due_at) where due_at is not null")
    op.execute("create index notice_noted_at on notice (noted_at)")
    op.execute(
        """
        create table notice_wish (
            user_id uuid primary key references account on delete cascade,
            questions boolean not null,
            books boolean not null
        )
        """
    )


def downgrade() -> None:
    op.execute("drop table notice_wish")
    op.execute("drop table notice")
