"""How what is left of a bound is shared out: half to those who go now, half to who comes next."""

from decimal import ROUND_DOWN, Decimal
from typing import Final

MILL: Final = Decimal("0.000001")
"""What the ledger counts in, US dollars."""


def part_of_half(left: Decimal, steps: int) -> Decimal:
    """What each of so many steps may have."""
    return (left / 2 / steps).quantize(MILL, ROUND_DOWN)
