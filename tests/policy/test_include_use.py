"""Policies of several files: `include` is the same owner's, `use` is another owner's."""

from pathlib import Path

import pytest

from bailiwick.decision import Effect, compile_table
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.facts import read_facts, read_time
from bailiwick.policy import extended_catalog, read_policy
from policy.reading import HEAD, RULES, errors, read, small_catalog, warnings

PART = "bailiwick: 1\nname: part\n"
NOW = read_time("2026-06-01T12:00Z")


def effect(text: str, files: dict[str, str], **facts: str) -> Effect:
    policy = read(text, files)
    table = compile_table(policy, small_catalog())
    return table.decide(read_facts(facts, small_catalog(), NOW)).effect


# -- include ---------------------------------------------------------------------------------------


def test_included_rules_are_rules_of_the_same_owner() -> None:
    more = PART + "rules:\n  - {id: more, deny: pa/small}\n"
    policy = read(HEAD + "include: more.yaml\n" + RULES, {"more.yaml": more})

    assert {rule.id: rule.authority for rule in policy.rules if rule.authority != "builtin"} == {
        "anybody": "operator",
        "more": "operator",
    }
    assert policy.files == ("policy.yaml", "more.yaml")


def test_files_of_one_owner_share_their_names_whatever_their_order() -> None:
    main = HEAD + (
        "include: [names.yaml, rules.yaml]\n"
        "places: {wide: {use: narrow, include: [XB]}}\n"
        "rules: [{id: a, permit: small, where: {address: wide}}]\n"
    )
    names = PART + "places: {narrow: {include: [XA]}}\nmodels: {small: {ids: pa/small}}\n"
    rules = PART + "rules: [{id: b, deny: small, where: {address: narrow, billing: wide}}]\n"
    files = {"names.yaml": names, "rules.yaml": rules}

    assert effect(main, files, model="pa/small", address="XA") is Effect.PERMIT
    assert effect(main, files, model="pa/small", address="XB") is Effect.PERMIT
    assert effect(main, files, model="pa/small", address="XA", billing="XB") is Effect.DENY


def test_an_exemption_may_lift_a_rule_of_another_file_of_its_owner() -> None:
    main = HEAD + "include: deny.yaml\nrules:\n  - {id: x, exempt: pa/small, labels: [y], until: 2027-01-01, lifts: no-xz}\n  - {id: a, permit: '*'}\n"  # fmt: skip
    deny = PART + "rules: [{id: no-xz, deny: '*', where: {address: XZ}}]\n"

    assert "no-xz" in read(main, {"deny.yaml": deny}).rules[0].lifts


def test_included_files_may_include_files() -> None:
    one = PART + "include: two.yaml\n"
    two = PART + "rules: [{id: deep, permit: '*'}]\n"

    assert (
        read(HEAD + "include: one.yaml\n", {"one.yaml": one, "two.yaml": two}).rules[0].id == "deep"
    )


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        ("include: none.yaml", {}, "3:10: `none.yaml` cannot be read: No such file"),
        ("include: [part.yaml, none.yaml]", {"part.yaml": PART}, "3:22: `none.yaml` cannot be read: No such file"),
        ("use: none.yaml", {}, "3:6: `none.yaml` cannot be read: No such file"),
        ("include: [part.yaml, part.yaml]", {"part.yaml": PART}, "3:10: `part.yaml` is listed twice"),
        ("include: policy.yaml", {"policy.yaml": PART}, "3:10: `policy.yaml` is read twice, or includes itself"),
        ("include: part.yaml", {"part.yaml": PART + "include: part.yaml\n"}, "part.yaml:3:10: `part.yaml` is read twice, or includes itself"),
        ("include: a.yaml", {"a.yaml": PART + "include: b.yaml\n", "b.yaml": PART + "include: a.yaml\n"}, "b.yaml:3:10: `a.yaml` is read twice, or includes itself"),
        ("use: part.yaml", {"part.yaml": PART + "authority: law\nuse: policy.yaml\n", "policy.yaml": ""}, "part.yaml:4:6: `policy.yaml` is read twice, or includes itself"),
        ("include: part.yaml", {"part.yaml": "rules: [\n"}, "part.yaml:2:1: not valid YAML"),
        ("include: part.yaml", {"part.yaml": PART + "rulez: []\n"}, "part.yaml:3:1: unknown key `rulez`"),
        ("include: part.yaml", {"part.yaml": PART + "rules: [{id: x, permit: pa/smal}]\n"}, "part.yaml:3:25: unknown model `pa/smal`"),
        ("include: part.yaml", {"part.yaml": PART + "rules: [{id: anybody, permit: '*'}]\n"}, "part.yaml:3:14: rule `anybody` is defined twice\nhelp: first at policy.yaml:5:5"),
        ("include: part.yaml\nplaces: {a: {include: [XA]}}", {"part.yaml": PART + "places: {a: {include: [XB]}}\n"}, "part.yaml:3:10: place group `a` is defined twice"),
        ("include: part.yaml\nmodels: {a: {ids: pa/small}}", {"part.yaml": PART + "models: {a: {ids: pb/open}}\n"}, "part.yaml:3:10: model group `a` is defined twice"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_taken_together_are_told(
    text: str, files: dict[str, str], expected: str
) -> None:
    found = errors(HEAD + text + "\n" + RULES, files)

    assert any(one.startswith(expected) for one in found), found


def test_place_groups_in_a_circle_through_two_files_are_told() -> None:
    part = PART + "places: {b: {use: a}}\n"
    found = errors(
        HEAD + "include: part.yaml\nplaces: {a: {use: b}}\n" + RULES, {"part.yaml": part}
    )

    assert len(found) == 1
    assert found[0].startswith("4:10: place groups `a`, `b` use each other in a circle")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("catalog", "catalog: more.yaml"),
        ("use", "use: other.yaml"),
        ("evidence", "evidence: {required: [address]}"),
        ("anonymizers", "anonymizers: {vpn: trust}"),
        ("refusal", "refusal: {status: 451}"),
        ("authority", "authority: law"),
    ],
)
def test_an_included_file_does_not_speak_for_the_whole(key: str, text: str) -> None:
    found = errors(HEAD + "include: part.yaml\n" + RULES, {"part.yaml": PART + text + "\n"})

    assert found == [f"part.yaml:3:1: `{key}` belongs in the main file of a rule set"]


