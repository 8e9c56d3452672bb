"""The packs that come with Bailiwick are whole, sourced and dated, and make good rule sets."""

from datetime import UTC, date, datetime

import pytest

from bailiwick.bootstrap import find_pack, pack_names, read_catalog
from bailiwick.decision import compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import BailiwickError, InvalidInput
from bailiwick.facts import Facts, read_facts
from bailiwick.policy import read_policy
from bailiwick.providers import Pack, diff_packs, read_pack, render_pack, rule_set, unserved

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WITH_RULES = ("anthropic", "anthropic-claude-ai", "google", "meta", "openai")


def compiled(pack: Pack, operator: str = '{id: all, permit: "*"}'):
    catalog = read_catalog()

    def load(reference: str, from_file: str) -> tuple[str, str]:
        return reference, rule_set(pack)

    text = f"bailiwick: 1\nname: t\nuse: provider/{pack.name}\nrules:\n  - {operator}\n"
    return catalog, compile_table(read_policy(text, "p.yaml", catalog, load), catalog)


def decide(pack: Pack, **given: object):
    catalog, table = compiled(pack)
    facts: Facts = read_facts({"network": "residential", **given}, catalog, NOW)  # type: ignore[arg-type]
    return table.decide(facts)


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_is_sourced_and_dated_and_written_as_it_is_read(name: str) -> None:
    pack = find_pack(name)

    assert pack.name == name
    assert pack.source.startswith("https://")
    assert date(2024, 1, 1) <= pack.as_of <= NOW.date()
    assert read_pack(render_pack(pack), name) == pack


@pytest.mark.parametrize("name", WITH_RULES)
def test_a_rule_set_is_read_without_a_problem_of_its_own(name: str) -> None:
    _, table = compiled(find_pack(name))

    assert [str(one) for one in table.policy.warnings if one.code != "unfinished"] == []
    assert table.policy.rule_sets[1].authority == f"provider/{name}"


@pytest.mark.parametrize("name", sorted(set(pack_names()) - set(WITH_RULES)))
def test_no_list_is_neither_everywhere_nor_nowhere(name: str) -> None:
    pack = find_pack(name)

    with pytest.raises(BailiwickError, match="neither everywhere nor nowhere"):
        rule_set(pack)
    assert pack.serves("DE") is None


def test_counts_are_those_of_the_captured_pages() -> None:
    counts = {name: len(find_pack(name).served or ()) for name in WITH_RULES}

    assert counts == {
        "anthropic": 175, "anthropic-claude-ai": 185, "google": 213, "meta": 0, "openai": 188,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("place", "effect"),
    [("DE", "permit"), ("PR", "permit"), ("IM", "permit"), ("UA", "permit"), ("UA-30", "permit"),
     ("UA-43", "deny"), ("UA-14", "deny"), ("RU", "deny"), ("HK", "deny"), ("unknown", "deny")],
)  # fmt: skip
def test_a_provider_permits_where_the_place_is_listed(place: str, effect: str) -> None:
    found = decide(find_pack("anthropic"), model="claude-opus-4-1", address=place)

    assert found.effect == effect


def test_the_gateways_own_exit_must_be_listed_too() -> None:
    pack = find_pack("openai")
    asked = {"model": "openai/gpt-4o", "address": "VN"}

    assert decide(pack, **asked, egress="SG").effect == "permit"
    assert decide(pack, **asked, egress="HK").effect == "deny"
    assert decide(pack, **asked).effect == "permit"


def test_territories_come_along_only_where_the_pack_says_so() -> None:
    assert decide(find_pack("openai"), model="openai/gpt-4o", address="PR").effect == "deny"
    assert (
        decide(find_pack("google"), model="google/gemini-2.5-pro", address="PR").effect == "permit"
    )


def test_a_providers_terms_do_not_reach_open_weights() -> None:
    assert decide(find_pack("openai"), model="openai/gpt-oss-20b", address="RU").effect == "permit"


def test_an_operator_cannot_widen_a_providers_list() -> None:
    catalog, table = compiled(find_pack("openai"), '{id: mine, permit: "*", where: {address: CN}}')
    facts = read_facts(
        {"model": "openai/gpt-4o", "address": "CN", "network": "residential"}, catalog, NOW
    )

    found = table.decide(facts)

    assert found.effect == "deny"
    assert {one.authority for one in found.reasons} == {"provider/openai"}


