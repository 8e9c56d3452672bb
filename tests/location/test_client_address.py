"""Nobody but a trusted proxy can say who the client is.

The cases are the ways in which other products were fooled, and the ways in which a header can be
wrong. ``CLIENT`` is who really asked, ``LIE`` is what the client would like to be taken for.
"""

import itertools
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.errors import InvalidInput
from bailiwick.location import (
    ClientAddress,
    Invalid,
    Nat64Prefix,
    TrustedProxies,
    client_address,
)

PROXY = "10.0.0.1"
CLIENT = "198.51.100.7"
LIE = "203.0.113.66"
TRUSTED = TrustedProxies.read(["10.0.0.0/8", "127.0.0.0/8", "2001:db8:ffff::/48", "::1"])
XFF, FORWARDED, CF = "x-forwarded-for", "forwarded", "cf-connecting-ip"


def find(
    *values: str, peer: str = PROXY, header: str = XFF, name: str | None = None
) -> ClientAddress | Invalid:
    return client_address(peer, [(name or header, value) for value in values], TRUSTED, header)


def address(found: ClientAddress | Invalid) -> str | None:
    return found.address if isinstance(found, ClientAddress) and not found.internal else None


def reason(found: ClientAddress | Invalid) -> str:
    return found.reason if isinstance(found, Invalid) else ""


FOUND = {
    "one hop": (XFF, [CLIENT]),
    "a lie on the left (CVE-2025-65328 takes the first)": (XFF, [f"{LIE}, {CLIENT}"]),
    "a lie in an earlier line": (XFF, [LIE, CLIENT]),
    "rubbish on the left is not read": (XFF, [f"unknown, \x00, ,,,{LIE}x, {CLIENT}"]),
    "trusted hops on the right are passed": (XFF, [f"{LIE}, {CLIENT}, 10.2.3.4, 127.0.0.1"]),
    "trusted hops over several lines": (XFF, [LIE, CLIENT, "10.2.3.4", "127.0.0.1"]),
    "a trusted address written by the client": (XFF, [f"10.9.9.9, {CLIENT}"]),
    "a trusted proxy seen as IPv4-mapped": (XFF, [f"{LIE}, {CLIENT}, ::ffff:10.2.3.4"]),
    "a trusted proxy in upper case hex": (XFF, [f"{CLIENT}, ::FFFF:A02:304"]),
    "a trusted IPv6 proxy in another spelling": (XFF, [f"{CLIENT}, 2001:0DB8:FFFF:0:0:0:0:1"]),
    "the client as IPv4-mapped": (XFF, [f"::ffff:{CLIENT}"]),
    "the client as IPv4-mapped in hex": (XFF, ["::FFFF:c633:6407"]),
    "with a port": (XFF, [f"{CLIENT}:51234"]),
    "a mapped address in brackets with a port": (XFF, [f"[::ffff:{CLIENT}]:443"]),
    "tabs and spaces around": (XFF, [f"{LIE} ,\t {CLIENT}\t "]),
    "no space after the comma": (XFF, [f"{LIE},{CLIENT}"]),
    "a single-address header": (CF, [CLIENT]),
    "a single-address header with space around": (CF, [f" {CLIENT} "]),
    "RFC 7239": (FORWARDED, [f"for={CLIENT}"]),
    "RFC 7239 with other parameters": (FORWARDED, [f"by=10.0.0.1;For={CLIENT};proto=https"]),
    "RFC 7239, quoted with a port": (FORWARDED, [f'for="{CLIENT}:8080"']),
    "RFC 7239, quoted with a hidden port": (FORWARDED, [f'for="{CLIENT}:_http"']),
    "RFC 7239, a lie on the left": (FORWARDED, [f"for={LIE}, for={CLIENT}"]),
    "RFC 7239, several lines": (FORWARDED, [f"for={LIE}", f"for={CLIENT}", 'for="127.0.0.1:80"']),
    "RFC 7239, a comma inside quotes": (FORWARDED, [f'for={LIE};x="a,for=9.9.9.9", for={CLIENT}']),
    "RFC 7239, escapes inside quotes": (FORWARDED, [f'for={LIE};x="\\"", FOR="198.51.100\\.7"']),
    "RFC 7239, trusted IPv6 hop": (FORWARDED, [f'for={CLIENT}, for="[2001:db8:ffff::1]:443"']),
}  # fmt: skip


@pytest.mark.parametrize(("header", "values"), FOUND.values(), ids=FOUND.keys())
def test_the_rightmost_untrusted_hop_is_the_client(header: str, values: list[str]) -> None:
    assert address(find(*values, header=header)) == CLIENT


