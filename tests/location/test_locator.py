"""Sources give candidates; what nobody knows stays unknown, and age is never hidden."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bailiwick.errors import InvalidInput
from bailiwick.facts import NETWORKS
from bailiwick.location import ClientAddress, Freshness, Locator, Nat64Prefix, Source, pack
from bailiwick.location.answers import Answer, candidates, strongest
from bailiwick.location.holder import holder_data, holder_of

Make = Callable[..., Source]
Locate = Callable[..., Locator]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(*places: str) -> dict[str, Answer]:
    return {"8.8.8.0/24": Answer(places)}


def is_a(network: str) -> dict[str, Answer]:
    return {"8.8.8.0/24": Answer(network=network)}


def test_two_sources_that_agree_give_one_place(source: Make, locator: Locate) -> None:
    found = locator(source("one", at("XA")), source("two", at("XA"))).locate("8.8.8.8")

    assert (found.places, found.contested, found.confidence) == (("XA",), False, "agreed")


def test_two_sources_that_differ_give_candidates(source: Make, locator: Locate) -> None:
    found = locator(source("one", at("XB")), source("two", at("XA"))).locate("8.8.8.8")

    assert (found.places, found.contested, found.confidence) == (("XA", "XB"), True, "contested")
    assert [(s.source, s.places) for s in found.sources] == [("one", ("XB",)), ("two", ("XA",))]


def test_where_one_source_is_silent_the_other_is_believed(source: Make, locator: Locate) -> None:
    found = locator(source("one", at("XA")), source("two", {})).locate("8.8.8.8")

    assert (found.places, found.confidence) == (("XA",), "single")


def test_where_all_are_silent_the_place_is_unknown(source: Make, locator: Locate) -> None:
    found = locator(source("one", {}), source("two", {})).locate("8.8.8.8")

    assert (found.places, found.confidence, found.non_routable) == ((), "unknown", False)


@pytest.mark.parametrize(
    ("one", "two", "places", "subdivision_known"),
    [
        (("US",), ("US-CA",), ("US-CA",), True),
        (("US",), ("US",), ("US",), False),
        (("RU",), ("RU", "UA-43"), ("RU", "UA-43"), True),
        (("UA",), ("RU", "UA-43"), ("RU", "UA-43"), True),
        (("UA",), ("UA-43",), ("UA-43",), True),
        (("DE",), ("FR-IDF",), ("DE", "FR-IDF"), False),
        (("US-CA",), ("US-NY",), ("US-CA", "US-NY"), True),
        ((), ("RU", "UA-43"), ("RU", "UA-43"), True),
    ],
)
def test_a_subdivision_refines_its_country_and_no_other(
    one: tuple[str, ...], two: tuple[str, ...], places: tuple[str, ...], subdivision_known: bool,
    source: Make, locator: Locate,
) -> None:  # fmt: skip
    found = locator(source("country", at(*one)), source("city", at(*two))).locate("8.8.8.8")

    assert (found.places, found.subdivision_known) == (places, subdivision_known)


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1", "127.0.0.1", "::1", "fe80::1", "203.0.113.4", "2001:db8::1", "::ffff:10.0.0.1",
     "64:ff9b::a00:1", "2002:7f00:1::1"],
)  # fmt: skip
def test_an_address_that_is_nowhere_has_no_place_and_no_class(
    text: str, source: Make, locator: Locate
) -> None:
    everywhere = {"0.0.0.0/0": Answer(("XA",), "vpn"), "::/0": Answer(("XA",), "vpn")}
    found = locator(source("one", everywhere)).locate(text)

    assert found.non_routable
    assert (found.places, found.network, found.holder) == ((), None, None)


class TestAddressesInsideOthers:
    def test_a_mapped_address_is_located_as_its_ipv4_address(
        self, source: Make, locator: Locate
    ) -> None:
        found = locator(source("one", at("XA"))).locate("::FFFF:808:808")

        assert (found.address, found.places) == ("8.8.8.8", ("XA",))

    @pytest.mark.parametrize("text", ["64:ff9b::808:808", "2002:808:808::1", "2001:0:1::f7f7:f7f7"])
    def test_a_tunnel_s_client_is_where_the_inner_address_is(
        self, text: str, source: Make, locator: Locate
    ) -> None:
        found = locator(source("one", at("XA"))).locate(text)

        assert found.places == ("XA",)
        assert found.judged == (text, "8.8.8.8")

    def test_both_addresses_are_candidates_where_both_are_known(
        self, source: Make, locator: Locate
    ) -> None:
        networks = at("XA") | {"2a00:64::/32": Answer(("XB",), "vpn")}
        mine = (Nat64Prefix.read("2a00:64::/96"),)
        found = locator(source("one", networks), nat64=mine).locate("2a00:64::808:808")

        assert (found.places, found.contested) == (("XA", "XB"), True)
        assert found.network == "vpn"

    def test_an_unknown_inner_address_makes_all_unknown(
        self, source: Make, locator: Locate
    ) -> None:
        made = locator(source("one", {"2002::/16": Answer(("XB",))}))

        assert made.locate("2002:909:909::1").places == ()

    def test_the_pair_that_a_client_address_gives_is_located_as_one(
        self, source: Make, locator: Locate
    ) -> None:
        made = locator(source("one", at("XA") | {"9.9.9.9": Answer(("XB",))}))

        assert made.locate_all(("64:ff9b::808:808", "8.8.8.8")) == made.locate("64:ff9b::808:808")
        assert made.locate_all(("8.8.8.8", "9.9.9.9")).places == ("XA", "XB")
        assert made.locate_all(("8.8.8.8", "7.7.7.7")).places == ()
        assert made.locate_all(("8.8.8.8", "10.0.0.1")).non_routable
        with pytest.raises(InvalidInput):
            made.locate_all(())

    def test_clean_is_said_only_of_all(self, source: Make, locator: Locate) -> None:
        made = locator(source("privacy", is_a("tor"), "network", complete=True, versions=(4,)))

        assert made.locate("9.9.9.9").network == "residential"
        assert made.locate("64:ff9b::909:909").network is None
        assert made.locate("64:ff9b::808:808").network == "tor"


class TestNetworkClass:
    def test_the_strongest_class_is_kept(self, source: Make, locator: Locate) -> None:
        kinds = ["hosting", "vpn", "tor"]
        made = locator(*(source(kind, is_a(kind), "network") for kind in kinds))

        assert made.locate("8.8.8.8").network == "tor"
        assert {s.network for s in made.locate("8.8.8.8").sources} == set(kinds)

    def test_not_on_a_list_is_unknown(self, source: Make, locator: Locate) -> None:
        assert locator(source("vpns", is_a("vpn"), "network")).locate("9.9.9.9").network is None

    def test_not_in_a_complete_database_is_residential(self, source: Make, locator: Locate) -> None:
        made = locator(source("privacy", is_a("vpn"), "network", complete=True))

        assert made.locate("9.9.9.9").network == "residential"
        assert made.locate("8.8.8.8").network == "vpn"

    def test_a_complete_database_says_nothing_of_versions_it_lacks(
        self, source: Make, locator: Locate
    ) -> None:
        made = locator(source("privacy", is_a("vpn"), "network", complete=True, versions=(4,)))

        assert made.locate("2a00::1").network is None

    def test_an_expired_list_says_neither_yes_nor_no(self, source: Make, locator: Locate) -> None:
        expired = source("vpns", is_a("vpn"), "network", expires_at=NOW)
        made = locator(expired)

        assert made.locate("8.8.8.8").network is None
        assert made.locate("9.9.9.9").network is None
        assert made.locate("8.8.8.8").stale == ("vpns",)
        assert made.locate("8.8.8.8").sources[0].freshness is Freshness.EXPIRED

    def test_an_expired_database_does_not_make_clean(self, source: Make, locator: Locate) -> None:
        made = locator(source("privacy", {}, "network", complete=True, expires_at=NOW))

        assert made.locate("9.9.9.9").network is None

    def test_who_was_on_an_expired_list_is_not_called_clean_by_another(
        self, source: Make, locator: Locate
    ) -> None:
        expired = source("vpns", is_a("vpn"), "network", expires_at=NOW)
        made = locator(expired, source("privacy", {}, "network", complete=True))

        assert made.locate("8.8.8.8").network is None
        assert made.locate("9.9.9.9").network == "residential"


class TestRelaysFeedsAndClouds:
    def test_a_relay_s_own_file_says_where_its_client_is(
        self, source: Make, locator: Locate
    ) -> None:
        relay = source("relay", {"8.8.8.0/24": Answer(("XA",), "relay")}, "relay")
        found = locator(source("one", at("XB")), relay).locate("8.8.8.8")

        assert (found.places, found.network, found.contested) == (("XA",), "relay", False)

    def test_a_relay_on_a_vpn_list_is_a_relay(self, source: Make, locator: Locate) -> None:
        relay = source("relay", {"8.8.8.0/25": Answer(("XA",), "relay")}, "relay")
        made = locator(source("vpns", is_a("vpn"), "network"), relay)

        assert made.locate("8.8.8.8").network == "relay"
        assert made.locate("8.8.8.200").network == "vpn"

    @pytest.mark.parametrize("worse", ["tor", "residential_proxy", "proxy"])
    def test_a_relay_that_is_something_worse_is_that(
        self, worse: str, source: Make, locator: Locate
    ) -> None:
        relay = source("relay", {"8.8.8.0/24": Answer(("XA",), "relay")}, "relay")

        assert (
            locator(source("x", is_a(worse), "network"), relay).locate("8.8.8.8").network == worse
        )

    def test_an_expired_relay_file_is_not_believed(self, source: Make, locator: Locate) -> None:
        relay = source("relay", {"8.8.8.0/24": Answer(("XA",), "relay")}, "relay", expires_at=NOW)
        found = locator(source("one", at("XB")), source("v", is_a("vpn"), "network"), relay)

        assert found.locate("8.8.8.8").places == ("XB",)
        assert found.locate("8.8.8.8").network == "vpn"

    def test_a_relay_without_a_place_is_where_the_others_say(
        self, source: Make, locator: Locate
    ) -> None:
        relay = source("relay", is_a("relay"), "relay")

        assert locator(source("one", at("XB")), relay).locate("8.8.8.8").places == ("XB",)

    def test_what_a_network_says_of_itself_can_only_tighten(
        self, source: Make, locator: Locate
    ) -> None:
        feed = source("feed", at("XB") | {"9.9.9.9": Answer(("XA",))}, "geofeed")
        made = locator(source("one", at("XA")), feed)

        assert made.locate("8.8.8.8").places == ("XA", "XB")
        assert made.locate("9.9.9.9").places == ()
        assert made.locate("9.9.9.9").sources[0].places == ("XA",)

    def test_a_cloud_region_under_chinese_law_is_a_candidate(
        self, source: Make, locator: Locate
    ) -> None:
        cloud = source("aws", {"8.8.8.0/24": Answer(("CN",), "hosting")}, "network")
        found = locator(source("one", at("US")), cloud).locate("8.8.8.8")

        assert (found.places, found.network) == (("CN", "US"), "hosting")


class TestAge:
    def test_a_stale_source_is_used_and_named(self, source: Make, locator: Locate) -> None:
        made = locator(source("one", at("XA"), stale_at=NOW), source("two", at("XA")))
        found = made.locate("8.8.8.8")

        assert (found.places, found.stale) == (("XA",), ("one",))
        assert [s.freshness for s in found.sources] == [Freshness.STALE, Freshness.FRESH]

    def test_an_expired_source_says_nothing(self, source: Make, locator: Locate) -> None:
        made = locator(source("one", at("XA"), expires_at=NOW), source("two", at("XB")))

        assert made.locate("8.8.8.8").places == ("XB",)
        assert made.locate("8.8.8.8").confidence == "single"
        assert locator(source("one", at("XA"), expires_at=NOW)).locate("8.8.8.8").places == ()

    def test_a_source_ages_while_the_locator_is_in_use(self, source: Make, locator: Locate) -> None:
        day = timedelta(days=1)
        made = locator(source("one", at("XA"), stale_at=NOW + day, expires_at=NOW + 2 * day))

        seen = [made.locate("8.8.8.8", NOW + hours) for hours in (0 * day, day, 2 * day, 0 * day)]

        assert [(s.places, s.stale) for s in seen] == [
            (("XA",), ()), (("XA",), ("one",)), ((), ("one",)), (("XA",), ()),
        ]  # fmt: skip

    def test_without_a_moment_the_moment_of_loading_holds(
        self, source: Make, locator: Locate
    ) -> None:
        made = locator(source("one", at("XA"), expires_at=NOW + timedelta(days=1)))
        made.locate("8.8.8.8", NOW + timedelta(days=2))

        assert made.locate("8.8.8.8").places == ("XA",)


@pytest.mark.parametrize(
    "text", ["", "8.8.8", "8.8.8.8 ", "fe80::1%eth0", "::8.8.8.8", "x", "8.8.8.8\0"]
)
def test_text_that_cannot_be_judged_is_refused(text: str, source: Make, locator: Locate) -> None:
    with pytest.raises(InvalidInput, match="address"):
        locator(source("one", at("XA"))).locate(text)


def test_packed_addresses_are_located_too(source: Make, locator: Locate) -> None:
    made = locator(source("one", at("XA")))

    assert made.locate(bytes([8, 8, 8, 8])) == made.locate("8.8.8.8")
    assert made.locate(pack("::ffff:8.8.8.8") or b"") == made.locate("8.8.8.8")
    with pytest.raises(InvalidInput, match="4 or 16 bytes"):
        made.locate(b"\x08\x08")


def test_a_request_of_our_own_machines_has_no_place(source: Make, locator: Locate) -> None:
    made = locator(source("one", {"9.0.0.0/8": Answer(("XA",))}))
    internal = ClientAddress("9.9.9.9", ("9.9.9.9",), "peer", internal=True, non_routable=True)
    client = ClientAddress("9.9.9.9", ("9.9.9.9",), "peer")

    assert made.locate_client(internal).non_routable
    assert made.locate_client(internal).places == ()
    assert made.locate_client(client).places == ("XA",)


def test_the_holder_is_advisory_and_apart(source: Make, locator: Locate) -> None:
    made = locator(source("one", {}), holder=holder_data())
    found = made.locate("8.8.8.8")

    assert (found.holder, found.places, found.confidence) == ("US", (), "unknown")
    assert [(s.source, s.holder) for s in found.sources] == [("iptocc", "US")]
    assert made.locate("64:ff9b::808:808").holder == "US"


def test_a_registered_country_stands_in_where_nobody_knows_the_holder(
    source: Make, locator: Locate
) -> None:
    named = source("one", {"8.8.8.0/24": Answer(("XA",), holder="XB")})

    assert locator(named).locate("8.8.8.8").holder == "XB"
    assert locator(named, holder=holder_data()).locate("8.8.8.8").holder == "US"


def test_the_holder_s_data_have_a_date() -> None:
    data = holder_data()

    assert data.version
    assert data.built_at is not None
    assert data.built_at.tzinfo is not None
    assert holder_of("10.0.0.1") is None


def test_evidence_is_json_with_nothing_but_the_address(source: Make, locator: Locate) -> None:
    found = locator(source("one", at("RU", "UA-43"))).locate("8.8.8.8").as_dict()

    assert json.loads(json.dumps(found)) == found
    assert found["address"] == "8.8.8.8"
    assert found["places"] == ["RU", "UA-43"]
    assert found["sources"][0]["built_at"] == "2026-11-12T12:00:00+00:00"
    assert set(found) == {
        "address", "judged", "places", "confidence", "contested", "subdivision_known", "network",
        "holder", "non_routable", "stale", "sources", "cell",
    }  # fmt: skip


def test_a_remembered_answer_is_the_same_answer(source: Make, locator: Locate) -> None:
    made = locator(source("one", at("XA")), cache_size=4)
    texts = [f"8.8.8.{n}" for n in range(50)]

    first = [made.locate(text) for text in texts]
    again = [made.locate(text) for text in texts]

    assert first == again
    assert len(made._view.known) + len(made._view.older) <= 4


def test_a_locator_without_memory_works(source: Make, locator: Locate) -> None:
    made = locator(source("one", at("XA")), cache_size=0)

    assert made.locate("8.8.8.8") == made.locate("8.8.8.8")
    assert not made._view.known


def test_the_revision_follows_what_can_change_an_answer(source: Make, locator: Locate) -> None:
    one, two = source("one", at("XA")), source("two", at("XA"))
    aged = source("one", at("XA"), expires_at=NOW)
    mine = (Nat64Prefix.read("2a00:64::/96"),)
    revisions = [
        locator(one).revision, locator(one, two).revision, locator(aged).revision,
        locator(one, nat64=mine).revision, locator(one, holder=holder_data()).revision,
    ]  # fmt: skip

    assert len(set(revisions)) == len(revisions)
    assert locator(one).revision == locator(one, cache_size=1).revision


def test_many_threads_get_the_same_answers(source: Make, locator: Locate) -> None:
    made = locator(source("one", at("XA"), expires_at=NOW + timedelta(days=1)), cache_size=8)
    wrong: list[object] = []

    def work(moment: datetime, places: tuple[str, ...]) -> None:
        for n in range(2000):
            found = made.locate(f"8.8.8.{n % 200}", moment)
            if found.places != places:
                wrong.append(found)

    later = NOW + timedelta(days=2)
    threads = [threading.Thread(target=work, args=(NOW, ("XA",))) for _ in range(2)]
    threads += [threading.Thread(target=work, args=(later, ())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong


places = st.sampled_from(["US", "US-CA", "US-NY", "RU", "UA", "UA-43", "DE"])


@given(st.lists(st.lists(places, max_size=2).map(tuple), max_size=4))
def test_no_candidate_is_lost_but_for_a_country_that_is_refined(
    answers: list[tuple[str, ...]],
) -> None:
    found = candidates(answers)
    every = {place for answer in answers for place in answer}

    assert set(found) <= every
    assert {place[:2] for place in found} == {place[:2] for place in every}
    assert candidates(reversed(answers)) == found


@given(st.lists(st.one_of(st.none(), st.sampled_from(NETWORKS))))
def test_the_strongest_class_is_the_first_of_the_list(networks: list[str | None]) -> None:
    named = [network for network in networks if network]

    found = strongest(networks)
    assert (found is None) == (not named)
    assert all(NETWORKS.index(found) <= NETWORKS.index(network) for network in named if found)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.ip_addresses().map(str))
def test_any_address_is_located_without_fail(text: str, source: Make, locator: Locate) -> None:
    if text.startswith("::") and "ffff" not in text and text not in ("::", "::1"):
        return  # IPv4-compatible ones are refused
    found = locator(source("one", at("XA"))).locate(text)

    assert found.judged
    assert not (found.non_routable and found.places)
