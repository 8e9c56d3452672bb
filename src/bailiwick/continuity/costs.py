"""What a month of tokens costs: a price per token, or machines of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from bailiwick.catalog import Model

MONTH_S = 30 * 86400
DAYS = 30


@dataclass(frozen=True, slots=True)
class Hosting:
    """A model on machines of one's own: fixed cost plus what the capacity costs."""

    fixed_per_month: float
    """USD, whatever the load: staff, network, standby."""
    unit_per_month: float
    """USD for one more machine, or group of machines, that serves the model."""
    unit_tokens_per_second: float
    """What one unit serves, input and output together."""
    peak: float = 3.0
    """How much higher the busiest time is than the average."""

    def per_month(self, tokens: float) -> float:
        """Give the cost in USD of serving so many tokens a month."""
        units = ceil(tokens * self.peak / MONTH_S / self.unit_tokens_per_second)
        return self.fixed_per_month + units * self.unit_per_month


@dataclass(frozen=True, slots=True)
class Prices:
    """How each model is paid for."""

    tokens: Mapping[str, tuple[float, float]]
    """Model id to USD for one million tokens, input and output."""
    hosting: Mapping[str, Hosting]
    """Model id to machines of one's own, which count instead of a price."""

    @classmethod
    def of(cls, models: Mapping[str, Model], hosting: Mapping[str, Hosting]) -> "Prices":
        """Take the prices of a catalogue; a missing output price is taken as the input's."""
        found = {}
        for id_, model in models.items():
            given = model.prices.get("input")
            if given is not None:
                output = model.prices.get("output") or given
                found[id_] = float(given.value), float(output.value)
        return cls(found, hosting)

    def per_month(self, model: str, tokens_in: float, tokens_out: float) -> float | None:
        """Give the cost in USD of tokens of one month; ``None``: no price is known."""
        if model in self.hosting:
            return self.hosting[model].per_month(tokens_in + tokens_out)
        if model not in self.tokens:
            return None
        in_, out = self.tokens[model]
        return (tokens_in * in_ + tokens_out * out) / 1e6

    def of_token(self, model: str) -> float:
        """Give the price of input for ordering: unknown and one's own machines come last."""
        if model in self.hosting or model not in self.tokens:
            return float("inf")
        return self.tokens[model][0]