def test_an_owner_outside_of_the_list_is_denied_where_the_evidence_says_so() -> None:
    asked = {"model": "claude-opus-4-1", "address": "SG"}
    pack = find_pack("anthropic")

    assert decide(pack, **asked, **{"ownership.anthropic-majority": "yes"}).effect == "deny"
    assert decide(pack, **asked, **{"ownership.anthropic-majority": "no"}).effect == "permit"


def test_a_licence_binds_who_deploys_and_not_who_asks() -> None:
    asked = {"model": "meta/llama-4-scout", "address": "DE", "registered": "DE"}
    pack = find_pack("meta")

    assert decide(pack, **asked, action="deploy").effect == "deny"
    assert decide(pack, **asked).effect == "permit"


def test_what_is_doubtful_is_said() -> None:
    cautions = " ".join(find_pack("openai").cautions(NOW.date()))

    assert "known to have changed" in cautions
    assert "93 days old" in cautions
    assert "also lists AW, AX" in cautions
    assert "does not name them" in cautions
    assert "not complete" in " ".join(find_pack("google").cautions(NOW.date()))
    assert find_pack("anthropic-claude-ai").cautions(NOW.date()) == []


def test_the_check_warns_until_somebody_reads_the_unnamed_exceptions() -> None:
    from bailiwick.decision import check_policy

    def codes(operator: str) -> set[str]:
        _, table = compiled(find_pack("openai"), operator)
        return {one.code for one in check_policy(table, NOW)}

    mine = """{id: all, permit: "*"}
  - {id: crimea, deny: "openai/*", where: {address: crimea}}
places:
  crimea: {include: [UA-43], if_subdivision_unknown: no_match}"""

    assert codes('{id: all, permit: "*"}') >= {
        "source.exceptions", "source.stale", "source.incomplete",
    }  # fmt: skip
    assert "source.exceptions" not in codes(mine)


def test_two_captures_are_compared() -> None:
    found = diff_packs(find_pack("anthropic"), find_pack("anthropic-claude-ai"))

    assert found.added == ("CD", "CF", "ER", "ET", "LY", "ML", "NI", "SD", "SO", "SS")
    assert found.removed == ()
    assert found.excluded_added == ("UA-23", "UA-65")
    assert found.decides


def test_my_places_are_compared_with_a_list() -> None:
    mine = [("country", "DE"), ("exit to upstream a", "HK"), ("account x: card", "NI")]

    found = list(unserved(find_pack("anthropic"), mine))

    assert [(one.what, one.place, one.later) for one in found] == [
        ("exit to upstream a", "HK", False),
        ("account x: card", "NI", True),
    ]


BAD = """provider_pack: 1
name: acme
title: Acme
source: "https://example.com"
as_of: 2026-06-30
complete: true
changed_since: maybe
models: {provider: acme}
served: [DE, UK, MI, DE]
excluded: {FR-75C: Paris}
colour: blue
"""


def test_every_problem_of_a_pack_is_told_with_its_position() -> None:
    with pytest.raises(InvalidInput) as shape:
        read_pack(BAD, "acme.yaml")
    mended = BAD.replace("maybe", "unknown").replace("colour: blue\n", "")
    with pytest.raises(InvalidInput) as names:
        read_pack(mended, "acme.yaml")

    assert "acme.yaml:7:16" in str(shape.value)
    assert "unknown key `colour`" in str(shape.value)
    for text in (
        "acme.yaml:9:14: unknown place `UK`\nhelp: did you mean `GB`?",
        "unknown place `MI`",
        "`DE` is listed twice",
        "`FR-75C` is excluded, and `FR` is not served",
        "needs `territories`",
    ):
        assert text in str(names.value)


def test_every_key_of_a_pack_is_documented() -> None:
    from pathlib import Path

    from bailiwick.providers.shape import PackShape

    text = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()

    assert [key for key in PackShape.model_fields if f"`{key}`" not in text] == []


def test_the_ownership_test_of_a_pack_counts_companies_where_nothing_is_served() -> None:
    text = rule_set(find_pack("anthropic"))
    places = parse_document(text, "pack.yaml").value["places"]["not-served"]["include"]

    assert {"CN", "RU", "KP"} <= set(places)
    assert not {"US", "PR", "DE", "GB", "IM"} & set(places)
