"""Where an address is used, what kind of network it is, and who says so.

Several sources give candidates, never a vote: the decision is taken under each. Nobody knows:
unknown. A source that is too old says nothing, and a list whose time is over turns "not on it" and
"on it" alike into unknown. The answer names every source it rests on, with its date.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bailiwick.errors import InvalidInput
from bailiwick.location.addresses import (
    Nat64Prefix,
    embedded_ipv4,
    is_ipv4_compatible,
    judged,
    pack,
    show,
    unmapped,
)
from bailiwick.location.answers import Answer, candidates, strongest, subdivisions_are_known
from bailiwick.location.cells import Cell, joined_cell
from bailiwick.location.client import ClientAddress
from bailiwick.location.everywhere import Everywhere, Said, survey
from bailiwick.location.holder import HOLDER_SOURCE, HolderData, holder_of
from bailiwick.location.sources import Freshness, Source, SourceStatus
from bailiwick.location.special import is_routable

_FAR: Final = datetime.max.replace(tzinfo=UTC)
_PAST: Final = datetime.min.replace(tzinfo=UTC)
_MEMO: Final = 4096
"""Combinations of answers that are remembered; real data have a few hundred."""


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What one source said, whether or not it counted."""

    source: str
    built_at: datetime | None
    freshness: Freshness
    places: tuple[str, ...] = ()
    network: str | None = None
    holder: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "source": self.source,
            "built_at": self.built_at.isoformat() if self.built_at else None,
            "freshness": self.freshness.value,
            "places": list(self.places),
            "network": self.network,
            "holder": self.holder,
        }


@dataclass(frozen=True, slots=True)
class Located:
    """All that is known of where an address is used."""

    address: str
    """Canonical text of the address that was asked about."""
    places: tuple[str, ...] = ()
    """Candidates, canonical; none: unknown. An anonymizer's is where its exit is."""
    network: str | None = None
    """Class of ``bailiwick.facts.NETWORKS``; ``None``: unknown."""
    holder: str | None = None
    """Who holds the block. Advisory; never a location by itself."""
    non_routable: bool = False
    """The address cannot be anywhere, or every hop was ours: it has no place."""
    contested: bool = False
    """More than one candidate."""
    sources: tuple[SourceAnswer, ...] = ()
    stale: tuple[str, ...] = ()
    """Names of the sources in use whose data are stale or expired."""
    subdivision_known: bool = False
    """A rule about a subdivision can be evaluated for every candidate."""
    cell: Cell | None = None
    """Roughly where, if a source gives coordinates and their radius and there is one candidate."""
    judged: tuple[str, ...] = ()
    """Every address that was judged: this one, and the IPv4 address inside a translated one."""

    @property
    def confidence(self) -> str:
        """How many sources stand behind it: ``agreed``, ``single``, ``contested``, ``unknown``."""
        if not self.places:
            return "unknown"
        if self.contested:
            return "contested"
        said = [s for s in self.sources if s.places and s.freshness is not Freshness.EXPIRED]
        return "agreed" if len(said) > 1 else "single"

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values, for evidence. Nothing personal is in it but the address."""
        return {
            "address": self.address,
            "judged": list(self.judged),
            "places": list(self.places),
            "confidence": self.confidence,
            "contested": self.contested,
            "subdivision_known": self.subdivision_known,
            "cell": list(self.cell) if self.cell else None,
            "network": self.network,
            "holder": self.holder,
            "non_routable": self.non_routable,
            "stale": list(self.stale),
            "sources": [source.as_dict() for source in self.sources],
        }


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the sources together say about one address, without its holder."""

    places: tuple[str, ...]
    subdivision_known: bool
    network: str | None
    registered: str | None
    cell: Cell | None
    sources: tuple[SourceAnswer, ...]


