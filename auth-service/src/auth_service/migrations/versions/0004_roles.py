"""Roles: who may do more than a user, who said so, and until when. Operators become one of them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("create table role (name text primary key, scopes text not null)")
    op.execute("insert into role (name, scopes) values ('operator', 'operator')")
    op.execute(
        """
        create table account_role (
            user_id uuid not null references account on delete cascade,
            role text not null references role,
            granted_by text not null,
            granted_at timestamptz not null,
            until timestamptz,
            primary key (user_id, role)
        )
        """
    )
    op.execute(
        """
        insert into account_role (user_id, role, granted_by, granted_at)
        select user_id, 'operator', granted_by, granted_at from operator
        """
    )
    op.execute("drop table operator")


def downgrade() -> None:
    op.execute(
        """
        create table operator (
            user_id uuid primary key references account on delete cascade,
            granted_by text not null,
            granted_at timestamptz not null
        )
        """
    )
    op.execute(
        """
        insert into operator (user_id, granted_by, granted_at)
        select user_id, granted_by, granted_at from account_role
         where role = 'operator' and (until is null or until > now())
        """
    )
    op.execute("drop table account_role")
    op.execute("drop table role")
