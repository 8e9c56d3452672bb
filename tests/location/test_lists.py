"""Published lists: what is on them is known, what is not is unknown, and a bad line refuses all.

The files in ``lists`` are made up, in the formats of the real ones, with documentation addresses.
Tables of places say nothing of such addresses, so places are checked on rows as they are read.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bailiwick.location import LIST_KINDS, DamagedFile, pack
from bailiwick.location.answers import NOTHING, Answer
from bailiwick.location.lists import _Read, compile_list

LISTS = Path(__file__).parent / "lists"
MADE = datetime(2026, 11, 1, tzinfo=UTC)
TOR, VPN, HOSTING = Answer(network="tor"), Answer(network="vpn"), Answer(network="hosting")
IN_CHINA = Answer(("CN",), "hosting")


@pytest.mark.parametrize(
    ("kind", "file", "address", "want"),
    [
        ("tor_exits", "torbulkexitlist", "192.0.2.7", TOR),
        ("tor_exits", "torbulkexitlist", "192.0.2.8", NOTHING),
        ("tor_exits", "exit-addresses", "198.51.100.99", TOR),
        ("tor_exits", "exit-addresses", "198.51.100.98", NOTHING),
        ("cidr_list", "vpn-ipv4.txt", "192.0.2.15", VPN),
        ("cidr_list", "vpn-ipv4.txt", "192.0.2.16", NOTHING),
        ("cidr_list", "vpn-ipv4.txt", "203.0.113.5", VPN),
        ("cidr_list", "vpn-ipv4.txt", "2001:db8:77::1", VPN),
        ("aws", "ip-ranges.json", "192.0.2.127", HOSTING),
        ("aws", "ip-ranges.json", "192.0.2.128", NOTHING),
        ("aws", "ip-ranges.json", "198.51.100.1", IN_CHINA),
        ("aws", "ip-ranges.json", "2001:db8:aa::1", HOSTING),
        ("gcp", "cloud.json", "192.0.2.1", HOSTING),
        ("gcp", "cloud.json", "2001:db8:bb::1", HOSTING),
        ("azure", "ServiceTags_Public.json", "192.0.2.63", HOSTING),
        ("azure", "ServiceTags_Public.json", "2001:db8:cc::1", HOSTING),
        ("azure", "ServiceTags_China.json", "198.51.100.1", IN_CHINA),
        ("cloudflare", "ips-v4", "198.51.100.127", HOSTING),
        ("cloudflare", "cloudflare.json", "2001:db8:dd::1", HOSTING),
        ("digitalocean", "google.csv", "192.0.2.1", HOSTING),
    ],
)
def test_what_is_on_a_list(kind: str, file: str, address: str, want: Answer) -> None:
    table, about = compile_list(kind, (LISTS / file).read_bytes(), file, MADE)

    assert table.answer(pack(address) or b"") == want
    assert (about.role, about.schema, about.complete) == ("network", kind, False)


@pytest.mark.parametrize(
    ("kind", "file", "rows"),
    [
        (
            "private_relay",
            "egress-ip-ranges.csv",
            {
                "192.0.2.0/28": Answer(("US-CA",), "relay"),
                "192.0.2.16/28": Answer(("DE-BE",), "relay"),
                "198.51.100.0/31": Answer(("GB",), "relay"),  # GB-EN is not of ISO 3166-2
                "198.51.100.2/31": Answer(("FR",), "relay"),
                "198.51.100.4/31": Answer((), "relay"),
                "2001:db8:1::/64": Answer(("JP-13",), "relay"),
            },
        ),
        (
            "geofeed",
            "geofeed.csv",
            {
                "192.0.2.0/24": Answer(("US-NY",)),
                "192.0.2.128/25": Answer(("CA-ON",)),
                "198.51.100.0/24": NOTHING,
                "2001:db8::/32": Answer(("DE-BY",)),
            },
        ),
    ],
)
def test_the_places_that_a_feed_names(kind: str, file: str, rows: dict[str, Answer]) -> None:
    chosen = LIST_KINDS[kind]
    read = _Read(file, chosen.network)

    found = {
        network.text: answer for network, answer in chosen.read((LISTS / file).read_text(), read)
    }

    assert found == rows
    assert not read.problems


def test_a_feed_keeps_its_class_where_it_has_no_place() -> None:
    data = (LISTS / "egress-ip-ranges.csv").read_bytes()
    table, about = compile_list("private_relay", data + b"\n9.9.9.0/24,CH,,,\n", "x", MADE)

    assert table.answer(bytes([9, 9, 9, 9])) == Answer(("CH",), "relay")
    assert about.role == "relay"


def test_codes_that_are_no_places_are_named() -> None:
    data = b"9.9.9.0/24,EU,,,\n8.8.8.0/24,US,,,\n"
    table, about = compile_list("geofeed", data, "x", MADE)

    assert about.notes == ("`EU` is no place (1 lines)",)
    assert table.place_of("9.9.9.9") is None
    assert table.place_of("8.8.8.8") == "US"


@pytest.mark.parametrize(
    ("kind", "file", "built_at"),
    [
        ("tor_exits", "exit-addresses", datetime(2026, 11, 22, 2, 31, tzinfo=UTC)),
        ("tor_exits", "torbulkexitlist", MADE),
        ("aws", "ip-ranges.json", datetime(2026, 11, 20, 12, 3, 11, tzinfo=UTC)),
        ("gcp", "cloud.json", datetime(2026, 11, 19, 4, 3, 2, 100_000, tzinfo=UTC)),
        ("azure", "ServiceTags_Public.json", MADE),
        ("cidr_list", "vpn-ipv4.txt", MADE),
    ],
)
def test_a_list_has_its_own_date_or_its_file_s(kind: str, file: str, built_at: datetime) -> None:
    _, about = compile_list(kind, (LISTS / file).read_bytes(), file, MADE)

    assert about.built_at == built_at


def test_an_operator_may_name_another_class() -> None:
    table, _ = compile_list("cidr_list", b"192.0.2.0/24\n", "x", MADE, "residential_proxy")

    assert table.answer(bytes([192, 0, 2, 1])) == Answer(network="residential_proxy")


def test_a_mapped_block_is_a_block_of_ipv4() -> None:
    table, _ = compile_list("cidr_list", b"\xef\xbb\xbf::ffff:192.0.2.0/120\r\n", "x", MADE)

    assert table.answer(bytes([192, 0, 2, 1])) == VPN


@pytest.mark.parametrize("kind", LIST_KINDS)
@pytest.mark.parametrize(
    "junk",
    [b"", b"\n\n", b"# nothing\n", b"<html><body>404</body></html>", b"{}", b"[]", b"null",
     b"\xff\xfe\0",
     b"192.0.2.0/24\n192.0.2", b"192.0.2.1/24", b"x,US,,,", b'{"prefixes": [1]}', b"[" * 100_000,
     b'{"prefixes": [], "values": [], "result": {}}', b'{"values": [{"properties": []}]}',
     b'{"prefixes": [{"ip_prefix": "x"}], "ipv6_prefixes": []}', b"192.0.2.0/24,United States,,,"],
    ids=range(17),
)  # fmt: skip
def test_an_empty_cut_or_other_file_is_refused_whole(kind: str, junk: bytes) -> None:
    with pytest.raises(DamagedFile):
        compile_list(kind, junk, "x", MADE)


def test_a_bad_line_is_named() -> None:
    with pytest.raises(DamagedFile, match=r"list\.txt:3: `192\.0\.2` is not an address"):
        compile_list("cidr_list", b"# a list\n192.0.2.0/24\n192.0.2\n", "list.txt", MADE)


def test_a_file_of_rubbish_does_not_fill_the_terminal() -> None:
    with pytest.raises(DamagedFile) as refused:
        compile_list("cidr_list", b"rubbish\n" * 10_000, "x", MADE)

    assert len(str(refused.value)) < 3000
