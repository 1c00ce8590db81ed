"""What a user gets who asks for all that is kept of them here."""

from typing import Final

from chassis.exporting import router_of
from journal_contracts.catalogue import GATEWAY

QUERIES: Final = {
    "replies": """
        select journal_id, phase, part, agent, model, reply, kept_at from paid_call
         where user_id = :user order by kept_at
    """,
    "calls": """
        select id, journal_id, phase, part, agent, model, provider, outcome, code, tokens_in,
               tokens_out, estimated, cost, seconds, at
          from attempt where user_id = :user order by at
    """,
}

router: Final = router_of(QUERIES, GATEWAY)
