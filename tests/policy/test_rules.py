"""Rules that refer to what is not there, exemptions that exempt too much, and what comes with rules."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from bailiwick.policy import Quota, Refusal
from policy.reading import HEAD, RULES, errors, read, warnings


def rules(*lines: str) -> str:
    """Write a policy whose rules stand on line 4 and after."""
    return HEAD + "rules:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def test_an_id_is_given_once() -> None:
    found = errors(rules("id: a, permit: '*'", "id: b, deny: pa/small", "id: a, deny: pb/open"))

    assert found == ["6:10: rule `a` is defined twice\nhelp: first at policy.yaml:4:5"]


def test_ids_of_built_in_rules_are_taken() -> None:
    found = errors(rules("id: builtin.account-off, permit: '*'"))

    assert found == ["4:10: `builtin.account-off` is the name of a built-in rule"]


@pytest.mark.parametrize(
    ("exempt", "expected"),
    [
        ("exempt: pa/small, until: 2027-01-01, lifts: d", "5:5: exemption `x` names nobody\nhelp: give `labels` or `where: {principal: ...}`"),
        ("exempt: pa/small, where: {address: XZ}, until: 2027-01-01, lifts: d", "5:5: exemption `x` names nobody\nhelp: give `labels` or `where: {principal: ...}`"),
        ("exempt: pa/small, labels: {none: [y]}, until: 2027-01-01, lifts: d", "5:5: exemption `x` names nobody\nhelp: give `labels` or `where: {principal: ...}`"),
        ("exempt: pa/small, labels: [y], lifts: d", "5:5: exemption `x` has no end\nhelp: give `until`; exemptions are dated"),
        ("exempt: '*', labels: [y], until: 2027-01-01, lifts: d", "5:21: exemption `x` is for every model\nhelp: name the models"),
        ("exempt: '*/*', labels: [y], until: 2027-01-01, lifts: d", "5:21: exemption `x` is for every model\nhelp: name the models"),
        ("exempt: {ids: '*'}, labels: [y], until: 2027-01-01, lifts: d", "5:21: exemption `x` is for every model\nhelp: name the models"),
    ],
)  # fmt: skip
def test_an_exemption_names_models_and_principals_and_has_an_end(
    exempt: str, expected: str
) -> None:
    assert errors(rules("id: d, deny: '*'", f"id: x, {exempt}")) == [expected]


def test_an_exemption_for_principals_nobody_knows_is_doubtful() -> None:
    exempt = "id: x, exempt: pa/small, labels: {any: [y], unknown: ok}, until: 2027-01-01, lifts: d"
    found = warnings(rules("id: a, permit: '*'", "id: d, deny: '*'", exempt))

    assert len(found) == 1
    assert found[0].startswith("6:5: warning: exemption `x` is also for principals of whom nothing")


def test_an_exemption_lifts_denies_and_restricts_that_are_there_and_not_absolute() -> None:
    text = rules(
        "id: permit-all, permit: '*'",
        "id: never, deny: '*', absolute: true",
        "id: sometimes, deny: '*'",
        "id: slowly, restrict: '*', to: {max_output_tokens: 5}",
        "id: x, exempt: pa/small, labels: [y], until: 2027-01-01, lifts: [never, permit-all, sometime, sometimes, slowly]",
    )

    assert errors(text) == [
        "8:70: exemption `x` lifts an unknown rule `sometime`\nhelp: did you mean `sometimes`?",
        "8:70: rule `never` is absolute; no exemption lifts it",
        "8:70: rule `permit-all` is a permit, which is not lifted",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("evidence: {required: [adress]}", "3:23: unknown dimension `adress`\nhelp: did you mean `address` or `egress`?"),
        ("evidence: {required: [address, ownership.hlaf]}", "3:32: unknown dimension `ownership.hlaf`\nhelp: did you mean `ownership`?"),
        ("evidence: {required: [hidden]}", "3:23: unknown dimension `hidden`"),
        ("anonymizers: {tor: hidden, vpm: hidden}", "3:28: unknown network class `vpm`\nhelp: did you mean `vpn`?"),
        ("refusal: {appeal: someone@example.org}", "3:19: `someone@example.org` is not a URL\nhelp: it begins with https://"),
        ("refusal: {status: 451, blocked_by: 'https://a b'}", "3:36: `https://a b` is not a URL\nhelp: it begins with https://"),
        ("accounts: {f: {of: anyone, then: review}}", "3:20: finding `f` is about an unknown permit `anyone`\nhelp: did you mean `anybody`?"),
        ("accounts: {f: {of: anybody, then: review, cure: 72h}}", "3:15: finding `f` needs both `cure` and `next`, or neither"),
        ("accounts: {f: {of: anybody, then: terminate}}", "3:35: `terminate` is not one of `review`, `restrict` or `suspend`"),
    ],
)  # fmt: skip
def test_what_stands_beside_the_rules_is_read_as_strictly(text: str, expected: str) -> None:
    found = errors(HEAD + text + "\n" + RULES)

    assert len(found) == 1
    assert found[0].startswith(expected)


def test_required_ownership_is_a_rule_that_is_defined() -> None:
    text = "evidence: {required: [ownership.half]}\nownership: {half: {threshold: '>= 50%', seeds: {listed: x.yaml}}}\n"
    rule = "rules:\n  - {id: a, deny: '*', where: {ownership: {half: 'yes'}}}\n"

    assert read(HEAD + text + rule).rules[0].required == {"ownership.half"}


def test_a_rule_may_require_evidence_for_itself() -> None:
    found = errors(
        rules("id: a, permit: '*'", "id: d, deny: '*', where: {card: XA}, requires: [crad]")
    )

    assert found == ["5:54: unknown dimension `crad`\nhelp: did you mean `card`?"]


def test_requiring_what_the_rule_does_not_ask_is_doubtful() -> None:
    found = warnings(
        rules("id: a, permit: '*'", "id: d, deny: '*', where: {card: XA}, requires: [billing]")
    )

    assert found == [
        "5:53: warning: rule `d` requires `billing` and has no condition on it\nhelp: it changes nothing"
    ]


def test_a_policy_that_permits_nothing_is_doubtful() -> None:
    (found,) = warnings(rules("id: d, deny: '*'"))

    assert found.startswith("1:1: warning: no rule permits anything")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("facts: {model: pa/small, adress: XA}, want: {effect: permit}", "6:22: unknown fact `adress`"),
        ("facts: {model: pa/small, address: Germany}, want: {effect: permit}", "6:22: `address`: unknown place `Germany`\nhelp: did you mean `DE`?"),
        ("facts: {model: pa/small, network: torr}, want: {effect: permit}", "6:22: `network`: unknown value `torr`"),
        ("facts: {model: pa/small, address: []}, want: {effect: permit}", "6:22: `address` is empty\nhelp: write `unknown` where nothing is known"),
        ("facts: {address: XA}, want: {effect: permit}", "6:22: no `model` is given\nhelp: name one model of the catalogue"),
        ("facts: {model: [pa/small]}, want: {effect: permit}", "6:22: no `model` is given\nhelp: name one model of the catalogue"),
        ("facts: {model: pa/small, time: noon}, want: {effect: permit}", "6:22: `noon` is not a time\nhelp: write it as 2026-07-01T00:00Z or 2026-07-01"),
        ("facts: {model: pa/small}, want: {efect: permit, effect: deny}", "6:48: unknown key `efect`\nhelp: did you mean `effect`?"),
        ("facts: {model: pa/small}, want: {effect: dney}", "6:56: a test wants an `effect`, one of `permit`, `deny`, `undetermined`"),
        ("facts: {model: pa/small}, want: {reasons: []}", "6:47: a test wants an `effect`, one of `permit`, `deny`, `undetermined`"),
        ("facts: {model: pa/small}, want: {effect: deny}, approved: [x]", "6:73: `x` is no exemption of this policy"),
    ],
)  # fmt: skip
def test_an_embedded_test_must_be_able_to_fail(test: str, expected: str) -> None:
    found = errors(HEAD + RULES + f"tests:\n  - {{note: n, {test}}}\n")

    assert len(found) == 1
    assert found[0].startswith(expected)


def test_what_is_written_is_what_is_read() -> None:
    text = HEAD + (
        "about: An example.\nsource: somewhere\nas_of: 2026-06-01\n"
        "evidence: {max_age: {city: 45d, tor: 6h}}\n"
        "refusal: {status: 451, message: informative, blocked_by: 'https://example.org/law'}\n"
        "accounts: {f: {of: a, then: restrict, cure: 72h, next: suspend}}\n"
        "ownership: {half: {threshold: '>= 50%', seeds: {listed: people.yaml}}}\n"
        "rules:\n"
        "  - {id: a, permit: pa/*, from: 2026-07-01, until: '2026-08-01T12:00+02:00', basis: law 7}\n"
        "  - {id: r, restrict: '*', to: {quota: {requests: 5, per: minute}, headers: {X-Mode: strict}}}\n"
    )

    policy = read(text)
    permit, restrict = policy.rules[:2]

    assert (policy.about, policy.source, str(policy.as_of)) == (
        "An example.",
        "somewhere",
        "2026-06-01",
    )
    assert policy.max_age_s == {"city": 45 * 86400, "tor": 6 * 3600}
    assert policy.refusal == Refusal(451, "informative", "https://example.org/law", None)
    assert (policy.findings[0].cure_s, policy.findings[0].next) == (72 * 3600, "suspend")
    assert policy.ownership["half"].is_passed(Fraction(1, 2))
    assert permit.from_at == datetime(2026, 7, 1, tzinfo=UTC)
    assert permit.until_at == datetime(2026, 8, 1, 10, tzinfo=UTC)
    assert permit.basis == "law 7"
    assert restrict.obligations.quotas == (Quota("r", "minute", "account", 5),)
    assert restrict.obligations.headers == (("x-mode", "strict"),)


def test_the_wording_of_a_policy_does_not_change_its_digest() -> None:
    plain = read(HEAD + RULES)
    worded = read(HEAD + "about: something\n" + RULES + "tests: [{note: n, facts: {model: pa/small}, want: {effect: permit}}]\n")  # fmt: skip
    other = read(HEAD + RULES.replace("'*'", "pa/*"))

    assert plain.digest == worded.digest != other.digest
