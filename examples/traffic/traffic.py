"""Make a month of traffic: seeded, so that everybody gets the same rows.

A company with its seat in Berlin runs six services for itself and its customers. One reads whole
contracts, with up to 190,000 tokens in one request, on the strongest model. Nothing here is real.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bailiwick.location import load_embedded

SEED = 20260601
FIRST_DAY = 1_780_272_000  # 2026-06-01 UTC
DAYS = 30
OPUS, GPT, GEMINI = "claude-3.5-opus", "gpt-4o", "gemini-ultra"
LLAMA, MISTRAL = "meta/llama-3.1-405b", "mistral/mistral-large-2"
ROW_GROUP = 1 << 19


@dataclass(frozen=True, slots=True)
class Service:
    """One service: who uses it from where, with which models and how many tokens."""

    name: str
    share: float
    """Of all requests."""
    accounts: int
    models: Mapping[str, float]
    places: Mapping[str, float]
    tokens_in: tuple[float, float]
    """Median, and spread as the sigma of a log-normal distribution."""
    tokens_out: tuple[float, float]
    features: Mapping[str, float]
    """What a request uses, ``|`` between names."""
    weekend: float = 1.0
    """Requests on a day of a weekend, beside a day of the week."""
    billing: str = "DE"
    longest: int = 120_000


SERVICES = (
    Service("legal", 0.06, 180, {OPUS: 1.0}, {"DE": 0.72, "AT": 0.12, "CH": 0.11, "LU": 0.05},
            (62_000, 0.75), (1_400, 0.5), {"document_input": 0.8, "document_input|tools": 0.2},
            weekend=0.15, longest=190_000),
    Service("code", 0.26, 420, {OPUS: 0.55, GPT: 0.35, MISTRAL: 0.10},
            {"DE": 0.46, "PL": 0.20, "PT": 0.12, "RO": 0.10, "IN": 0.12},
            (6_500, 0.9), (700, 0.8), {"tools": 0.5, "tools|streaming": 0.5}, weekend=0.3),
    Service("support", 0.34, 260, {GPT: 0.7, MISTRAL: 0.3},
            {"DE": 0.30, "FR": 0.18, "IT": 0.14, "ES": 0.13, "NL": 0.08, "SE": 0.05, "GB": 0.07,
             "TR": 0.03, "UA": 0.02}, (900, 0.6), (260, 0.6), {"streaming": 1.0}, weekend=0.7),
    Service("media", 0.10, 140, {GEMINI: 0.8, GPT: 0.2},
            {"DE": 0.4, "FR": 0.2, "GB": 0.15, "DK": 0.1, "JP": 0.1, "CN": 0.05},
            (2_100, 0.7), (420, 0.6), {"image_input": 0.7, "": 0.3}, weekend=0.5),
    Service("archive", 0.16, 30, {LLAMA: 0.8, MISTRAL: 0.2}, {"DE": 0.9, "FI": 0.1},
            (3_800, 0.8), (300, 0.5), {"": 1.0}),
    Service("us-office", 0.08, 90, {OPUS: 0.5, GPT: 0.5}, {"US": 0.93, "CA": 0.05, "DE": 0.02},
            (5_200, 0.9), (650, 0.8), {"tools": 1.0}, weekend=0.3, billing="US"),
)  # fmt: skip


def make(folder: Path, rows: int) -> Path:
    """Write so many rows into Parquet files, a file for each week, and the accounts beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    addresses = _Addresses(random)
    weeks = [range(week * 7, min(week * 7 + 7, DAYS)) for week in range(5)]
    weights = [[service.share * len(days) / DAYS for service in SERVICES] for days in weeks]
    ends = np.round(rows * np.cumsum(weights)).astype(int)
    many = np.diff(ends, prepend=0).reshape(len(weeks), -1)  # so that all parts together are `rows`
    for week, days in enumerate(weeks):
        parts = [
            _part(service, int(count), days, random, addresses)
            for service, count in zip(SERVICES, many[week], strict=True)
        ]
        table = pa.concat_tables(parts).unify_dictionaries().sort_by("at")
        pq.write_table(
            table, folder / f"week-{week + 1}.parquet", compression="zstd", row_group_size=ROW_GROUP
        )
    _accounts(folder / "accounts.csv")
    return folder


