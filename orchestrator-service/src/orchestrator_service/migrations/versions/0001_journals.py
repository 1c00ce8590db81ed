"""Journals, their history, the answers that count, orders by key, and the outbox."""

from alembic import op

revision = "0001"
down_revision = None

UP = (
    """
    create table journal (
        id uuid primary key,
        user_id uuid not null,
        theme text not null,
        plan text not null,
        title text,
        status text not null,
        percent integer not null,
        definition integer not null,
        version integer not null,
        saga jsonb not null,
        due_at timestamptz,
        created_at timestamptz not null,
        updated_at timestamptz not null
    )
    """,
    "create index journal_of_user on journal (user_id, id desc)",
    "create index journal_due on journal (due_at) where due_at is not null",
    """
    create table history (
        journal_id uuid not null,
        seq bigint not null,
        n integer,
        type text not null,
        actor text not null,
        data jsonb not null,
        at timestamptz not null,
        primary key (journal_id, seq)
    )
    """,
    """
    create table decision (
        journal_id uuid not null,
        question text not null,
        rev integer not null,
        choice jsonb not null,
        chosen_by text not null,
        primary key (journal_id, question, rev)
    )
    """,
    """
    create table idempotent_order (
        user_id uuid not null,
        key text not null,
        body_sha256 text not null,
        journal_id uuid not null,
        created_at timestamptz not null,
        primary key (user_id, key)
    )
    """,
    """
    create table outbox (
        id uuid primary key,
        name text not null,
        routing_key text not null,
        subject text not null,
        body bytea not null,
        trace json not null,
        created_at timestamptz not null default now()
    )
    """,
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for table in ("outbox", "idempotent_order", "decision", "history", "journal"):
        op.execute(f"drop table {table}")
