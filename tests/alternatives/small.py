"""A small made-up catalogue and policy for alternatives and continuity."""

from datetime import UTC, datetime

from bailiwick.catalog import Catalog, load_catalog
from bailiwick.decision import DecisionTable, compile_table
from bailiwick.documents import parse_document
from bailiwick.policy import read_policy

NOW = datetime(2026, 6, 30, tzinfo=UTC)
CATALOG = """
catalog: 1
defaults: {source: one bench, as_of: 2026-01-01}
providers:
  pa: {country: XA}
  pb: {country: XB}
  pc: {country: XC}
models:
  pa/big:
    family: big
    openness: restricted
    context_tokens: 200000
    output_tokens: 8000
    modalities: {input: [text, image], output: [text]}
    features: {has: [tools, web_search]}
    prices: {input: 15, output: 75}
    scores: {exam: 90}
  pa/small:
    family: small
    openness: restricted
    context_tokens: 200000
    output_tokens: 8000
    modalities: {input: [text, image], output: [text]}
    features: {has: [tools]}
    prices: {input: 1, output: 5}
    scores: {exam: 70}
  pb/middle:
    family: middle
    openness: restricted
    context_tokens: 128000
    output_tokens: 4000
    modalities: {input: [text, image], output: [text]}
    features: {has: [tools]}
    prices: {input: 5, output: 15}
    scores: {exam: 85}
  pc/open:
    family: open
    openness: open
    context_tokens: 128000
    modalities: {input: [text], output: [text]}
    features: {lacks: [tools]}
    prices: {input: 2.5}
    scores: {exam: {value: 86, source: another bench}}
  pc/unknown: {family: open, openness: open}
  pb/vectors:
    family: vectors
    openness: restricted
    modalities: {input: [text], output: [embedding]}
"""
POLICY = """
bailiwick: 1
name: small
places: {home: {include: [XA]}, away: {include: [XB, XC]}}
rules:
  - {id: big-at-home, permit: pa/big, where: {address: home, billing: home}}
  - {id: others, permit: [pa/small, "pb/*", "pc/*"]}
  - {id: not-in-xd, deny: "*", where_any: {address: XD, billing: XD}}
...
"""


def catalog(text: str = CATALOG) -> Catalog:
    return load_catalog([parse_document(text, "catalog.yaml")])


def table(text: str = POLICY, known: Catalog | None = None) -> DecisionTable:
    known = known or catalog()
    return compile_table(read_policy(text, "policy.yaml", known), known)