class _Holders(dict[str, SourceAnswer]):
    """What the registries said, one value for each country, made when it is first needed."""

    def __init__(self, data: HolderData | None) -> None:
        super().__init__()
        self._built_at = data.built_at if data else None

    def __missing__(self, place: str) -> SourceAnswer:
        said = SourceAnswer(HOLDER_SOURCE, self._built_at, Freshness.FRESH, holder=place)
        return self.setdefault(place, said)


class _View:
    """The sources as they are between two moments at which one of them grows stale or expires."""

    __slots__ = (
        "_holder",
        "_holders",
        "_in_use",
        "_memo",
        "_stale",
        "known",
        "older",
        "since",
        "until",
    )

    def __init__(self, sources: Sequence[Source], holder: HolderData | None, at: datetime) -> None:
        self.since, self.until = _around(sources, at)
        self._in_use = [(source, source.freshness(at)) for source in sources]
        self._stale = tuple(s.name for s, fresh in self._in_use if fresh is not Freshness.FRESH)
        self._holder = holder
        self._holders = _Holders(holder)
        self._memo: dict[tuple[int, ...], _Seen] = {}
        self.known: dict[str, Located] = {}
        self.older: dict[str, Located] = {}

    def locate(self, every: Sequence[bytes], nat64: tuple[Nat64Prefix, ...]) -> Located:
        """Judge one address, or one and those inside it."""
        texts = tuple(map(show, every))
        text = texts[0]
        if not all(map(is_routable, every)):
            return Located(text, non_routable=True, stale=self._stale, judged=texts)
        seen = [self._seen(packed) for packed in every]
        places = _places(every, seen, nat64) if len(seen) > 1 else seen[0].places
        held = holder_of(texts[-1]) if self._holder else None  # a translator's own says nothing
        registered = next((s.registered for s in reversed(seen) if s.registered), None)
        return Located(
            address=text,
            places=places,
            network=_together([s.network for s in seen]),
            holder=held or registered,
            contested=len(places) > 1,
            sources=self._sources(seen, held),
            stale=self._stale,
            subdivision_known=bool(places) and all(s.subdivision_known for s in seen if s.places),
            cell=seen[-1].cell if len(places) == 1 else None,
            judged=texts,
        )

    def _seen(self, packed: bytes) -> _Seen:
        ids = tuple(s.table.id_of(packed) if s.covers(packed) else -1 for s, _ in self._in_use)
        seen = self._memo.get(ids)
        if seen is None:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            seen = self._memo[ids] = _combine(self._in_use, packed)
        return seen

    def _sources(self, seen: Sequence[_Seen], held: str | None) -> tuple[SourceAnswer, ...]:
        said = seen[0].sources
        if len(seen) > 1:
            said = tuple(dict.fromkeys(answer for s in seen for answer in s.sources))
        return (*said, self._holders[held]) if held else said


def _places(
    every: Sequence[bytes], seen: Sequence[_Seen], nat64: tuple[Nat64Prefix, ...]
) -> tuple[str, ...]:
    """Join the candidates of every judged address; one that nobody knows makes all unknown.

    Only a translator's own address may be unknown: the one inside is where the client is.
    """
    for packed, said in zip(every, seen, strict=True):
        if not said.places and embedded_ipv4(packed, nat64) is None:
            return ()
    return candidates(said.places for said in seen)


def _around(sources: Iterable[Source], at: datetime) -> tuple[datetime, datetime]:
    moments = [m for source in sources for m in (source.stale_at, source.expires_at) if m]
    since = max((m for m in moments if m <= at), default=_PAST)
    return since, min((m for m in moments if m > at), default=_FAR)


