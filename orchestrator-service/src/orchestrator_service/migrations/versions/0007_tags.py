"""Tags of users, and which of their journals have them: many to many, gone with either side."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
        create table tag (
            id uuid primary key,
            user_id uuid not null,
            name text not null check (name <> ''),
            unique (user_id, name)
        )
    """)
    op.execute("""
        create table tagged (
            journal_id uuid not null references journal (id) on delete cascade,
            tag_id uuid not null references tag (id) on delete cascade,
            primary key (journal_id, tag_id)
        )
    """)
    op.execute("create index tagged_with on tagged (tag_id, journal_id)")


def downgrade() -> None:
    op.execute("drop table tagged")
    op.execute("drop table tag")