def _part(
    service: Service, rows: int, days: range, random: np.random.Generator, addresses: "_Addresses"
) -> pa.Table:
    accounts = [f"{service.name}-{number:03d}" for number in range(service.accounts)]
    account = (random.pareto(1.1, rows) * 3).astype(np.int64) % service.accounts
    places = _chosen(random, service.places, rows)
    tokens_in = np.minimum(_tokens(random, service.tokens_in, rows), service.longest)
    columns = {
        "at": pa.array(_times(service, rows, days, random)).cast(pa.timestamp("us", tz="UTC")),
        "model": _texts(_chosen(random, service.models, rows), list(service.models)),
        "address": addresses.some([*service.places], places),
        "account": _texts(account, accounts),
        "key": _texts(
            account * 2 + random.integers(0, 2, rows),
            [f"key-{a}-{n}" for a in accounts for n in "ab"],
        ),
        "tokens_in": pa.array(tokens_in),
        "tokens_out": pa.array(_tokens(random, service.tokens_out, rows)),
        "recorded": _texts(np.zeros(rows, np.int64), ["permit"]),
        "fact.features": _texts(_chosen(random, service.features, rows), list(service.features)),
    }
    return pa.table(columns)


def _chosen(
    random: np.random.Generator, shares: Mapping[str, float], rows: int
) -> npt.NDArray[np.int64]:
    return random.choice(len(shares), rows, p=list(shares.values()))


def _texts(codes: npt.NDArray[np.int64], texts: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(list(texts), pa.string())
    )


def _tokens(
    random: np.random.Generator, shape: tuple[float, float], rows: int
) -> npt.NDArray[np.int64]:
    return np.maximum(random.lognormal(np.log(shape[0]), shape[1], rows), 1).astype(np.int64)


def _times(
    service: Service, rows: int, days: range, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw times: office hours, and fewer at weekends (1 June 2026 is a Monday)."""
    weights = np.array([service.weekend if day % 7 > 4 else 1.0 for day in days])
    day = random.choice(np.array(days), rows, p=weights / weights.sum())
    hour = np.clip(random.normal(13, 3.5, rows), 0, 23.999)
    seconds = FIRST_DAY + day * 86_400 + hour * 3600
    return (seconds * 1e6).astype(np.int64)


class _Addresses:
    """Addresses of each country, drawn from what the embedded data file under it."""

    def __init__(self, random: np.random.Generator) -> None:
        table, _ = load_embedded()
        runs, _ = table.runs()
        self._starts = runs.high.astype(np.int64)
        self._sizes = np.diff(np.append(self._starts, 1 << 32))
        self._places = np.array([place or "" for place in table.places])[runs.ids]
        self._random = random
        self._pools: dict[str, npt.NDArray[np.int64]] = {}

    def some(self, places: Sequence[str], codes: npt.NDArray[np.int64]) -> pa.Array:
        """Draw one address for each code, as four bytes."""
        pools = np.stack([self._pool(place) for place in places])
        found = pools[codes, self._random.integers(0, pools.shape[1], len(codes))]
        raw = found.astype(">u4").tobytes()
        return pa.Array.from_buffers(pa.binary(4), len(codes), [None, pa.py_buffer(raw)])

    def _pool(self, place: str) -> npt.NDArray[np.int64]:
        if place not in self._pools:
            of_place = np.flatnonzero((self._places == place) & (self._sizes >= 256))
            chosen = self._random.choice(of_place, 3000)
            offset = (self._random.random(3000) * self._sizes[chosen]).astype(np.int64)
            self._pools[place] = self._starts[chosen] + offset
        return self._pools[place]


def _accounts(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["account", "billing", "card", "registered", "labels", "status"])
        for service in SERVICES:
            for number in range(service.accounts):
                place = service.billing
                writer.writerow(
                    [f"{service.name}-{number:03d}", place, place, place, "none", "active"]
                )
