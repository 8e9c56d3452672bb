"""A made-up population: people who must be left alone, and pools that must be found.

Everything follows from a seed. Rates of a simulation say how thresholds behave on what was thought
of here; they are no measurement of the world.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from random import Random

from bailiwick.signals.detect import Detector
from bailiwick.signals.settings import Thresholds
from bailiwick.signals.uses import REVIEW, Use

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
USES_A_DAY = 3
Day = Callable[[Random, str, int], Iterator[Use]]
"""Gives the uses of one account on one day (its number), in the order of time."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A way to use an account."""

    name: str
    fair: bool
    """Whether these are people who must be left alone."""
    day: Day


@dataclass(frozen=True, slots=True)
class Rates:
    """What became of one persona."""

    persona: str
    fair: bool
    accounts: int
    reviewed: int
    codes: Mapping[str, int]

    @property
    def share(self) -> float:
        """How many of the accounts a reviewer was asked to look at."""
        return self.reviewed / self.accounts


def _times(
    random: Random, day: int, count: int, first: float = 8, last: float = 20
) -> list[datetime]:
    hours = sorted(random.uniform(first, last) for _ in range(count))
    return [BEGIN + timedelta(days=day, hours=hour) for hour in hours]


def _plain(
    random: Random, account: str, day: int, country: str, first: float = 8, last: float = 20
) -> Iterator[Use]:
    for at in _times(random, day, random.randint(1, 2 * USES_A_DAY - 1), first, last):
        here = (f"net-{account}", f"{account}-{day}")
        yield Use(at, account, f"key-{account}", country, "residential", *here)


def _expat(random: Random, account: str, day: int) -> Iterator[Use]:
    """Lives in another country than the account is from."""
    yield from _plain(random, account, day, "XB")


def _traveller(random: Random, account: str, day: int) -> Iterator[Use]:
    """Crosses two borders on a travel day, one week in four."""
    travels = (day // 7 + len(account)) % 4 == 0
    places = random.sample(["XA", "XB", "XC", "XD", "XE"], 3) if travels else ["XA"]
    times = _times(random, day, max(len(places), random.randint(1, 5)))
    for number, at in enumerate(times):
        place = places[number * len(places) // len(times)]
        yield Use(at, account, f"key-{account}", place, "residential", None, f"{account}-{day}")


def _corporate_vpn(random: Random, account: str, day: int) -> Iterator[Use]:
    """Switches between home and a VPN whose exits are abroad, all day long."""
    for at in _times(random, day, random.randint(4, 8)):
        behind = random.random() < 0.7
        country, network = (random.choice(["XB", "XC"]), "vpn") if behind else ("XA", "residential")
        yield Use(at, account, f"key-{account}", country, network, None, f"vpn-{day % 5}")


def _cgnat_phone(random: Random, account: str, day: int) -> Iterator[Use]:
    """Shares an address with thousands, in a country that is now and then filed wrongly."""
    for at in _times(random, day, random.randint(1, 6)):
        country = "XB" if random.random() < 0.02 else "XA"
        yield Use(
            at, account, f"key-{account}", country, "residential", "net-mobile", f"nat-{day % 9}"
        )


def _two_regions(random: Random, account: str, day: int) -> Iterator[Use]:
    """Run a service in two cloud regions, around the clock."""
    for at in _times(random, day, 8, 0, 24):
        region = random.choice(["XA", "XB"])
        here = (f"cloud-{region}", f"ip-{account}-{region}")
        yield Use(at, account, f"key-{account}", region, "hosting", *here)


def _night_worker(random: Random, account: str, day: int) -> Iterator[Use]:
    """Works while others sleep."""
    yield from _plain(random, account, day, "XA", first=0, last=6)


def _foreign_card(random: Random, account: str, day: int) -> Iterator[Use]:
    """Studies abroad with a card from home, on the network of a campus."""
    yield from _plain(random, account, day, "XA")


def _resale_pool(random: Random, account: str, day: int) -> Iterator[Use]:
    """One account sold to people in many countries."""
    for at in _times(random, day, random.randint(15, 30), 0, 24):
        country = random.choice(["XA", "XB", "XC", "XD", "XE", "XF", "XG", "XH"])
        yield Use(
            at, account, f"key-{account}", country, "residential", None, f"{account}-{day}-{at}"
        )


def _cloud_relay(random: Random, account: str, day: int) -> Iterator[Use]:
    """Ten accounts behind each rented machine."""
    machine = int(account.rpartition("-")[2]) // 10
    for at in _times(random, day, random.randint(5, 10), 0, 24):
        yield Use(at, account, f"key-{account}", "XA", "hosting", "cloud", f"relay-{machine}")


def _proxy_farm(random: Random, account: str, day: int) -> Iterator[Use]:
    """Comes through rented home connections that nobody has listed, several at a time."""
    for at in _times(random, day, 6, 0, 24):
        for step in range(4):
            country = ("XA", "XB")[step % 2]
            yield Use(
                at + timedelta(seconds=step), account, f"key-{account}", country, "residential"
            )


PERSONAS: Sequence[Persona] = (
    Persona("expat", True, _expat),
    Persona("traveller", True, _traveller),
    Persona("corporate-vpn", True, _corporate_vpn),
    Persona("cgnat-phone", True, _cgnat_phone),
    Persona("two-region-service", True, _two_regions),
    Persona("night-worker", True, _night_worker),
    Persona("foreign-card-student", True, _foreign_card),
    Persona("resale-pool", False, _resale_pool),
    Persona("cloud-relay", False, _cloud_relay),
    Persona("proxy-farm", False, _proxy_farm),
)


def simulate(
    accounts: int = 1000, days: int = 90, seed: int = 1, thresholds: Thresholds | None = None
) -> list[Rates]:
    """Run every persona with so many accounts for so many days; give what was found."""
    return [_run(one, accounts, days, seed, thresholds or Thresholds()) for one in PERSONAS]


def _run(persona: Persona, accounts: int, days: int, seed: int, at: Thresholds) -> Rates:
    detector = Detector(at)
    random = Random(f"{persona.name} {seed}")  # noqa: S311 - made-up people
    names = [f"{persona.name}-{number}" for number in range(accounts)]
    asked: set[str] = set()
    codes: Counter[str] = Counter()
    for day in range(days):
        today = merge(*(persona.day(random, name, day) for name in names), key=lambda use: use.at)
        for use in today:
            _note(detector.see(use), asked, codes)
    _note(detector.finish(), asked, codes)
    return Rates(persona.name, persona.fair, accounts, len(asked), dict(codes))


def _note(signals: Iterator[object], asked: set[str], codes: Counter[str]) -> None:
    for signal in signals:
        codes[signal.code] += 1  # type: ignore[attr-defined]
        if signal.level == REVIEW:  # type: ignore[attr-defined]
            asked.update(signal.accounts)  # type: ignore[attr-defined]
