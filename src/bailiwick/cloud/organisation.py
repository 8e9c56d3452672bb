"""The organisation file: accounts and the units they are in, with labels, evidence and positions.

A unit is an AWS organisational unit, a Google folder or an Azure management group; an account is
an AWS account, a Google project or an Azure subscription. Labels add up on the way down the tree,
evidence said nearer to the account wins. What a unit says holds for accounts that are not listed
as well: those that somebody will open in it tomorrow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bailiwick.cloud.regions import Cloud
from bailiwick.documents import Document, Path
from bailiwick.errors import InvalidInput, Position, Problem
from bailiwick.facts import DIMENSIONS, UNKNOWN, Fact, Layer, read_fact
from bailiwick.shapes import did_you_mean, keys_at, shape_problems

ACCOUNT_FACTS = frozenset(name for name, one in DIMENSIONS.items() if one.layer is Layer.ACCOUNT)
"""What an organisation file can say of an account; ``ownership.NAME`` besides."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account; or all that are not listed in a unit, under the id of ``UNLISTED``."""

    id: str
    name: str
    path: tuple[str, ...]
    """Ids from the root down to the unit it is in."""
    facts: Mapping[str, Fact]
    """Account facts by dimension; what nobody said is ``UNKNOWN``."""
    exempt: str | None
    """Why no guardrail holds it; ``None``: it is held."""
    position: Position | None = None
    number: str | None = None
    """Google: the number of a project, by which perimeters and listings name it."""

    @property
    def is_listed(self) -> bool:
        """Whether it stands for itself and not for accounts to come."""
        return self.id != UNLISTED


UNLISTED = "*"
"""Stands for every account of a unit that the file does not list."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: its own accounts, and the units below it."""

    id: str
    name: str
    path: tuple[str, ...]
    """Ids from the root down to this unit."""
    accounts: tuple[Account, ...]
    units: tuple["Unit", ...]
    unlisted: Account
    """What is known of an account in it that the file does not list."""
    position: Position | None = None

    def every(self) -> Iterator["Unit"]:
        """Walk this unit and all below it."""
        yield self
        for unit in self.units:
            yield from unit.every()


