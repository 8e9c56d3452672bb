"""Keys that do not exist, are missing, or hold the wrong kind of value."""

import pytest

from policy.reading import HEAD, RULES, errors


def rule(text: str) -> str:
    """Write a policy of one rule, which stands at 4:5."""
    return HEAD + f"rules:\n  - {{{text}}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "rulez: []\n" + RULES, "3:1: unknown key `rulez`\nhelp: did you mean `rules`?"),
        (rule("id: a, permit: '*', wehre: {address: XA}"), "4:26: unknown key `wehre`\nhelp: did you mean `where`?"),
        (rule("id: a, permit: {idz: [pa/small]}"), "4:22: unknown key `idz`\nhelp: did you mean `ids`?"),
        (rule("id: a, restrict: '*', to: {qota: {}}"), "4:33: unknown key `qota`\nhelp: did you mean `quota`?"),
        (rule("id: a, restrict: '*', to: {quota: {requests: 1, per: day, buy: key}}"), "4:64: unknown key `buy`\nhelp: did you mean `by`?"),
        (HEAD + "places: {a: {inclde: [XA]}}\n" + RULES, "3:14: unknown key `inclde`\nhelp: did you mean `include` or `exclude`?"),
        (HEAD + "models: {a: {provder: pa}}\n" + RULES, "3:14: unknown key `provder`\nhelp: did you mean `provider` or `provider_country`?"),
        (HEAD + "evidence: {requird: [address]}\n" + RULES, "3:12: unknown key `requird`\nhelp: did you mean `required`?"),
        (HEAD + "refusal: {statsu: 451}\n" + RULES, "3:11: unknown key `statsu`\nhelp: did you mean `status`?"),
        (HEAD + RULES + "accounts: {f: {of: anybody, than: review}}\n", "5:29: unknown key `than`\nhelp: did you mean `then`?"),
        (HEAD + "ownership: {o: {treshold: '> 50%', seeds: {}}}\n" + RULES, "3:17: unknown key `treshold`\nhelp: did you mean `threshold`?"),
        (HEAD + RULES + "tests: [{note: n, fakts: {}, want: {}}]\n", "5:19: unknown key `fakts`\nhelp: did you mean `facts`?"),
        (HEAD + "<<: {about: x}\n" + RULES, "3:1: unknown key `<<`"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_told_with_the_keys_that_are_near(text: str, expected: str) -> None:
    assert any(one.startswith(expected) for one in errors(text)), errors(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: t\n" + RULES, "1:1: missing key `bailiwick`"),
        ("bailiwick: 1\n" + RULES, "1:1: missing key `name`"),
        ("bailiwick: 2\nname: t\n" + RULES, "1:12: `2` is not one of `1`"),
        (rule("permit: '*'"), "4:5: missing key `id`"),
        (rule("id: a"), "4:5: a rule has exactly one of `permit`, `deny`, `restrict`, `exempt`"),
        (rule("id: a, permit: '*', deny: '*'"), "4:5: a rule has exactly one of `permit`, `deny`, `restrict`, `exempt`"),
        (rule("id: a, restrict: '*'"), "4:5: a rule with `restrict` needs `to`"),
        (rule("id: a, exempt: pa/small, until: 2027-01-01"), "4:5: a rule with `exempt` needs `lifts`"),
        (rule("id: a, permit: '*', absolute: true"), "4:5: `absolute` goes with deny only"),
        (rule("id: a, permit: '*', lifts: [b]"), "4:5: `lifts` goes with exempt only"),
        (rule("id: a, deny: '*', to: {max_body_bytes: 1}"), "4:5: `to` goes with restrict only"),
        (rule("id: a, permit: '*', requires: [address]"), "4:5: `requires` goes with deny or restrict only"),
        (rule("id: a, restrict: '*', to: {}"), "4:32: `to` is empty\nhelp: say what the restrict holds the request to"),
        (rule("id: a, restrict: '*', to: {quota: {per: day}}"), "4:40: a quota needs `requests` or `tokens`"),
    ],
)  # fmt: skip
def test_what_is_missing_or_does_not_go_together_is_told(text: str, expected: str) -> None:
    assert errors(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "about: [x]\n" + RULES, "3:8: `about` needs one plain value, not a list or mapping"),
        (HEAD + "rules: {id: a}\n", "3:8: `rules` needs a list"),
        (HEAD + "rules:\n  - a\n", "4:5: `rules` needs keys with values, as in `key: value`"),
        (HEAD + "places: [us]\n" + RULES, "3:9: `places` needs keys with values, as in `key: value`"),
        (rule("id: a, permit: '*', where: [address]"), "4:33: `where` needs keys with values, as in `key: value`"),
        (rule("id: a, permit: [[x]]"), "4:22: `permit` needs one plain value, not a list or mapping"),
        (rule("id: a, deny: '*', absolute: yes"), "4:34: `yes` is neither `true` nor `false`"),
        (rule("id: a, restrict: '*', to: {max_output_tokens: 0}"), "4:52: `0` is not a whole number above zero"),
        (rule("id: a, restrict: '*', to: {max_output_tokens: 1.5}"), "4:52: `1.5` is not a whole number above zero"),
        (rule("id: a, restrict: '*', to: {max_output_tokens: 1_000}"), "4:52: `1_000` is not a whole number above zero"),
        (rule("id: a, restrict: '*', to: {quota: {requests: 1, per: week}}"), "4:59: `week` is not one of `second`, `minute`, `hour` or `day`"),
        (rule("id: a b, permit: '*'"), "4:10: `a b` is not written as expected\nhelp: it must match ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
        (HEAD + "refusal: {status: 404}\n" + RULES, "3:19: `404` is not one of `403` or `451`"),
        (HEAD + "anonymizers: {vpn: maybe}\n" + RULES, "3:20: `maybe` is not one of `hidden` or `trust`"),
        (HEAD + "ownership: {o: {threshold: half, seeds: {listed: b}}}\n" + RULES, r"3:28: `half` is not written as expected" + "\n" + r"help: it must match ^(>|>=) ?\d{1,3}(\.\d+)? ?%$"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_told(text: str, expected: str) -> None:
    assert errors(text) == [expected]


@pytest.mark.parametrize("key", ["from", "until"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yesterday", "`yesterday` is not a time\nhelp: write it as 2026-07-01T00:00Z or 2026-07-01"),
        ("2026-13-01", "`2026-13-01` is not a time\nhelp: write it as 2026-07-01T00:00Z or 2026-07-01"),
        ("2026-02-30", "`2026-02-30` is not a time\nhelp: write it as 2026-07-01T00:00Z or 2026-07-01"),
        ("0001-01-01T00:00+14:00", "`0001-01-01T00:00+14:00` is not a time\nhelp: write it as 2026-07-01T00:00Z or 2026-07-01"),
        ("2026-07-01T00:00", "`2026-07-01T00:00` has no time zone\nhelp: end it with Z for UTC"),
    ],
)  # fmt: skip
def test_a_time_needs_a_date_that_exists_and_a_zone(key: str, text: str, expected: str) -> None:
    column = 29 + len(key) - 1

    assert errors(rule(f"id: a, permit: '*', {key}: '{text}'")) == [f"4:{column}: {expected}"]


def test_a_rule_must_end_after_it_begins() -> None:
    text = rule("id: a, permit: '*', from: 2026-07-01, until: 2026-07-01T00:00Z")

    assert errors(text) == ["4:5: `until` is not after `from`, so the rule is never in force"]


@pytest.mark.parametrize("text", ["01.06.2026", "2026-06", "2026-06-31", "soon"])
def test_a_date_is_a_day_that_exists(text: str) -> None:
    found = errors(HEAD + f"as_of: {text}\n" + RULES)

    assert found == [f"3:8: `{text}` is not a date\nhelp: write it as 2026-06-01"]


@pytest.mark.parametrize("text", ["45", "d", "-1d", "1w", "1.5h", "99999999999999999999d", "1h30m"])
def test_a_duration_is_a_number_and_a_unit(text: str) -> None:
    found = errors(HEAD + f"evidence: {{max_age: {{geo: {text}}}}}\n" + RULES)

    assert found == [f"3:27: `{text}` is not a duration\nhelp: write it as 90s, 15m, 72h or 45d"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (HEAD + "rules: []\n", "rules"),
        (HEAD + RULES + "tests: []\n", "tests"),
        (HEAD + "include: []\n" + RULES, "include"),
        (HEAD + "evidence: {required: []}\n" + RULES, "required"),
        (HEAD + "places: {a: {include: []}}\n" + RULES, "include"),
        (HEAD + "models: {a: {ids: []}}\n" + RULES, "ids"),
        (rule("id: a, permit: []"), "permit"),
        (rule("id: a, deny: '*', requires: []"), "requires"),
        (rule("id: a, exempt: pa/small, lifts: []"), "lifts"),
        (rule("id: a, restrict: '*', to: {features: {deny: []}}"), "deny"),
    ],
)
def test_an_empty_list_is_an_error_and_never_anything_or_nothing(text: str, name: str) -> None:
    (found,) = errors(text)

    assert f"`{name}` is empty\nhelp: an empty list means nothing here" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "places: {a: {include: [XA, XB, XA]}}\n" + RULES, "3:23: `XA` is listed twice"),
        (rule("id: a, permit: [pa/small, pa/small]"), "4:21: `pa/small` is listed twice"),
        (rule("id: a, permit: '*', where: {address: [XA, XA]}"), "4:43: `XA` is listed twice"),
        (rule("id: a, permit: '*', where: {labels: {any: [x, x]}}"), "4:48: `x` is listed twice"),
    ],
)
def test_a_name_is_listed_once(text: str, expected: str) -> None:
    assert errors(text) == [expected]


def test_problems_of_many_parts_are_told_at_once_in_the_order_of_the_file() -> None:
    text = HEAD + (
        "refusal: {status: 451, appeal: nowhere}\n"
        "places:\n"
        "  us: {include: [USA]}\n"
        "rules:\n"
        "  - {id: a, permit: pa/smal, where: {address: us}}\n"
        "  - {id: a, deny: '*', where: {adress: XA}}\n"
        "  - {id: x, exempt: pa/small, lifts: [b]}\n"
        "accounts: {f: {of: c, then: review}}\n"
        "tests:\n"
        "  - {note: n, facts: {model: pa/small, network: torr}, want: {efect: permit}}\n"
    )

    lines = [int(one.split(":")[0]) for one in errors(text)]

    assert lines == sorted(lines)
    assert set(lines) == {3, 5, 7, 8, 9, 10, 12}


def test_a_wrong_key_does_not_hide_a_wrong_name() -> None:
    text = rule("id: a, permit: '*', wehre: {}, where: {address: Germany}")

    assert len(errors(text)) == 2