def _combine(in_use: Sequence[tuple[Source, Freshness]], packed: bytes) -> _Seen:
    said = [(source, freshness, source.answer(packed)) for source, freshness in in_use]
    counted = [(s, a) for s, freshness, a in said if freshness is not Freshness.EXPIRED]
    answers = _located(counted)
    places = candidates(answers)
    return _Seen(
        places,
        subdivisions_are_known(answers, places),
        _network(said, packed),
        next((answer.holder for _, answer in counted if answer.holder), None),
        joined_cell(answer.cell for _, answer in counted),
        tuple(
            SourceAnswer(s.name, s.description.built_at, fresh, a.places, a.network, a.holder)
            for s, fresh, a in said
            if a.places or a.network or a.holder
        ),
    )


def _located(counted: Sequence[tuple[Source, Answer]]) -> list[tuple[str, ...]]:
    """Choose whose places count.

    A relay's own file knows where its clients are, and nobody else does. What a network says about
    itself (a geofeed) and where a cloud says it is may add a candidate, but do not locate alone.
    """
    by_role = [(source.role, answer.places) for source, answer in counted if answer.places]
    relays = [places for role, places in by_role if role == "relay"]
    if relays:
        return relays
    located = [places for role, places in by_role if role == "located"]
    return located + [places for role, places in by_role if role != "located"] if located else []


def _network(said: Sequence[tuple[Source, Freshness, Answer]], packed: bytes) -> str | None:
    fresh = [(s, a.network) for s, freshness, a in said if freshness is not Freshness.EXPIRED]
    relayed = any(source.role == "relay" and network for source, network in fresh)
    # VPN lists take relays for VPNs.
    found = strongest(n for _, n in fresh if not (relayed and n == "vpn"))
    if found:
        return found
    if any(a.network for _, freshness, a in said if freshness is Freshness.EXPIRED):
        return None
    clean = any(source.description.complete and source.covers(packed) for source, _ in fresh)
    return "residential" if clean else None


def _together(networks: Sequence[str | None]) -> str | None:
    """Join the classes of several judged addresses: a hit counts, "clean" needs all of them."""
    found = strongest(networks)
    return None if found == "residential" and None in networks else found