@dataclass(frozen=True, slots=True)
class Tree:
    """The organisation in one cloud."""

    cloud: Cloud
    id: str
    """``o-...``, ``organizations/...`` or the name of the root management group."""
    root: Unit
    management: str | None
    """The AWS management account, which service control policies never reach."""
    leave_open: Mapping[str, str]
    """Parts of the cloud that the guardrails shall not touch, and why."""
    administrators: tuple[str, ...]
    """Who may change what the guardrails rest on, such as tags."""
    long_term_keys: str = "permit"
    """AWS: ``deny`` refuses keys that do not expire soon, whatever they are for."""
    products: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """AWS: name of a model to its product ids in AWS Marketplace."""

    def accounts(self) -> Iterator[Account]:
        """List every account, and for every unit the ones that are not listed."""
        for unit in self.root.every():
            yield from unit.accounts
            yield unit.unlisted


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation in every cloud it uses."""

    name: str
    trees: Mapping[Cloud, Tree]

    def tree(self, cloud: Cloud) -> Tree:
        """Give the organisation in one cloud. Raises ``InvalidInput`` where the file has none."""
        if cloud not in self.trees:
            raise InvalidInput.of(
                f"the organisation file says nothing of `{cloud.value}`",
                f"add a section `{cloud.value}` with its accounts",
            )
        return self.trees[cloud]


# -- shape -------------------------------------------------------------------------------------


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _account(value: Any) -> Any:
    return {"id": value} if isinstance(value, str) else value


Reason = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    labels: Texts | None = Field(None, description="Labels of every account in here.")
    evidence: dict[str, Any] | None = Field(
        None, description="Account facts: billing, registered, status, ownership, ..."
    )


class AccountShape(_Said):
    """An account, project or subscription."""

    id: str
    exempt: Reason | None = Field(
        None, description="Why no guardrail holds this account. Reports name it every time."
    )


Accounts = list[Annotated[AccountShape, BeforeValidator(_account)]]


class GcpProjectShape(AccountShape):
    """A project."""

    number: Annotated[str, Field(pattern=r"^[0-9]+$")] | None = Field(
        None, description="The project's number: service perimeters and listings name it so."
    )


Projects = list[Annotated[GcpProjectShape, BeforeValidator(_account)]]


class AwsUnitShape(_Said):
    """An organisational unit."""

    id: Annotated[str, Field(pattern=r"^ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}$")]
    units: list["AwsUnitShape"] | None = None
    accounts: Accounts | None = None


class AwsShape(_Said):
    """The AWS organisation."""

    id: Annotated[str, Field(pattern=r"^o-[a-z0-9]{10,32}$")]
    root: Annotated[str, Field(pattern=r"^r-[0-9a-z]{4,32}$")]
    management: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = Field(
        None, description="The management account. Service control policies never reach it."
    )
    units: list[AwsUnitShape] | None = None
    accounts: Accounts | None = None
    leave_open: dict[Literal["imports", "opaque", "sagemaker"], Reason] | None = Field(
        None, description="Parts that guardrails shall not touch, each with the reason."
    )
    long_term_keys: Literal["deny", "permit"] = Field(
        "permit", description="Whether API keys that do not expire soon may be made and used."
    )
    products: dict[str, Texts] | None = Field(
        None, description="Model to its product ids in AWS Marketplace, for subscriptions."
    )
    administrators: Texts | None = Field(
        None, description="ARN patterns of principals who may set the tags that permit a resource."
    )


class GcpFolderShape(_Said):
    """A folder."""

    id: Annotated[str, Field(pattern=r"^folders/[0-9]+$")]
    folders: list["GcpFolderShape"] | None = None
    projects: Projects | None = None


class GcpShape(_Said):
    """The Google Cloud organisation."""

    id: Annotated[str, Field(pattern=r"^organizations/[0-9]+$")]
    folders: list[GcpFolderShape] | None = None
    projects: Projects | None = None
    leave_open: dict[Literal["endpoints"], Reason] | None = Field(
        None, description="Parts that guardrails shall not touch, each with the reason."
    )


class AzureGroupShape(_Said):
    """A management group."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._()-]{0,89}$")]
    groups: list["AzureGroupShape"] | None = None
    subscriptions: Accounts | None = None


class AzureShape(_Said):
    """The Azure tenant, from the management group down that the policy is about."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._()-]{0,89}$")]
    groups: list[AzureGroupShape] | None = None
    subscriptions: Accounts | None = None
    leave_open: dict[Literal["machine-learning"], Reason] | None = Field(
        None, description="Parts that guardrails shall not touch, each with the reason."
    )


class OrganisationShape(_Said):
    """An organisation file."""

    organisation: Annotated[str, Field(pattern="^1$")]
    name: str
    aws: AwsShape | None = None
    gcp: GcpShape | None = None
    azure: AzureShape | None = None


UNITS = {Cloud.AWS: "units", Cloud.GCP: "folders", Cloud.AZURE: "groups"}
ACCOUNTS = {Cloud.AWS: "accounts", Cloud.GCP: "projects", Cloud.AZURE: "subscriptions"}
IDS = {
    Cloud.AWS: (r"[0-9]{12}", "twelve digits, in quotes"),
    Cloud.GCP: (r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "the id of a project"),
    Cloud.AZURE: (r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "the GUID"),
}
"""How each cloud writes the id of an account."""


@cache
def organisation_schema() -> dict[str, Any]:
    """Give the JSON Schema of an organisation file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **OrganisationShape.model_json_schema(),
    }


# -- reading -----------------------------------------------------------------------------------