REFUSED: dict[str, tuple[str, list[str], str]] = {
    "rubbish on the right": (XFF, [f"{LIE}, unknown"], "header.unknown"),
    "unknown in capitals": (XFF, [f"{LIE}, UNKNOWN"], "header.unknown"),
    "an obfuscated name": (XFF, [f"{LIE}, _hidden"], "header.obfuscated"),
    "rubbish behind trusted hops": (XFF, [f"{LIE}, x, 10.1.1.1"], "header.unparsable"),
    "an empty header": (XFF, [""], "header.empty"),
    "a lone comma": (XFF, [","], "header.empty"),
    "a trailing comma": (XFF, [f"{LIE},"], "header.empty"),
    "an empty last line": (XFF, [LIE, ""], "header.empty"),
    "only spaces": (XFF, ["  \t "], "header.empty"),
    "a NUL": (XFF, [f"{LIE}\0"], "header.unparsable"),
    "a carriage return": (XFF, [f"{LIE}\r"], "header.unparsable"),
    "a line feed": (XFF, [f"9.9.9.9\n{LIE}"], "header.unparsable"),
    "a vertical tab": (XFF, [f"\v{LIE}"], "header.unparsable"),
    "a no-break space": (XFF, [f"\xa0{LIE}"], "header.unparsable"),
    "letters outside ASCII": (XFF, ["\uff12\uff10\uff13.0.113.66"], "header.unparsable"),
    "an octal spelling (CVE-2026-40199)": (XFF, ["0313.0.0161.0102"], "header.unparsable"),
    "a leading zero": (XFF, ["203.0.113.066"], "header.unparsable"),
    "a hexadecimal spelling": (XFF, ["0xcb.0.0x71.0x42"], "header.unparsable"),
    "a short spelling": (XFF, ["203.28994"], "header.unparsable"),
    "one number": (XFF, ["3405803842"], "header.unparsable"),
    "a block": (XFF, ["203.0.113.0/24"], "header.unparsable"),
    "a host name": (XFF, ["localhost"], "header.unparsable"),
    "a quoted address outside RFC 7239": (XFF, [f'"{LIE}"'], "header.unparsable"),
    "a zone": (XFF, ["fe80::1%eth0"], "header.unparsable"),
    "a zone in brackets": (XFF, ["[2001:db8::1%25x]:443"], "header.unparsable"),
    "an open bracket": (XFF, ["[2001:db8::1"], "header.unparsable"),
    "IPv4 in brackets": (XFF, [f"[{LIE}]"], "header.unparsable"),
    "rubbish after brackets": (XFF, ["[2001:db8::1]x"], "header.unparsable"),
    "an empty port": (XFF, [f"{LIE}:"], "header.unparsable"),
    "a port that does not exist": (XFF, [f"{LIE}:65536"], "header.unparsable"),
    "a signed port": (XFF, [f"{LIE}:+80"], "header.unparsable"),
    "two ports": (XFF, [f"{LIE}:80:80"], "header.unparsable"),
    "an IPv4-compatible address": (XFF, ["::203.0.113.66"], "address.ipv4_compatible"),
    "an IPv4-compatible loopback": (XFF, ["::127.0.0.1"], "address.ipv4_compatible"),
    "10,000 hops": (XFF, [", ".join([LIE] * 10_000)], "header.too_long"),
    "10,000 lines": (XFF, [LIE] * 10_000, "header.too_long"),
    "10,000 empty lines": (XFF, [""] * 10_000, "header.too_long"),
    "33 hops": (XFF, [",".join([LIE] * 33)], "header.too_many_hops"),
    "4 KiB of spaces": (XFF, [" " * 5000 + LIE], "header.too_long"),
    "a single-address header twice": (CF, [LIE, CLIENT], "header.duplicate"),
    "a list in a single-address header": (CF, [f"{LIE}, {CLIENT}"], "header.unparsable"),
    "an empty single-address header": (CF, [""], "header.empty"),
    "RFC 7239 without for": (FORWARDED, ["proto=https"], "header.empty"),
    "RFC 7239, unknown": (FORWARDED, [f"for={LIE}, for=unknown"], "header.unknown"),
    "RFC 7239, obfuscated": (FORWARDED, [f"for={LIE}, for=_secret"], "header.obfuscated"),
    "RFC 7239, an open quote swallows the rest": (
        FORWARDED, [f'for={LIE};x=", for={CLIENT}'], "header.unparsable"),
    "RFC 7239, a quote meant to swallow a proxy's": (
        FORWARDED, [f'for={LIE};x=", for="{CLIENT}"'], "header.unparsable"),
    "RFC 7239, an escape at the end of a quote": (
        FORWARDED, [f'for={LIE};x="\\', f"for={CLIENT}"], "header.unparsable"),
    "RFC 7239, for twice": (FORWARDED, [f"for={LIE};for={CLIENT}"], "header.unparsable"),
    "RFC 7239, for twice in another case": (
        FORWARDED, [f"for={LIE};FOR={CLIENT}"], "header.unparsable"),
    "RFC 7239, unquoted port": (FORWARDED, [f"for={LIE}:80"], "header.unparsable"),
    "RFC 7239, unquoted IPv6": (FORWARDED, ["for=[2001:db8::1]"], "header.unparsable"),
    "RFC 7239, IPv6 without brackets": (FORWARDED, ['for="2001:db8::1"'], "header.unparsable"),
    "RFC 7239, no value": (FORWARDED, ["for="], "header.unparsable"),
    "RFC 7239, spaces around =": (FORWARDED, [f"for = {LIE}"], "header.unparsable"),
    "RFC 7239, a bare address": (FORWARDED, [LIE], "header.unparsable"),
    "RFC 7239, a trailing comma": (FORWARDED, [f"for={LIE},"], "header.empty"),
    "RFC 7239, a NUL inside quotes": (FORWARDED, [f'for="{LIE}\0"'], "header.unparsable"),
}  # fmt: skip


