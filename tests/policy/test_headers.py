"""Headers that a restrict sends to the upstream."""

import pytest

from policy.reading import HEAD, errors, read

OWN = "help: a restrict adds headers that the upstream reads, such as `x-moderation`"
EMPTY_HEADERS = "4:42: `headers` is empty\nhelp: name a header, or remove the key"


def headers(text: str) -> str:
    """Write a policy with one restrict; ``{`` of its headers stands at 4:42."""
    return HEAD + f"rules:\n  - {{id: a, restrict: '*', to: {{headers: {{{text}}}}}}}\n"


@pytest.mark.parametrize(
    "name",
    [
        "host", "Host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
        "transfer-encoding", "expect", "via", "accept-encoding",
        "content-length", "content-type", "Content-Encoding", "content-anything",
        "authorization", "Authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie",
        "set-cookie", "proxy-authorization", "x-amz-security-token", "x-amz-date",
        "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
        "true-client-ip", "cf-connecting-ip", "x-client-ip", "x-cluster-client-ip", "fly-client-ip",
        "sec-fetch-site",
    ],
)  # fmt: skip
def test_headers_that_are_the_gateways_own_are_refused(name: str) -> None:
    assert errors(headers(f"{name}: x")) == [f"4:43: header `{name}` is the gateway's own\n{OWN}"]


@pytest.mark.parametrize("name", ["x moderation", "x:y", "ü", "-x", "x\\r\\ny", "", "x" * 65])
def test_the_name_of_a_header_is_a_name(name: str) -> None:
    (found,) = errors(headers(f'"{name}": x'))

    assert "is not the name of a header\nhelp: letters, digits and `-`: `x-moderation`" in found
    assert found.startswith("4:43: ")


@pytest.mark.parametrize("value", ["", " x", "x ", "a\\r\\nb: c", "a\\nb", "é", "\\t", "x" * 1025])
def test_the_value_of_a_header_is_plain_text(value: str) -> None:
    (found,) = errors(headers(f'x-a: "{value}"'))

    assert found == (
        "4:48: value of header `x-a` is not plain text\n"
        "help: printable ASCII, at most 1024 characters, no spaces around it"
    )


def test_a_header_is_given_once_in_whatever_case() -> None:
    assert errors(headers("x-a: b, X-A: c")) == [
        "4:51: header `X-A` is given twice\nhelp: first as `x-a`; case does not matter"
    ]


def test_no_headers_is_not_written_as_an_empty_list_of_them() -> None:
    assert errors(headers("")) == [EMPTY_HEADERS]


def test_each_wrong_header_is_told() -> None:
    assert len(errors(headers("host: a, x-b: 'ä', x y: c"))) == 3


@pytest.mark.parametrize("value", ["strict", "a b; c=d, e", "1", "x" * 1024, "!"])
def test_other_headers_are_sent_in_lower_case(value: str) -> None:
    rule = read(headers(f"X-Moderation: '{value}'")).rules[0]

    assert rule.obligations.headers == (("x-moderation", value),)
