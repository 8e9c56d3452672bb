"""What `where` and `where_any` may say about each dimension."""

import pytest

from bailiwick.facts import DIMENSIONS, Kind
from policy.reading import HEAD, errors, read, warnings

OWNERSHIP = "ownership: {half: {threshold: '>= 50%', seeds: {listed: x.yaml}}}\n"


def where(text: str, effect: str = "permit", key: str = "where") -> str:
    """Write a policy of one rule; for a permit, ``{`` of its conditions stands at 5:33."""
    return HEAD + OWNERSHIP + f"rules:\n  - {{id: a, {effect}: '*', {key}: {{{text}}}}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("adress: XA", "5:34: unknown condition `adress`\nhelp: did you mean `address` or `egress`?"),
        ("model: pa/small", "5:34: unknown condition `model`\nhelp: name the models after `permit`, `deny`, `restrict` or `exempt`"),
        ("time: now", "5:34: unknown condition `time`\nhelp: use `from` and `until` of the rule"),
        ("ownership.half: 'yes'", "5:34: unknown condition `ownership.half`"),
        ("network: torr", "5:43: `network`: unknown value `torr`\nhelp: did you mean `tor`?"),
        ("action: inference", "5:42: `action`: unknown value `inference`\nhelp: did you mean `infer`?"),
        ("status: susspended", "5:42: `status`: unknown value `susspended`\nhelp: did you mean `suspended`?"),
        ("features: [imageinput]", "5:44: `features`: unknown value `imageinput`\nhelp: did you mean `image_input`"),
        ("features: {none: [imageinput]}", "5:44: `features`: unknown value `imageinput`\nhelp: did you mean `image_input`"),
        ("ownership: {hlaf: 'yes'}", "5:52: unknown ownership rule `hlaf`\nhelp: did you mean `half`?"),
        ("ownership: {half: maybe}", "5:52: `ownership.half`: unknown value `maybe`"),
        ("ownership: 'yes'", "5:45: `ownership` needs named conditions\nhelp: as in `ownership: {ofac-50: yes}` or `end_user: {place: eu}`"),
        ("end_user: {plase: XA}", "5:45: unknown condition `end_user.plase`\nhelp: did you mean `end_user.place`"),
        ("end_user: XA", "5:44: `end_user` needs named conditions"),
        ("address: []", "5:43: `address` is empty\nhelp: an empty list is never \"anywhere\" or \"nobody\"; remove the key"),
        ("address: {not: []}", "5:49: `not` is empty"),
        ("labels: {any: []}", "5:48: `any` is empty"),
        ("labels: []", "5:42: `labels` is empty"),
        ("labels: {}", "5:42: `labels` needs `any`, `all` or `none`"),
        ("labels: {some: [x]}", "5:42: `labels` needs `any`, `all` or `none`"),
        ("labels: unknown", "5:42: `labels` lists nothing but `unknown`"),
        ("labels: {any: [unknown]}", "5:42: `unknown` is not a name\nhelp: write `unknown: ok` if unknown satisfies the condition"),
        ("labels: ''", "5:42: `labels` has an empty name"),
        ("address: {}", "5:43: `address` needs either `in` or `not`"),
        ("address: {in: XA, not: XB}", "5:43: `address` needs either `in` or `not`"),
        ("address: {XA: ok}", "5:43: `address` needs either `in` or `not`"),
        ("address: {not: [XA, unknown]}", "5:43: `unknown` cannot stand under `not`\nhelp: write `unknown: ok` beside `not` if unknown satisfies the condition"),
        ("address: {not: XA, unknown: 'yes'}", "5:62: `unknown` here is `ok` or left out, not `yes`"),
        ("address: [[XA]]", "5:43: `address` needs a name or a list of names"),
        ("address: XA, hidden: maybe", "5:55: `hidden` is `ok`, `yes` or `no`, not `maybe`"),
        ("address: XA, hidden: [ok]", "5:55: `hidden` is `ok`, `yes` or `no`"),
    ],
)  # fmt: skip
def test_a_condition_that_means_nothing_is_told(text: str, expected: str) -> None:
    found = errors(where(text))

    assert any(one.startswith(expected) for one in found), found


