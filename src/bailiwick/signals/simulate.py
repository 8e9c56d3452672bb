"""A made-up population: people who must be left alone, and pools that must be found.

Everything follows from a seed. Rates of a simulation say how thresholds behave on what was thought
of here; they are no measurement of the world.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from random import Random

from bailiwick.location import Cell
from bailiwick.signals.detect import Detector
from bailiwick.signals.settings import Background, Thresholds
from bailiwick.signals.travel import apart
from bailiwick.signals.uses import REVIEW, Signal, Use

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
USES_A_DAY = 3
CELLS: Mapping[str, Cell] = {
    "XA": (50, 8, 100),
    "XB": (49, 6, 100),  # just across a border
    "XC": (40, -4, 100),
    "XD": (60, 25, 100),
    "XE": (36, 140, 100),
    "XF": (-34, 151, 100),
    "XG": (41, -74, 100),
    "XH": (1, 104, 200),
}
"""Made-up countries, and roughly where people in them are."""
EVERYWHERE = tuple(CELLS)
PLANE_KM_H, AIRPORTS_H = 800, 3
BUILDS = 40
"""Clients that people use, each of them many."""
MISFILED = 0.005
"""Share of uses whose address the database files in another country."""
Day = Callable[[Random, str, int], Iterator[Use]]
"""Gives the uses of one account on one day (its number)."""


@dataclass(frozen=True, slots=True)
class Persona:
    """A way to use an account."""

    name: str
    fair: bool
    """Whether these are people who must be left alone."""
    day: Day
    links: Callable[[Sequence[str]], Background] = lambda _accounts: Background()
    """What is known of the accounts beside their uses."""


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
    span = last - first
    hours = sorted(first + span * random.random() for _ in range(count))
    begin = BEGIN + timedelta(days=day)
    return [begin + timedelta(hours=hour) for hour in hours]


def _at_home(
    random: Random,
    account: str,
    at: datetime,
    place: str,
    network: str = "residential",
    net: str = "",
) -> Use:
    """Use an eyeball network; now and then the database does not know where that is."""
    if random.random() < MISFILED:
        place = random.choice(EVERYWHERE)
    where = net or f"{account}-{at.day}"
    build = f"build-{hash_of(account) % BUILDS}"
    return Use(
        at, account, f"key-{account}", place, network, None, where, CELLS[place], build
    )  # fmt: skip


def hash_of(account: str) -> int:
    """Tell accounts apart by a number that is the same in every run."""
    return sum(map(ord, account)) * 31 + int(account.rpartition("-")[2])


def _plain(
    random: Random, account: str, day: int, place: str, first: float = 8, last: float = 20
) -> Iterator[Use]:
    for at in _times(random, day, random.randint(1, 2 * USES_A_DAY - 1), first, last):
        yield _at_home(random, account, at, place)


def _expat(random: Random, account: str, day: int) -> Iterator[Use]:
    """Lives in another country than the account is from."""
    yield from _plain(random, account, day, "XB")


def _traveller(random: Random, account: str, day: int) -> Iterator[Use]:
    """Flies out on a Monday and back on a Thursday, every other week, working on the way."""
    week, weekday = divmod(day + hash_of(account) % 14, 7)
    away = Random(f"{account} {week}").choice(EVERYWHERE[1:]) if week % 2 else "XA"  # noqa: S311 - made up
    if weekday not in {0, 3} or away == "XA":
        yield from _plain(random, account, day, away if 0 < weekday < 3 else "XA")
        return
    leaves, arrives = ("XA", away) if weekday == 0 else (away, "XA")
    hours = apart(CELLS[leaves], CELLS[arrives]) / PLANE_KM_H + AIRPORTS_H
    for at in _times(random, day, 2, 6, 8):
        yield _at_home(random, account, at, leaves)
    if 8 + hours < 23:
        for at in _times(random, day, 3, 8 + hours, 23.9):
            yield _at_home(random, account, at, arrives)


def _corporate_vpn(random: Random, account: str, day: int) -> Iterator[Use]:
    """Switches between home and a VPN whose exits are abroad, all day long."""
    for at in _times(random, day, random.randint(4, 8)):
        if random.random() < 0.7:
            place = random.choice(("XB", "XC"))
            yield _at_home(random, account, at, place, "vpn", f"vpn-{day % 5}")
        else:
            yield _at_home(random, account, at, "XA")


def _cgnat_phone(random: Random, account: str, day: int) -> Iterator[Use]:
    """Shares an address with thousands, in a country that is now and then filed wrongly."""
    for at in _times(random, day, random.randint(1, 6)):
        place = "XB" if random.random() < 0.02 else "XA"
        yield _at_home(random, account, at, place, net=f"nat-{day % 9}")


def _two_regions(random: Random, account: str, day: int) -> Iterator[Use]:
    """Run a service in two cloud regions, around the clock."""
    for at in _times(random, day, 8, 0, 24):
        region = random.choice(("XA", "XG"))
        here = (f"cloud-{region}", f"ip-{account}-{region}", CELLS[region])
        yield Use(at, account, f"key-{account}", region, "hosting", *here, "build-sdk")


def _night_worker(random: Random, account: str, day: int) -> Iterator[Use]:
    """Works while others sleep."""
    yield from _plain(random, account, day, "XA", first=0, last=6)


def _foreign_card(random: Random, account: str, day: int) -> Iterator[Use]:
    """Studies abroad with a card from home, on the network of a campus."""
    for at in _times(random, day, random.randint(1, 2 * USES_A_DAY - 1)):
        yield _at_home(random, account, at, "XA", net=f"campus-{day}")


def _resale_pool(random: Random, account: str, day: int) -> Iterator[Use]:
    """One account sold to people in many countries."""
    for at in _times(random, day, random.randint(15, 30), 0, 24):
        place = random.choice(EVERYWHERE)
        yield _at_home(random, account, at, place, net=f"{account}-{at}")


def _cloud_relay(random: Random, account: str, day: int) -> Iterator[Use]:
    """Ten accounts behind each rented machine."""
    machine = int(account.rpartition("-")[2]) // 10
    for at in _times(random, day, random.randint(5, 10), 0, 24):
        where = ("cloud", f"relay-{machine}", CELLS["XA"])
        yield Use(at, account, f"key-{account}", "XA", "hosting", *where, "build-relay")


def _proxy_farm(random: Random, account: str, day: int) -> Iterator[Use]:
    """Comes through rented home connections that nobody has listed, several at a time."""
    for at in _times(random, day, 6, 0, 23.9):
        for step in range(4):
            place = ("XA", "XG")[step % 2]
            yield _at_home(random, account, at + timedelta(seconds=step), place)


def _handed_on(random: Random, account: str, day: int) -> Iterator[Use]:
    """Honest for three weeks, then used by somebody on the other side of the earth as well."""
    for at in _times(random, day, 2, 8, 9):
        yield _at_home(random, account, at, "XA")
    if day > 20:
        for at in _times(random, day, 2, 11, 12):
            yield _at_home(random, account, at, "XF")


def _quiet_farm(random: Random, account: str, day: int) -> Iterator[Use]:
    """Use listed homes of one country, one at a time; only the card tells."""
    yield from _plain(random, account, day, "XA")


def _one_card(accounts: Sequence[str]) -> Background:
    """Ten accounts pay with each card."""
    groups = [frozenset(accounts[at : at + 10]) for at in range(0, len(accounts), 10)]
    return Background(links={"card": {f"card-{at}": group for at, group in enumerate(groups)}})


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
    Persona("handed-on", False, _handed_on),
    Persona("one-card-farm", False, _quiet_farm, _one_card),
)


def simulate(
    accounts: int = 1000, days: int = 90, seed: int = 1, thresholds: Thresholds | None = None
) -> list[Rates]:
    """Run every persona with so many accounts for so many days; give what was found."""
    return [_run(one, accounts, days, seed, thresholds or Thresholds()) for one in PERSONAS]


def _run(persona: Persona, accounts: int, days: int, seed: int, at: Thresholds) -> Rates:
    names = [f"{persona.name}-{number}" for number in range(accounts)]
    detector = Detector(at, persona.links(names))
    random = Random(f"{persona.name} {seed}")  # noqa: S311 - made-up people
    asked: set[str] = set()
    codes: Counter[str] = Counter()
    for day in range(days):
        today = [use for name in names for use in persona.day(random, name, day)]
        today.sort(key=attrgetter("at"))
        for use in today:
            _note(detector.see(use), asked, codes)
    _note(detector.finish(), asked, codes)
    return Rates(persona.name, persona.fair, accounts, len(asked), dict(codes))


def _note(signals: Iterable[Signal], asked: set[str], codes: Counter[str]) -> None:
    for signal in signals:
        codes[signal.code] += 1
        if signal.level == REVIEW:
            asked.update(signal.accounts)
