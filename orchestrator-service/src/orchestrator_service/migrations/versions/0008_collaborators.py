"""With whom journals are shared: invited by address, tied to an account when somebody accepts."""

from alembic import op

revision = "0008"
down_revision = "0007"

UP = (
    """
    create table collaborator (
        id uuid primary key,
        journal_id uuid not null references journal (id) on delete cascade,
        email text not null,
        role text not null check (role in ('viewer', 'editor', 'decider')),
        question text,
        rev integer,
        granted_by uuid not null,
        granted_at timestamptz not null default clock_timestamp(),
        user_id uuid,
        accepted_at timestamptz,
        removed_at timestamptz,
        settled boolean not null default true
    )
    """,
    """
    create unique index collaborator_once
        on collaborator (journal_id, email, coalesce(question, ''), coalesce(rev, 0))
     where removed_at is null
    """,
    "create index collaborator_invited on collaborator (email) where user_id is null",
    """
    create index collaborator_of_user on collaborator (user_id, journal_id)
     where user_id is not null and removed_at is null
    """,
    "create index collaborator_unsettled on collaborator (journal_id) where not settled",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table collaborator")