@pytest.mark.parametrize(("header", "values", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_is_never_skipped(header: str, values: list[str], why: str) -> None:
    assert find(*values, header=header) == Invalid(why)


IGNORED = {
    "no trusted peer (CVE-2020-28483, CVE-2023-37865)": ("x-forwarded-for", XFF),
    "another header": ("x-real-ip", XFF),
    "yet another (CVE-2022-41155)": ("client-ip", XFF),
    "RFC 7239 where X-Forwarded-For is meant": ("forwarded", XFF),
    "dots for dashes (CVE-2026-88011)": ("x.forwarded.for", XFF),
    "underscores for dashes (CVE-2026-88011)": ("x_forwarded_for", XFF),
    "a space at the end of the name": ("x-forwarded-for ", XFF),
    "X-Forwarded-For where a single-address header is meant": ("x-forwarded-for", CF),
    "a country that somebody names": ("cf-ipcountry", CF),
}


@pytest.mark.parametrize(("name", "header"), IGNORED.values(), ids=IGNORED.keys())
def test_a_header_that_is_not_the_configured_one_of_a_trusted_peer_is_not_read(
    name: str, header: str
) -> None:
    found = find(LIE, peer=CLIENT, header=header, name=name)

    assert isinstance(found, ClientAddress)
    assert (found.address, found.source) == (CLIENT, "peer")


@pytest.mark.parametrize("name", ["x-real-ip", "x.forwarded.for", "x_forwarded_for"])
def test_an_alias_beside_the_header_changes_nothing(name: str) -> None:
    found = client_address(PROXY, [(name, LIE), (XFF, CLIENT), (name, LIE)], TRUSTED, XFF)

    assert address(found) == CLIENT


def test_a_header_name_is_compared_without_case() -> None:
    assert address(find(CLIENT, name="X-Forwarded-FOR")) == CLIENT


@pytest.mark.parametrize(
    "values",
    [[], ["10.2.2.2"], ["127.0.0.1, 10.2.2.2"], ["::1"], ["[2001:db8:ffff::9]:80, ::ffff:10.0.0.9"]
    ],
    ids=["no header (stripped by Connection: CVE-2024-45410, CVE-2026-29054)", "one", "two",
         "IPv6 loopback", "IPv6 and mapped"],
)  # fmt: skip
def test_a_request_whose_every_hop_is_ours_is_internal_and_nowhere(values: list[str]) -> None:
    found = find(*values)

    assert isinstance(found, ClientAddress)
    assert (found.address, found.internal, found.non_routable) == (PROXY, True, True)


@pytest.mark.parametrize(
    ("peer", "want"),
    [
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_peer_is_the_client_where_nobody_stands_between(peer: str, want: str) -> None:
    assert address(client_address(peer, [(XFF, LIE)], TRUSTED, XFF)) == want


@pytest.mark.parametrize(
    "peer", ["", "unix:", "/run/socket", "localhost", "10.0.0.1 ", "fe80::1%lo"]
)
def test_a_peer_that_cannot_be_read_is_refused(peer: str) -> None:
    assert client_address(peer, [(XFF, CLIENT)], TRUSTED, XFF) == Invalid("peer.unparsable")


def test_a_mapped_peer_is_trusted_like_the_address_it_is() -> None:
    assert address(find(CLIENT, peer="::ffff:127.0.0.1")) == CLIENT


@pytest.mark.parametrize(
    "text",
    ["::FFFF:7f00:1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1",
     "2002:7f00:1::1", "2001:0:102:304:0:0:80ff:fffe", "192.168.0.1", "100.64.1.1", "fe80::1",
     "2001:db8::1", "fec0::1", "5f00::1", "3fff::1", "64:ff9b:1::8.8.8.8"],
)  # fmt: skip
def test_an_address_that_is_nowhere_is_marked_however_it_is_written(text: str) -> None:
    """Private behind IPv4-mapped: CVE-2026-39409, CVE-2024-24790, CVE-2024-4032."""
    found = client_address("9.9.9.9", [], TrustedProxies(), XFF)
    hidden = client_address(PROXY, [(XFF, text)], TrustedProxies.read(["10.0.0.1/32"]), XFF)

    assert isinstance(found, ClientAddress)
    assert not found.non_routable
    assert isinstance(hidden, ClientAddress)
    assert hidden.non_routable


def test_other_spellings_of_an_ipv6_address_are_one_client() -> None:
    """CVE-2026-47674."""
    spellings = ["2001:db8::A", "2001:0db8:0:0:0:0:0:000a", "2001:DB8:0::0:a", "[2001:db8::a]:1"]

    assert {address(find(text)) for text in spellings} == {"2001:db8::a"}


def test_the_address_inside_a_translated_one_is_judged_too() -> None:
    found = find("64:ff9b::8.8.8.8")
    own = client_address(
        PROXY,
        [(XFF, "2001:4860:64::808:808")],
        TRUSTED,
        XFF,
        (Nat64Prefix.read("2001:4860:64::/96"),),
    )

    assert isinstance(found, ClientAddress)
    assert found.judged == ("64:ff9b::808:808", "8.8.8.8")
    assert isinstance(own, ClientAddress)
    assert own.judged == ("2001:4860:64::808:808", "8.8.8.8")


def test_a_translated_trusted_address_is_not_trusted() -> None:
    found = find(f"{CLIENT}, 64:ff9b::10.0.0.1")

    assert isinstance(found, ClientAddress)
    assert found.address == "64:ff9b::a00:1"
    assert found.non_routable


def test_two_requests_on_one_connection_are_two_clients() -> None:
    assert address(find(CLIENT)) == CLIENT
    assert find() == ClientAddress(PROXY, (PROXY,), "peer", internal=True, non_routable=True)
    assert address(find("198.51.100.8")) == "198.51.100.8"


def test_a_proxy_of_another_listener_is_not_trusted_here() -> None:
    other = TrustedProxies.read(["192.0.2.0/24"])

    assert address(client_address(PROXY, [(XFF, LIE)], other, XFF)) == PROXY


def test_every_wrong_block_of_trusted_proxies_is_reported() -> None:
    with pytest.raises(InvalidInput) as refused:
        TrustedProxies.read(["10.0.0.0/8", "10.0.0.1/8", "proxy.example"])

    assert len(refused.value.problems) == 2


def test_nested_and_mapped_blocks_of_trusted_proxies_are_one_set() -> None:
    trusted = TrustedProxies.read(["10.0.0.0/8", "10.1.0.0/16", "::ffff:192.0.2.0/120"])

    assert bytes([10, 255, 0, 1]) in trusted
    assert bytes([192, 0, 2, 9]) in trusted
    assert bytes([192, 0, 3, 9]) not in trusted


hops = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(
        ["10.0.0.1", "127.0.0.1", "::1", "unknown", "_x", "", "1.2.3", "::ffff:10.0.0.1"]
    ),
    st.text(max_size=12).filter(lambda text: "," not in text),
)


@given(st.lists(hops, max_size=20), st.ip_addresses(), st.integers(0, 3))
def test_nothing_a_client_writes_changes_what_a_trusted_proxy_appended(
    lies: list[str], client: IPv4Address | IPv6Address, own_hops: int
) -> None:
    appended = [str(client), *itertools.repeat("10.0.0.9", own_hops)]

    honest = find(", ".join(appended))
    spoofed = find(", ".join([*lies, *appended]))

    if address(honest):  # otherwise the client itself is one of ours, or cannot be judged
        assert spoofed == honest


@given(st.lists(hops, min_size=1, max_size=8), st.data())
def test_it_makes_no_difference_how_hops_are_spread_over_lines(
    elements: list[str], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(elements) - 1))
    lines = [",".join(part) for part in (elements[:cut], elements[cut:]) if part]

    assert find(*lines) == find(",".join(elements))


@given(st.text(max_size=200), st.sampled_from([XFF, FORWARDED, CF]))
def test_any_text_gives_an_address_or_a_reason(text: str, header: str) -> None:
    found = find(text, header=header)

    assert isinstance(found, ClientAddress | Invalid)
    if isinstance(found, ClientAddress):
        assert found.judged[0] == found.address


@given(st.text(alphabet='for="[]:;, \\_.0123456789abcdf', max_size=60))
def test_the_grammar_of_rfc_7239_never_invents_a_client(text: str) -> None:
    found = find(text, header=FORWARDED)

    if address(found):
        assert "for=" in text.lower()


def test_the_bypass_list_is_long_enough() -> None:
    assert len(FOUND) + len(REFUSED) + len(IGNORED) >= 60
