"""What a user gets who asks for all that is kept of them here."""

from typing import Final

from chassis.exporting import router_of
from journal_contracts.catalogue import GATEWAY

QUERIES: Final = {
    "journals": "select * from journal where user_id = :user order by id",
    "history": """
        select h.* from history h join journal j on j.id = h.journal_id
         where j.user_id = :user order by h.journal_id, h.seq
    """,
    "decisions": """
        select d.* from decision d join journal j on j.id = d.journal_id
         where j.user_id = :user order by d.at
    """,
    "tags": """
        select name, journal_id from tag left join tagged on tag_id = tag.id
         where user_id = :user order by name
    """,
    "shared_with": """
        select c.journal_id, c.email, c.role, c.question, c.granted_at, c.accepted_at
          from collaborator c join journal j on j.id = c.journal_id
         where j.user_id = :user order by c.granted_at
    """,
    "shared_by_others": """
        select journal_id, email, role, question, granted_at, accepted_at from collaborator
         where user_id = :user order by granted_at
    """,
    "webhooks": """
        select id, url, events, created_at, failures, disabled_at from webhook
         where user_id = :user order by created_at
    """,
    "deliveries": """
        select delivery.* from delivery join webhook on webhook.id = webhook_id
         where user_id = :user order by delivery.created_at
    """,
    "model_calls": "select * from model_call where user_id = :user order by at",
    "days": "select * from user_day where user_id = :user order by day",
    "orders": "select * from idempotent_order where user_id = :user order by created_at",
}
"""Of webhooks without their secrets. What waits in queues is in the history already."""

router: Final = router_of(QUERIES, GATEWAY)
