"""The JSON Schema for editors accepts what the reader accepts, as a YAML 1.2 editor would see it."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bailiwick.policy import policy_schema
from policy.reading import HEAD, RULES, errors

ROOT = Path(__file__).parent.parent.parent
VALID = [
    *(path for path in (ROOT / "examples").glob("*.yaml") if "catalog" not in path.stem),
    *(ROOT / "tests/cases/policies").glob("*.yaml"),
]
SCHEMA = Draft202012Validator(policy_schema())


def as_an_editor_sees_it(text: str) -> Any:
    """Load YAML with the core schema of YAML 1.2: `no` is text, `true` is not, 1 is a number."""
    yaml = YAML(typ="rt", pure=True)
    yaml.version = (1, 2)
    return value_of(yaml.compose(text))


def value_of(node: Node) -> Any:
    if isinstance(node, MappingNode):
        return {value_of(key): value_of(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [value_of(item) for item in node.value]
    assert isinstance(node, ScalarNode)
    return scalar(node.value) if node.style is None else node.value


def scalar(text: str) -> Any:
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    return text


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(policy_schema())


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_policy_that_can_be_read_fits_the_schema(path: Path) -> None:
    seen = as_an_editor_sees_it(path.read_text("utf-8"))

    assert [error.message for error in SCHEMA.iter_errors(seen)] == []


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{id: a, permit: '*'}]\n",
        "bailiwick: 2\nname: t\n" + RULES,
        "bailiwick: 1\nname: a b\n" + RULES,
        HEAD + "rulez: []\n" + RULES,
        HEAD + "rules: []\n",
        HEAD + "about:\n" + RULES,
        HEAD + "rules: [{id: a}]\n",
        HEAD + "rules: [{id: a, permit: '*', deny: '*'}]\n",
        HEAD + "rules: [{id: a, permit: []}]\n",
        HEAD + "rules: [{id: a, permit: {idz: x}}]\n",
        HEAD + "rules: [{id: a, permit: '*', wehre: {}}]\n",
        HEAD + "rules: [{id: a, permit: '*', where: {}}]\n",
        HEAD + "rules: [{id: a, permit: '*', where: {adress: XA}}]\n",
        HEAD + "rules: [{id: a, permit: '*', where: {address: []}}]\n",
        HEAD + "rules: [{id: a, permit: '*', where: {address: [XA, XA]}}]\n",
        HEAD + "rules: [{id: a, permit: '*', where: {address: {nott: XA}}}]\n",
        HEAD + "rules: [{id: a, permit: '*', where: {address: XA, hidden: maybe}}]\n",
        HEAD + "rules: [{id: a, deny: '*', absolute: maybe}]\n",
        HEAD + "rules: [{id: a, restrict: '*', to: {}}]\n",
        HEAD + "rules: [{id: a, restrict: '*', to: {quota: {per: day}}}]\n",
        HEAD + "rules: [{id: a, restrict: '*', to: {quota: {requests: 0, per: day}}}]\n",
        HEAD + "rules: [{id: a, restrict: '*', to: {quota: {requests: 1, per: week}}}]\n",
        HEAD + "places: {'a b': {include: [XA]}}\n" + RULES,
        HEAD + "places: {a: {exclude: [XA]}}\n" + RULES,
        HEAD + "places: {a: {include: []}}\n" + RULES,
        HEAD + "places: {a: {include: [XA], territories: all}}\n" + RULES,
        HEAD + "anonymizers: {vpn: maybe}\n" + RULES,
        HEAD + "evidence: {max_age: {geo: 45}}\n" + RULES,
        HEAD + "evidence: {max_age: {geo: 45days}}\n" + RULES,
        HEAD + "refusal: {status: 404}\n" + RULES,
        HEAD + "ownership: {o: {threshold: half, seeds: {listed: b}}}\n" + RULES,
        HEAD + "ownership: {o: {threshold: '> 50%', seeds: {}}}\n" + RULES,
        HEAD + RULES + "tests: []\n",
    ],
)
def test_what_the_shape_forbids_fits_neither_the_schema_nor_the_reader(text: str) -> None:
    assert list(SCHEMA.iter_errors(as_an_editor_sees_it(text)))
    assert errors(text)


def test_norway_stays_norway_for_an_editor() -> None:
    seen = as_an_editor_sees_it("home: {include: [NO], until: 2026-01-01}")

    assert seen == {"home": {"include": ["NO"], "until": "2026-01-01"}}