@pytest.mark.parametrize("key", ["where", "where_any"])
def test_no_conditions_at_all_are_not_written_as_an_empty_list_of_them(key: str) -> None:
    (found,) = errors(where("", key=key))

    assert f"`{key}` is empty\nhelp: remove it, or name a condition" in found


@pytest.mark.parametrize("effect", ["deny", "restrict"])
def test_hidden_ok_goes_with_permits(effect: str) -> None:
    text = where("address: XA, hidden: ok", effect)
    text = (
        text.replace("'*',", "'*', to: {max_output_tokens: 1},") if effect == "restrict" else text
    )

    assert f"`hidden: ok` goes with a permit; a {effect} takes" in errors(text)[0]


def test_hidden_ok_belongs_beside_the_address() -> None:
    assert "`hidden: ok` is not a condition by itself" in errors(where("address: XA, hidden: ok", key="where_any"))[0]  # fmt: skip
    assert "`hidden: ok` has no effect without `address`" in warnings(where("billing: XA, hidden: ok"))[0]  # fmt: skip


def test_labels_are_asked_once() -> None:
    text = HEAD + "rules:\n  - {id: a, permit: '*', labels: [x], where: {labels: [y]}}\n"

    assert errors(text) == [
        "4:34: rule `a` has two conditions on labels\nhelp: keep the one in `where`"
    ]


def value(name: str) -> str:
    known = DIMENSIONS[name]
    return known.values[0] if known.values else "XA" if known.kind is not Kind.SET else "x"


@pytest.mark.parametrize("name", list(DIMENSIONS))
@pytest.mark.parametrize("effect", ["permit", "deny"])
def test_every_dimension_can_be_asked(name: str, effect: str) -> None:
    outer, _, inner = name.partition(".")
    text = f"{outer}: {{{inner}: {value(name)}}}" if inner else f"{outer}: {value(name)}"

    asked = {one.dimension for one in read(where(text, effect)).rules[0].where}

    assert name in asked


@pytest.mark.parametrize(
    ("text", "admits", "refuses", "unknown"),
    [
        ("billing: XA", "XA", "XB", False),
        ("billing: [XA, XB]", "XB", "XC", False),
        ("billing: [XA, unknown]", "XA", "XB", True),
        ("billing: {in: XA}", "XA", "XB", False),
        ("billing: {in: [XA], unknown: ok}", "XA", "XB", True),
        ("billing: {not: XA}", "XB", "XA", False),
        ("billing: {not: [XA, XB], unknown: ok}", "XC", "XB", True),
    ],
)
def test_each_spelling_of_a_condition(text: str, admits: str, refuses: str, unknown: bool) -> None:
    (condition,) = read(where(text)).rules[0].where

    assert condition.admits(admits)
    assert not condition.admits(refuses)
    assert condition.unknown is unknown


@pytest.mark.parametrize(
    ("text", "admits", "refuses"),
    [
        ("labels: x", {"x", "z"}, {"z"}),
        ("labels: [x, y]", {"y"}, set()),
        ("labels: {any: [x, y]}", {"y"}, {"z"}),
        ("labels: {all: [x, y]}", {"x", "y", "z"}, {"x"}),
        ("labels: {none: [x]}", set(), {"x"}),
        ("labels: {any: [x], all: [y], none: [z]}", {"x", "y"}, {"x", "y", "z"}),
    ],
)
def test_each_spelling_of_a_condition_on_a_set(
    text: str, admits: set[str], refuses: set[str]
) -> None:
    (condition,) = read(where(text)).rules[0].where

    assert condition.admits_names(frozenset(admits))
    assert not condition.admits_names(frozenset(refuses))
