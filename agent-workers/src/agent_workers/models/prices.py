"""What a call costs, by public price lists that travel with the package."""

from decimal import Decimal

from genai_prices import Usage, calc_price

from agent_workers.models.offline import OFFLINE
from agent_workers.models.provider import Reply


def price_of(model: str, reply: Reply) -> Decimal | None:
    """US dollars; None for a model that no list knows: unpriced is not free."""
    if model == OFFLINE:
        return Decimal(0)
    usage = Usage(input_tokens=reply.tokens_in, output_tokens=reply.tokens_out)
    try:
        return calc_price(usage, model_ref=model).total_price
    except LookupError:
        return None