def read_organisation(document: Document) -> Organisation:
    """Read an organisation file. Raises ``InvalidInput`` with every problem found."""
    try:
        shape = OrganisationShape.model_validate(document.value)
    except ValidationError as failed:
        schema = organisation_schema()
        problems = shape_problems(failed, document, lambda path: keys_at(schema, path))
        raise InvalidInput(problems) from None
    reader = _Reader(document)
    top = reader.said({}, shape, ())
    trees = {
        cloud: reader.tree(cloud, part, top)
        for cloud in Cloud
        if (part := getattr(shape, cloud.value)) is not None
    }
    if not trees:
        reader.report((), "the file describes no cloud", "add `aws`, `gcp` or `azure`")
    if reader.problems:
        raise InvalidInput(reader.problems)
    return Organisation(shape.name, trees)


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._seen: dict[str, Position] = {}

    def report(self, path: Path, message: str, help: str | None = None) -> None:  # noqa: A002
        self.problems.append(Problem(message, help, self.document.position(path)))

    def tree(self, cloud: Cloud, shape: Any, above: Mapping[str, Fact]) -> Tree:
        path: Path = (cloud.value,)
        root_id = shape.root if cloud is Cloud.AWS else shape.id
        root = self._unit(cloud, shape, root_id, (), above, path)
        management = getattr(shape, "management", None)
        listed = {one.id for unit in root.every() for one in unit.accounts}
        if management in listed:
            self.report(
                (*path, "management"),
                f"`{management}` is the management account and is listed as another one too",
                "list it under `management` only; no service control policy reaches it",
            )
        return Tree(
            cloud,
            shape.id,
            root,
            management,
            dict(shape.leave_open or {}),
            tuple(getattr(shape, "administrators", None) or ()),
            getattr(shape, "long_term_keys", "permit"),
            {name: tuple(ids) for name, ids in (getattr(shape, "products", None) or {}).items()},
        )

    def _unit(
        self,
        cloud: Cloud,
        shape: Any,
        unit_id: str,
        above: tuple[str, ...],
        known: Mapping[str, Fact],
        path: Path,
    ) -> Unit:
        facts, ids = self.said(known, shape, path), (*above, unit_id)
        self._once(unit_id, path)
        units = [
            self._unit(cloud, one, one.id, ids, facts, (*path, UNITS[cloud], index))
            for index, one in enumerate(getattr(shape, UNITS[cloud]) or ())
        ]
        accounts = [
            self._account(cloud, one, ids, facts, (*path, ACCOUNTS[cloud], index))
            for index, one in enumerate(getattr(shape, ACCOUNTS[cloud]) or ())
        ]
        name, here = shape.name or unit_id, self.document.position(path)
        unlisted = Account(
            UNLISTED, f"others in {name}", ids, {**facts, "principal": UNKNOWN}, None, here
        )
        return Unit(unit_id, name, ids, tuple(accounts), tuple(units), unlisted, here)

    def _account(
        self,
        cloud: Cloud,
        shape: AccountShape,
        above: tuple[str, ...],
        known: Mapping[str, Fact],
        path: Path,
    ) -> Account:
        import re

        pattern, words = IDS[cloud]
        if not re.fullmatch(pattern, shape.id):
            self.report((*path, "id"), f"`{shape.id}` is no account of {cloud.value}", words)
        self._once(shape.id, path)
        facts = self.said(known, shape, path)
        facts = {"principal": frozenset({shape.id}), **facts}
        here = self.document.position(path)
        number = getattr(shape, "number", None)
        name = shape.name or shape.id
        return Account(shape.id, name, above, facts, shape.exempt, here, number)

    def _once(self, name: str, path: Path) -> None:
        here = self.document.position(path)
        if name in self._seen:
            self.report(path, f"`{name}` is listed twice", f"first at {self._seen[name]}")
        self._seen[name] = here

    def said(self, known: Mapping[str, Fact], shape: _Said, path: Path) -> dict[str, Fact]:
        """Add what one level of the tree says to what the levels above it said."""
        facts: dict[str, Fact] = {"status": frozenset({"active"}), "labels": frozenset(), **known}
        for name, value in _flat(shape.evidence or {}):
            here = (*path, "evidence", *name.split(".", 1))
            if name not in ACCOUNT_FACTS - {"labels"} and not name.startswith("ownership."):
                hint = did_you_mean(name, ACCOUNT_FACTS - {"labels"})
                self.report(here, f"`{name}` is no evidence on an account", hint)
                continue
            try:
                facts[name] = read_fact(name, value)
            except InvalidInput as error:
                for problem in error.problems:
                    self.report(here, problem.message, problem.help)
        labels = facts["labels"]
        if shape.labels and isinstance(labels, frozenset):
            facts["labels"] = labels | frozenset(shape.labels)
        return facts


def _flat(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", item) for inner, item in value.items())
        else:
            yield name, value
