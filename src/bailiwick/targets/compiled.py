"""What a compiler hands back, whatever the cloud: files, and what each part of them is for.

Every text is deterministic: the same policy, organisation and moment give the same bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bailiwick.cloud import Cloud, Residue
from bailiwick.errors import Problem


class Stage(StrEnum):
    """How far a roll-out is, where a cloud can try a policy out."""

    DRY_RUN = "dry-run"
    """What would be refused is logged, and nothing is."""
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the output, and where it comes from."""

    file: str
    """The policy file that holds it."""
    id: str
    """The statement's own id in the cloud (a Sid, a constraint, a rule's name)."""
    rules: tuple[str, ...]
    """Rules of the policy that it enforces; empty where it enforces that nothing else is
    permitted."""
    says: str
    """In words, for whoever reads the cloud's policy later."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One call, or one thing that is made, with the answer it must get."""

    account: str
    action: str
    """The cloud's name of what is done."""
    resource: str
    region: str
    """The cloud region that is called."""
    profile: str
    """The way the model is named: direct, an inference profile, a deployment type."""
    model: str
    """The catalogue's id, or the cloud's own name where the catalogue has none."""
    permit: bool
    rules: tuple[str, ...] = ()
    """Rules that determined the answer."""

    def as_dict(self) -> dict[str, Any]:
        """Give the cell as one line of the matrix."""
        return {
            "account": self.account,
            "action": self.action,
            "resource": self.resource,
            "region": self.region,
            "profile": self.profile,
            "model": self.model,
            "want": "permit" if self.permit else "deny",
            "rules": list(self.rules),
        }


@dataclass(frozen=True, slots=True)
class Compiled:
    """The guardrails of one cloud."""

    cloud: Cloud
    revision: str
    """Of the policy they were compiled from."""
    files: Mapping[str, str]
    """The cloud's own policies by file name, minified."""
    terraform: Mapping[str, str]
    """The same as ``*.tf.json``, by file name."""
    statements: tuple[Statement, ...]
    residues: tuple[Residue, ...]
    notes: tuple[str, ...]
    """What these guardrails do not reach, whatever the policy says."""
    sizes: Mapping[str, tuple[int, int]]
    """File to (characters used, characters that the cloud takes)."""
    cells: Sequence[Cell]
    """The matrix that proves the output."""
    warnings: tuple[Problem, ...] = ()

    def reports(self) -> dict[str, str]:
        """Give the reports as files: what each statement is for, what is missing, the matrix."""
        manifest = {
            "cloud": self.cloud.value,
            "revision": self.revision,
            "sizes": {
                name: {"characters": used, "most": most}
                for name, (used, most) in sorted(self.sizes.items())
            },
            "statements": [
                {"file": one.file, "id": one.id, "rules": list(one.rules), "says": one.says}
                for one in self.statements
            ],
        }
        residue = {
            "cloud": self.cloud.value,
            "revision": self.revision,
            "rules": [residue_as_dict(one) for one in self.residues],
            "not_reached": list(self.notes),
        }
        return {
            "manifest.json": _text(manifest),
            "residue.json": _text(residue),
            "matrix.jsonl": lines(one.as_dict() for one in self.cells),
        }


def residue_as_dict(residue: Residue) -> dict[str, Any]:
    """Give one rule's residue for JSON."""
    return {
        "rule": residue.rule,
        "coverage": residue.coverage.value,
        "missing": list(residue.missing),
        "enforced_by": dict(residue.enforced_by),
        "note": residue.note,
    }


def minified(value: Any) -> str:
    """Write JSON without a space, keys in the order given."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def lines(values: Iterable[Any]) -> str:
    """Write one JSON value a line."""
    return "".join(minified(value) + "\n" for value in values)


def terraform_text(value: Any) -> str:
    """Write a ``*.tf.json`` file. Text that is not Terraform's own goes through ``escaped``."""
    return _text(value)


def escaped(text: str) -> str:
    """Keep Terraform from taking text of ours for a template."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
