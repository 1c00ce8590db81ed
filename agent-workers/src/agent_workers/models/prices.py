"""What a call costs, by public price lists that travel with the package."""

from decimal import Decimal

from genai_prices import Usage, calc_price

from agent_workers.models.offline import OFFLINE
from agent_workers.models.provider import Tokens


def price_of(model: str, tokens: Tokens, provider: str | None = None) -> Decimal | None:
    """US dollars; None for a model that no list knows: unpriced is not free.

    `provider` as the lists name it; None where any provider's price of that model will do.
    """
    if model == OFFLINE or not tokens.all:
        return Decimal(0)
    usage = Usage(input_tokens=tokens.into, output_tokens=tokens.out)
    try:
        return calc_price(usage, model_ref=model, provider_id=provider).total_price
    except LookupError:
        return None