def test_a_policy_has_at_most_64_files() -> None:
    names = [f"p{number}.yaml" for number in range(64)]
    found = errors(HEAD + f"include: [{', '.join(names)}]\n" + RULES, dict.fromkeys(names, PART))

    assert found == ["3:631: a policy of more than 64 files"]


def test_where_no_files_are_to_be_read_none_is() -> None:
    with pytest.raises(InvalidInput, match=r"`policy\.yaml` cannot name other files here: x\.yaml"):
        read_policy(HEAD + "include: x.yaml\n" + RULES, "policy.yaml", small_catalog())


# -- use -------------------------------------------------------------------------------------------

TERMS = PART + "authority: provider/pa\nrules: [{id: terms, permit: pa/*, where: {address: XA}}]\n"


def test_a_used_rule_set_has_an_authority_and_names_of_its_own() -> None:
    policy = read(HEAD + "use: terms.yaml\n" + RULES, {"terms.yaml": TERMS})

    assert {(rule.id, rule.authority) for rule in policy.rules} >= {
        ("anybody", "operator"),
        ("terms#terms", "provider/pa"),
    }


@pytest.mark.parametrize(
    ("address", "billing", "expected"),
    [
        ("XA", "XB", Effect.PERMIT),
        ("XB", "XB", Effect.DENY),
        ("XA", "XC", Effect.DENY),
    ],
)
def test_neither_owner_widens_what_the_other_permits(
    address: str, billing: str, expected: Effect
) -> None:
    main = HEAD + "use: terms.yaml\nrules: [{id: a, permit: '*', where: {billing: XB}}]\n"
    files = {"terms.yaml": TERMS}

    assert effect(main, files, model="pa/small", address=address, billing=billing) is expected


def test_a_finding_may_be_about_another_owners_permit() -> None:
    text = HEAD + "use: terms.yaml\naccounts: {f: {of: 'terms#terms', then: review}}\n" + RULES

    assert read(text, {"terms.yaml": TERMS}).findings[0].of == "terms#terms"


def test_the_same_rule_id_may_stand_in_two_rule_sets() -> None:
    terms = TERMS.replace("id: terms", "id: anybody")
    policy = read(HEAD + "use: terms.yaml\n" + RULES, {"terms.yaml": terms})

    assert {"anybody", "terms#anybody"} <= {rule.id for rule in policy.rules}


def test_names_of_one_owner_are_not_names_of_another() -> None:
    main = HEAD + "use: terms.yaml\nplaces: {home: {include: [XA]}}\n" + RULES
    terms = TERMS.replace("address: XA", "address: home")

    assert errors(main, {"terms.yaml": terms})[0].startswith(
        "terms.yaml:4:52: unknown place `home`"
    )


def test_an_exemption_does_not_lift_another_owners_deny() -> None:
    terms = TERMS.replace("rules: [", "rules: [{id: no-xz, deny: pa/*, where: {address: XZ}}, ")
    exempt = "{id: x, exempt: pa/small, labels: [y], until: 2027-01-01, lifts: NAME}"
    for name in ("no-xz", "terms#no-xz"):
        main = HEAD + f"use: terms.yaml\nrules: [{{id: a, permit: '*'}}, {exempt}]\n".replace("NAME", f"'{name}'")  # fmt: skip

        assert "lifts an unknown rule" in errors(main, {"terms.yaml": terms})[0]


