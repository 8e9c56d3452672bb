"""Every name of a model leads to its one id, and no name leads to two."""

from collections.abc import Callable

import pytest

from bailiwick.catalog import Catalog

GEOGRAPHIES = ("us", "us-gov", "eu", "apac", "jp", "au", "global")

Load = Callable[..., Catalog]
Refuse = Callable[..., list[str]]


@pytest.mark.parametrize(
    "name",
    [
        *("acme/one", "one", "one-20260101", "one@20260101", "acme.one-v1:0"),
        *(f"{geography}.acme.one-v1:0" for geography in GEOGRAPHIES),
    ],
)
def test_every_spelling_resolves_to_the_id(name: str, small: str, load: Load) -> None:
    assert load(small).resolve(name) == "acme/one"


@pytest.mark.parametrize(
    "name",
    [
        *("", "ONE", "One", "one ", " one", "one\n", "one\0", "one\u200b"),
        *("\uff4f\uff4e\uff45", "\u043ene", "acme/One", "us.one", "us.acme/one"),
        *("US.acme.one-v1:0", "xx.acme.one-v1:0", "us.us.acme.one-v1:0", "one-20260101-preview"),
        *("acme//one", "acme/one/", "../acme/one", "two/../acme/one"),
    ],
)
def test_anything_else_is_unknown(name: str, small: str, load: Load) -> None:
    assert load(small).resolve(name) is None


def test_two_models_cannot_share_an_alias(small: str, refuse: Refuse) -> None:
    shared = small.replace("    family: two\n", "    family: two\n    aliases: {api: [one]}\n")

    assert refuse(shared) == [
        (
            "one.yaml:14:21: model `globex/two`: name `one` already means `acme/one`\n"
            "help: it is given at one.yaml:8:21"
        )
    ]


def test_an_alias_cannot_be_another_models_id(small: str, refuse: Refuse) -> None:
    before = small.replace("api: [one,", "api: [globex/two,")
    after = small.replace("    family: two\n", "    family: two\n    aliases: {api: [acme/one]}\n")

    assert refuse(before) == [
        (
            "one.yaml:12:3: model `globex/two`: name `globex/two` already means `acme/one`\n"
            "help: it is given at one.yaml:8:21"
        )
    ]
    assert refuse(after) == [
        (
            "one.yaml:14:21: model `globex/two`: name `acme/one` already means `acme/one`\n"
            "help: it is given at one.yaml:5:3"
        )
    ]


def test_an_alias_cannot_be_anothers_with_a_geography_in_front(small: str, refuse: Refuse) -> None:
    clash = small.replace(
        "    family: two\n", "    family: two\n    aliases: {other: ['eu.acme.one-v1:0']}\n"
    )

    (problem,) = refuse(clash)

    assert "name `eu.acme.one-v1:0` already means `acme/one`" in problem


def test_a_clash_between_files_names_both(small: str, refuse: Refuse) -> None:
    later = "catalog: 1\nmodels:\n  globex/two: {aliases: {other: [fine, one]}}\n"

    assert refuse(small, later) == [
        (
            "two.yaml:3:40: model `globex/two`: name `one` already means `acme/one`\n"
            "help: it is given at one.yaml:8:21"
        )
    ]


def test_one_model_may_have_the_same_name_in_several_channels(small: str, load: Load) -> None:
    same = small.replace('vertex: ["one@20260101"]', "vertex: [one], azure: [one]")

    assert load(same).resolve("one") == "acme/one"