class Locator:
    """The sources in use. Immutable: what it answers depends on the address and the moment alone.

    It is swapped whole for another one when data or settings change.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        at: datetime,
        *,
        holder: HolderData | None = None,
        nat64: tuple[Nat64Prefix, ...] = (),
        cache_size: int = 8192,
        refused: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Use ``sources``, loaded at ``at``. ``refused``: sources whose newer file was refused."""
        self.sources = tuple(sources)
        self.loaded_at = at
        self.refused = dict(refused)
        self._holder, self._nat64, self._cache_size = holder, nat64, cache_size
        self._view = _View(self.sources, holder, at)
        self.revision = self._revision()

    def locate(self, address: str | bytes, at: datetime | None = None) -> Located:
        """Locate an address (text, or 4 or 16 bytes) at a moment; by default when it was loaded.

        An IPv4 address inside it is judged too. Text that is no address is refused.
        """
        view = self._at(at)
        text = address if isinstance(address, str) else _text(address)
        known = view.known.get(text) or view.older.get(text)
        if known is None:
            known = view.locate(self._packed(text), self._nat64)
            self._remember(view, text, known)
        return known

    def locate_all(self, addresses: Sequence[str], at: datetime | None = None) -> Located:
        """Judge several addresses as one request's: the strictest reading of them together."""
        if len(addresses) == 1:
            return self.locate(addresses[0], at)
        every = dict.fromkeys(packed for text in addresses for packed in self._packed(text))
        if not every:
            raise InvalidInput.of("there is no address to locate")
        return self._at(at).locate(tuple(every), self._nat64)

    def locate_client(self, client: ClientAddress, at: datetime | None = None) -> Located:
        """Locate the client of a request. A request of our own machines has no place."""
        if client.internal:
            return Located(client.address, non_routable=True, judged=client.judged)
        return self.locate_all(client.judged, at)

    def everywhere(self, at: datetime | None = None) -> Everywhere:
        """Say of every address what ``locate`` says of it: places and network."""
        view = self._at(at)

        def look(packed: bytes) -> Said:
            seen = view._seen(packed)
            return Said(seen.places, seen.network)

        tables = [source.table.runs() for source in self.sources]
        v4, v6, said = survey(tables, look, self._nat64)
        built = [s.description.built_at for s in self.sources if s.role == "located"]
        expiring = [s.expires_at for s in self.sources if s.expires_at]
        until = min((one for one in expiring if one > (at or self.loaded_at)), default=None)
        return Everywhere(v4, v6, said, min(filter(None, built), default=None), until)

    def span(self, at: datetime) -> tuple[datetime, datetime]:
        """Give since when (included) and until when (not) what is said at a moment holds."""
        view = self._at(at)
        return view.since, view.until

    def status(self, at: datetime | None = None) -> tuple[SourceStatus, ...]:
        """Describe every source: what it is, how old, and what is wrong with it."""
        moment = at or self.loaded_at
        rows = [_status(source, moment, self.refused.get(source.name)) for source in self.sources]
        if self._holder:
            rows.append(_holder_status(self._holder, moment))
        return tuple(rows)

    def _at(self, at: datetime | None) -> _View:
        view, moment = self._view, at or self.loaded_at
        if not view.since <= moment < view.until:
            view = _View(self.sources, self._holder, moment)
            self._view = view  # one reference, replaced whole: readers see either
        return view

    def _packed(self, text: str) -> tuple[bytes, ...]:
        packed = pack(text)
        if packed is None:
            raise InvalidInput.of(
                f"`{text}` is not an IP address", "write 192.0.2.1 or 2001:db8::1"
            )
        if is_ipv4_compatible(packed):
            raise InvalidInput.of(f"`{text}` is an IPv4-compatible address, which nobody uses")
        return judged(packed, self._nat64)

    def _remember(self, view: _View, text: str, located: Located) -> None:
        """Keep two generations, so that a full cache forgets the older half at once."""
        if len(view.known) * 2 >= self._cache_size:
            view.older, view.known = view.known, {}
        if self._cache_size:
            view.known[text] = located

    def _revision(self) -> str:
        parts = [
            f"{s.name} {s.kind} {s.role} {s.digest} {s.stale_at} {s.expires_at}"
            for s in self.sources
        ]
        holder = self._holder.version if self._holder else "none"
        nat64 = " ".join(f"{p.prefix.hex()}/{p.length}" for p in self._nat64)
        return hashlib.sha256("\n".join([*parts, holder, nat64]).encode()).hexdigest()


def _text(packed: bytes) -> str:
    if len(packed) not in (4, 16):
        raise InvalidInput.of(f"a packed address has 4 or 16 bytes, not {len(packed)}")
    return show(unmapped(packed))


def _status(source: Source, at: datetime, problem: str | None) -> SourceStatus:
    described = source.description
    return SourceStatus(
        name=source.name,
        kind=source.kind,
        schema=described.schema,
        role=described.role,
        built_at=described.built_at,
        age=at - described.built_at if described.built_at else None,
        freshness=source.freshness(at),
        stale_at=source.stale_at,
        expires_at=source.expires_at,
        runs=len(source.table),
        path=source.path,
        digest=source.digest,
        licence=described.licence,
        credit=described.credit,
        notes=described.notes,
        problem=problem,
    )


def _holder_status(holder: HolderData, at: datetime) -> SourceStatus:
    return SourceStatus(
        name=HOLDER_SOURCE,
        kind=HOLDER_SOURCE,
        schema="rir-delegations",
        role="holder",
        built_at=holder.built_at,
        age=at - holder.built_at if holder.built_at else None,
        freshness=Freshness.FRESH,
        stale_at=None,
        expires_at=None,
        runs=0,
        path=f"package iptocc {holder.version}",
        digest="",
        licence="MIT OR Apache-2.0 (code)",
        credit="statistics of the five regional internet registries",
        notes=() if holder.built_at else ("the package does not say how old its data are",),
    )
