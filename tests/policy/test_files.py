"""What is wrong with a file before it says anything: not YAML, twice the same key, too deep."""

import pytest

from bailiwick.errors import InvalidInput
from policy.reading import FILE, HEAD, RULES, errors, problems, read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "1:1: file is empty\nhelp: a file needs at least one key", id="empty"),
        pytest.param("# only a comment\n", "1:1: file is empty\nhelp: a file needs at least one key", id="comment"),
        pytest.param("- a\n", "1:1: a policy is a mapping of keys\nhelp: begin with `bailiwick: 1`", id="list"),
        pytest.param("hello\n", "1:1: a policy is a mapping of keys\nhelp: begin with `bailiwick: 1`", id="text"),
        pytest.param(HEAD + "name: other\n" + RULES, "3:1: duplicate key `name`\nhelp: first given at line 2", id="duplicate key"),
        pytest.param(HEAD + "rules:\n  - {id: a, permit: '*', id: b}\n", "4:26: duplicate key `id`\nhelp: first given at line 4", id="duplicate key inside"),
        pytest.param(HEAD + "about:\n" + RULES, "4:1: empty value\nhelp: give a value, or remove the key", id="empty value, told where it would end"),
        pytest.param(HEAD + "rules:\n  - &a {id: a, permit: '*'}\n  - *a\n", "4:5: anchors and aliases are not supported\nhelp: write the value out", id="anchor"),
        pytest.param(HEAD + "about: !!binary aGk=\n" + RULES, "3:8: tag `tag:yaml.org,2002:binary` is not supported\nhelp: remove the tag", id="tag"),
        pytest.param(HEAD + "about: !mine x\n" + RULES, "3:8: tag `!mine` is not supported\nhelp: remove the tag", id="own tag"),
        pytest.param(HEAD + "{a: b}: c\n" + RULES, "3:1: a key must be plain text", id="mapping as key"),
        pytest.param(HEAD + "about: " + "[" * 40 + "x" + "]" * 40 + "\n" + RULES, "3:40: nested deeper than 32 levels", id="deep"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_a_policy_is_refused(text: str, expected: str) -> None:
    assert expected in errors(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param(HEAD + "rules: [\n", "4:1: not valid YAML", id="cut short"),
        pytest.param(HEAD + "rules:\n\t- {id: a}\n", "4:1: not valid YAML", id="tab"),
        pytest.param(HEAD + "about: a: b\n", "3:9: not valid YAML", id="colon"),
        pytest.param(HEAD + RULES + "---\n" + HEAD + RULES, "5:1: not valid YAML", id="two documents"),
        pytest.param(HEAD + "about: a\x00b\n", "not valid YAML", id="control character"),
        pytest.param(HEAD + "about: " + "[" * 500 + "]" * 500 + "\n", "not valid YAML", id="very deep"),
        pytest.param(HEAD + "about: 'a\n", "not valid YAML", id="open quote"),
        pytest.param(HEAD + "about: *nowhere\n", "3:8: not valid YAML", id="alias to nothing"),
    ],
)  # fmt: skip
def test_what_is_not_yaml_is_one_problem_with_its_place(text: str, where: str) -> None:
    found = errors(text)

    assert len(found) == 1
    assert where in found[0]


def test_all_problems_of_a_file_are_told_at_once() -> None:
    text = HEAD + "name: other\nabout: &a x\nsource: !!binary y\n"

    found = [str(one.position) for one in problems(text)]

    assert found == [f"{FILE}:3:1", f"{FILE}:4:8", f"{FILE}:5:9"]


def test_lines_may_end_as_on_windows() -> None:
    text = (HEAD + RULES + "rulez: x\n").replace("\n", "\r\n")

    assert errors(text) == ["5:1: unknown key `rulez`\nhelp: did you mean `rules`?"]


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert read("\ufeff" + HEAD + RULES).name == "tested"


def test_a_file_that_is_too_large_is_not_even_parsed() -> None:
    with pytest.raises(InvalidInput, match="file is larger than 16777216 characters"):
        read("#" * (16 * 1024 * 1024 + 1))


def test_text_stays_text() -> None:
    places = "places:\n  n: {include: [NO], territories: listed-only}\n"
    policy = read(HEAD + "about: 010\nsource: no\n" + places + RULES)

    assert (policy.about, policy.source) == ("010", "no")
    assert policy.place_groups["n"].include == {"NO"}