def test_each_owner_says_which_evidence_its_rules_require() -> None:
    deny = "rules: [{id: no-xz, deny: '*', where: {address: XZ}}, {id: p, permit: '*'}]\n"
    strict = PART + "authority: law\nevidence: {required: [address]}\n" + deny
    lenient = PART + "authority: law\n" + deny
    main = HEAD + "use: law.yaml\n" + RULES

    assert effect(main, {"law.yaml": strict}, model="pa/small") is Effect.DENY
    assert effect(main, {"law.yaml": lenient}, model="pa/small") is Effect.PERMIT


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        ("use: same.yaml", {"same.yaml": PART}, "3:6: `same.yaml` has the same authority as another rule set, `operator`\nhelp: files of the same owner go under `include`; another owner's says `authority`"),
        ("use: [a.yaml, b.yaml]", {"a.yaml": TERMS, "b.yaml": TERMS}, "3:15: `b.yaml` has the same authority as another rule set, `provider/pa`"),
        ("use: [one/terms.yaml, two/terms.yaml]", {"one/terms.yaml": TERMS, "two/terms.yaml": TERMS.replace("/pa", "/pb")}, "3:23: two rule sets are called `terms`\nhelp: the ids of their rules begin with that name; rename one of the files"),
        ("use: terms.yaml", {"terms.yaml": TERMS.replace("id: terms,", "id: terms, authority: operator,")}, "terms.yaml:4:9: rule `terms#terms` speaks for `operator`, which is not its own\nhelp: write the rule in the rule set of that owner"),
        ("use: [a.yaml, b.yaml]", {"a.yaml": TERMS.replace("id: terms,", "id: terms, authority: law,"), "b.yaml": TERMS.replace("/pa", "/pb").replace("id: terms,", "id: terms, authority: law,")}, "b.yaml:4:9: rule `b#terms` speaks for `law`, which is not its own"),
        ("authority: builtin", {}, "4:5: rule `anybody` speaks for `builtin`, which is not its own"),
    ],
)  # fmt: skip
def test_nobody_speaks_for_another_owner(text: str, files: dict[str, str], expected: str) -> None:
    found = errors(HEAD + text + "\n" + RULES, files)

    assert any(one.startswith(expected.replace("4:5: rule `any", "5:5: rule `any")) for one in found), found  # fmt: skip


def test_problems_of_all_files_are_told_at_once() -> None:
    part = PART + "rules: [{id: x, permit: pa/smal}]\n"
    terms = TERMS.replace("address: XA", "address: Germany")
    main = HEAD + "include: part.yaml\nuse: terms.yaml\nrules: [{id: a, permit: fronteir}]\n"

    found = errors(main, {"part.yaml": part, "terms.yaml": terms})

    assert [one.split(":")[0] for one in found] == ["part.yaml", "5", "terms.yaml"]


# -- real files and the catalogue ------------------------------------------------------------------


def from_disk(folder: Path):
    def load(reference: str, from_file: str) -> tuple[str, str]:
        path = (folder / from_file).parent / reference
        return str(path.relative_to(folder)), path.read_text("utf-8")

    return load


def test_files_on_disk_name_each_other_beside_themselves(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/one.yaml").write_text(PART + "include: two.yaml\n")
    (tmp_path / "parts/two.yaml").write_text(PART + "rules: [{id: two, permit: '*'}]\n")
    main = HEAD + "include: parts/one.yaml\n"

    policy = read_policy(main, "main.yaml", small_catalog(), from_disk(tmp_path))

    assert policy.files == ("main.yaml", "parts/one.yaml", "parts/two.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name: \x80\n"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "part.yaml").write_bytes(content)

    with pytest.raises(InvalidInput, match=r"main.yaml:3:10: `part.yaml` cannot be read"):
        read_policy(
            HEAD + "include: part.yaml\n", "main.yaml", small_catalog(), from_disk(tmp_path)
        )


def test_a_policy_may_bring_models_of_its_own() -> None:
    base = [parse_document("catalog: 1\ndefaults: {source: made up, as_of: 2026-01-01}\nproviders: {pa: {country: XA}}\n", "base.yaml")]  # fmt: skip
    more = "catalog: 1\ndefaults: {source: made up, as_of: 2026-01-01}\nmodels: {pa/new: {family: new, openness: open}}\n"
    text = HEAD + "catalog: more.yaml\nrules: [{id: a, permit: pa/new}]\n"

    catalog = extended_catalog(text, "main.yaml", base, lambda reference, _: (reference, more))

    assert read_policy(text, "main.yaml", catalog).rules[0].models == {"pa/new"}


def test_a_catalogue_that_is_not_there_is_told() -> None:
    def load(reference: str, from_file: str) -> tuple[str, str]:
        raise FileNotFoundError(2, "No such file", reference)

    with pytest.raises(InvalidInput, match=r"main.yaml:3:10: catalogue `more.yaml` cannot be read: No such file"):  # fmt: skip
        extended_catalog(HEAD + "catalog: more.yaml\n", "main.yaml", [], load)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("refusal", "refusal: {status: 451}"),
        ("accounts", "accounts: {f: {of: terms, then: review}}"),
    ],
)
def test_what_only_the_policy_itself_can_say_is_noted_elsewhere(key: str, text: str) -> None:
    files = {"terms.yaml": TERMS + text + "\n"}

    (found,) = warnings(HEAD + "use: terms.yaml\n" + RULES, files)

    assert f"note: `{key}` of a rule set that is used is not read" in found
    assert found.startswith("terms.yaml:5:")
