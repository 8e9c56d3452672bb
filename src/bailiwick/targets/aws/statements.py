"""Write behaviours as Deny statements: few, deterministic, and never wider than the policy.

What is permitted nowhere is not listed and denied by the two statements on unlisted models, one for
each front door. So all other statements are about listed models only, and their patterns may be as
short as listed models can be told apart.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bailiwick.cloud import Tree
from bailiwick.cloud.aws import (
    MANTLE,
    NAMES_MODEL,
    POLICY_ACTIONS,
    UNSPECIFIED,
    aws_actions,
    makes_profile,
)
from bailiwick.targets.aws.accounts import Accounts
from bailiwick.targets.aws.behaviour import DIRECT, ELSEWHERE, Behaviour, Behaviours
from bailiwick.targets.aws.models import BedrockModel, prefixes

REGION = "aws:RequestedRegion"
PROFILE = "bedrock:InferenceProfileArn"
MODEL = "bedrock-mantle:Model"
TAG = "bailiwick"
APPROVED = "approved"
Block = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    """One statement before it has a name and a place."""

    kind: str
    """The beginning of its Sid."""
    body: Mapping[str, Any]
    """Action, Resource or NotResource, and conditions that are not about accounts."""
    allowed: int
    """The accounts that it does not deny, besides the exempt ones."""
    models: frozenset[str]
    """The catalogue's ids of the models it is about."""
    says: str


@dataclass(frozen=True, slots=True)
class Outside:
    """Regions outside of what is permitted, and the accounts for whom that is not so."""

    condition: Block
    allowed: int
    says: str


def outside(permitted: Mapping[str, int], everybody: int) -> list[Outside]:
    """Cover everything that ``permitted`` (region to accounts) leaves out, and no more."""
    named = [region for region, members in permitted.items() if members and region != ELSEWHERE]
    elsewhere = permitted.get(ELSEWHERE, 0)
    nowhere = [
        region for region, members in permitted.items() if not members and region != ELSEWHERE
    ]
    found = []
    if not elsewhere:
        found.append(_not_in(named))
    elif nowhere:
        found.append(_in(nowhere, 0))
    for members in sorted(set(permitted.values()) - {0, everybody}):
        inside = [region for region, one in permitted.items() if one | members == members]
        found.append(_for(inside, permitted, members))
    return found


def _for(inside: Sequence[str], permitted: Mapping[str, int], members: int) -> Outside:
    """Deny whoever is not in ``members`` in regions that nobody else may use anyway."""
    if len(inside) == len(permitted):
        return Outside({}, members, "everywhere")
    rest = [region for region in permitted if region not in inside]
    if ELSEWHERE in inside:
        return Outside(_not_in(rest).condition, members, f"outside {_short(rest)}")
    return _in(inside, members)


def _in(regions: Sequence[str], members: int) -> Outside:
    block = {"StringEquals": {REGION: sorted(regions)}}
    return Outside(block, members, f"in {_short(regions)}")


def _not_in(regions: Sequence[str]) -> Outside:
    block = {"StringNotEquals": {REGION: sorted(regions)}}
    return Outside(block, 0, f"outside {_short(regions)}")


def _short(regions: Sequence[str]) -> str:
    found = sorted(regions)
    return ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")


class Writer:
    """Writes every statement of one policy."""

    def __init__(
        self,
        behaviours: Behaviours,
        accounts: Accounts,
        models: Sequence[BedrockModel],
        *,
        exact: bool = True,
    ) -> None:
        self.behaviours = behaviours
        self.accounts = accounts
        self.models = models
        self.exact = exact
        self.tree: Tree = accounts.tree
        self._known = {one.id for one in models}

    def drafts(self) -> Iterator[Draft]:
        """Write all statements, in a fixed order."""
        yield from self._bedrock()
        yield from self._mantle()
        yield from self._opaque()
        yield from self._blind()
        yield from self._accounts_only()
        yield from self._marketplace()

    # -- models --------------------------------------------------------------------------------

    def _bedrock(self) -> Iterator[Draft]:
        for classes, table in self._alike(NAMES_MODEL):
            actions = _actions(classes)
            listed = [one for one in self.models if table[one.id].anywhere]
            groups: dict[tuple[str, str, int], _Group] = {}
            for model in listed:
                self._add(groups, model, table[model.id])
            making = tuple(one for one in actions if makes_profile(one))
            for (kind, _, members), group in sorted(groups.items()):
                held = making if kind.startswith("Making") else actions
                if held:
                    yield self._draft(kind, group, members, held, listed)
            yield self._unlisted(actions, listed)

    def _alike(
        self, classes: Iterable[str]
    ) -> list[tuple[tuple[str, ...], Mapping[str, Behaviour]]]:
        """Group classes of actions for which every model behaves alike."""
        groups: dict[tuple[Behaviour, ...], list[str]] = defaultdict(list)
        for one in classes:
            action = POLICY_ACTIONS[one]
            groups[tuple(self.behaviours.of(model, action) for model in self.models)].append(one)
        ids = [one.id for one in self.models]
        return [
            (tuple(found), dict(zip(ids, table, strict=True))) for table, found in groups.items()
        ]

    def _add(
        self,
        groups: dict[tuple[str, str, int], "_Group"],
        model: BedrockModel,
        behaviour: Behaviour,
    ) -> None:
        checks = dict(behaviour.checks)
        for one in outside(checks, self.accounts.all):
            _group(groups, "Region", one, ("model", "profile", "custom")).models.add(model)
        for one in _only(dict(behaviour.direct), checks):
            only_direct = {**one.condition, "Null": {PROFILE: "true"}}
            _group(
                groups, "Direct", Outside(only_direct, one.allowed, one.says), ("model", "custom")
            ).models.add(model)
        for prefix, found in behaviour.profiles:
            permitted = {source: members for source, members, _, _ in found}
            calling = {source: passing for source, _, passing, _ in found}
            making = {
                source: members if passing & ~members else alone
                for source, members, passing, alone in found
            }
            for kind, passing in (("Profile", calling), ("Making", making)):
                for one in _only(permitted, passing):
                    name = f"{kind}{prefix.capitalize()}"
                    _group(groups, name, one, (f"profile:{prefix}",)).models.add(model)
        for where in _hidden(behaviour.applications):
            _group(groups, "Application", where, ("model",)).models.add(model)

    def _draft(
        self,
        kind: str,
        group: "_Group",
        members: int,
        actions: Sequence[str],
        listed: Sequence[BedrockModel],
    ) -> Draft:
        names = {one.id for one in group.models}
        patterns = prefixes(names, [one.id for one in listed])
        resources = [arn for type_ in group.types for arn in _arns(type_, patterns)]
        body = {
            "Action": list(actions),
            "Resource": sorted(resources),
            "Condition": group.where.condition,
        }
        about = frozenset(one.model for one in group.models)
        return Draft(kind, body, members, about, f"{_few(names)} {group.where.says}")

    def _unlisted(self, actions: Sequence[str], listed: Sequence[BedrockModel]) -> Draft:
        # Profiles and custom models come to a check of the model itself, which is exact.
        loose = prefixes([one.id for one in listed], self._known)
        models = self._allowed(listed)
        types = {
            type_
            for action in aws_actions().of_class(*NAMES_MODEL)
            for type_ in aws_actions().resources[action]
        } - {"foundation-model", "inference-profile", "custom-model"}
        resources = [
            *_arns("model", models),
            *_arns("profile", loose),
            *_arns("custom", loose),
            *(_type_arn(one) for one in sorted(types)),
        ]
        body = {"Action": list(actions), "NotResource": sorted(resources), "Condition": {}}
        return Draft("Unlisted", body, 0, frozenset(), "models that nobody may use")

    # -- the second front door -----------------------------------------------------------------

    def _mantle(self) -> Iterator[Draft]:
        for classes, table in self._alike(MANTLE):
            actions = _actions(classes)
            listed = [one for one in self.models if any(m for _, m in table[one.id].direct)]
            groups: dict[tuple[str, str, int], _Group] = {}
            for model in listed:
                behaviour = table[model.id]
                plain = dict(behaviour.direct)
                anywhere = _everywhere(behaviour)
                types = ("plain", "prefixed") if any(anywhere.values()) else ("plain",)
                for one in outside(plain, self.accounts.all):
                    _group(groups, "MantleRegion", one, types).models.add(model)
                for one in _only({r: plain[r] & anywhere.get(r, 0) for r in plain}, plain):
                    if len(types) > 1:
                        _group(groups, "MantleProfile", one, ("prefixed",)).models.add(model)
            for (kind, _, members), group in sorted(groups.items()):
                names = {one.id for one in group.models}
                patterns = prefixes(names, [one.id for one in listed])
                values = sorted(
                    value for type_ in group.types for value in _mantle_values(type_, patterns)
                )
                condition = _joined({"StringLike": {MODEL: values}}, group.where.condition)
                body = {"Action": list(actions), "Resource": "*", "Condition": condition}
                about = frozenset(one.model for one in group.models)
                says = f"{_few(names)} {group.where.says}, through the second front door"
                yield Draft(kind, body, members, about, says)
            prefixed = [one for one in listed if any(_everywhere(table[one.id]).values())]
            values = sorted(
                value
                for type_, found in (("plain", listed), ("prefixed", prefixed))
                for value in _mantle_values(type_, self._allowed(found))
            )
            condition = {"StringNotLike": {MODEL: values or ["none"]}}
            body = {"Action": list(actions), "Resource": "*", "Condition": condition}
            says = "models that nobody may use, through the second front door"
            yield Draft("MantleUnlisted", body, 0, frozenset(), says)

    def _allowed(self, models: Iterable[BedrockModel]) -> Sequence[str]:
        names = [one.id for one in models]
        return names if self.exact else prefixes(names, self._known)

    # -- what no check names -------------------------------------------------------------------

    def _opaque(self) -> Iterator[Draft]:
        if "opaque" in self.tree.leave_open:
            return
        body: dict[str, Any] = {"Action": ["bedrock:InvokeModel*"]}
        types = ("provisioned-model", "custom-model-deployment", "imported-model")
        resources = sorted(f"arn:aws:bedrock:*:*:{one}/*" for one in types)
        marketplace = "arn:aws:bedrock:*:*:marketplace/model-endpoint/*"
        if not self.tree.administrators:
            body |= {"Resource": sorted([*resources, marketplace]), "Condition": {}}
            yield Draft("Opaque", body, 0, frozenset(), "resources whose model no check names")
            return
        tag = {"StringNotEquals": {f"aws:ResourceTag/{TAG}": [APPROVED]}}
        yield Draft(
            "OpaqueTag",
            {**body, "Resource": resources, "Condition": tag},
            0,
            frozenset(),
            f"resources whose model no check names, unless tagged {TAG}={APPROVED}",
        )
        body |= {"Resource": [marketplace], "Condition": {}}
        yield Draft("Opaque", body, 0, frozenset(), "marketplace endpoints, which have no tags")
        yield from self._tags()

    def _tags(self) -> Iterator[Draft]:
        nobody = {"ArnNotLike": {"aws:PrincipalArn": sorted(self.tree.administrators)}}
        keys = {"ForAnyValue:StringEquals": {"aws:TagKeys": [TAG]}}
        actions = [*_actions(("tag",)), *_actions(("deploy", "tune", "blind"))]
        body = {
            "Action": [one for one in actions if one.startswith("bedrock:")],
            "Resource": "*",
            "Condition": _joined(keys, nobody),
        }
        yield Draft("TagIsAdminOnly", body, 0, frozenset(), f"setting the tag {TAG}")

    def _blind(self) -> Iterator[Draft]:
        for kind, group, part in (
            ("Blind", "blind", "imports"),
            ("Sagemaker", "blind-sagemaker", "sagemaker"),
        ):
            if part not in self.tree.leave_open:
                body = {"Action": list(_actions((group,))), "Resource": "*", "Condition": {}}
                says = "making what can run a model that no check names"
                yield Draft(kind, body, 0, frozenset(), says)

    # -- what names no model -------------------------------------------------------------------

    def _accounts_only(self) -> Iterator[Draft]:
        for kind, classes in (("Enable", ("enable",)), ("Keys", ("key", "key-create"))):
            action = POLICY_ACTIONS[classes[0]]
            members = self.may(action)
            if members != self.accounts.all:
                yield from self._for_accounts(kind, classes, members)
        if self.tree.long_term_keys == "deny":
            yield from self._long_term()

    def _for_accounts(self, kind: str, classes: Sequence[str], members: int) -> Iterator[Draft]:
        plain = [one for one in _actions(classes) if not one.startswith("iam:")]
        says = "accounts that may use no model"
        body = {"Action": plain, "Resource": "*", "Condition": {}}
        yield Draft(kind, body, members, frozenset(), says)
        if len(plain) != len(_actions(classes)):
            yield Draft(f"{kind}Iam", _iam_keys(), members, frozenset(), says)

    def _long_term(self) -> Iterator[Draft]:
        for service in ("bedrock", "bedrock-mantle"):
            condition = {"StringEquals": {f"{service}:BearerTokenType": ["LONG_TERM"]}}
            body = {
                "Action": [f"{service}:CallWithBearerToken"],
                "Resource": "*",
                "Condition": condition,
            }
            yield Draft("LongTermKeys", body, 0, frozenset(), "keys that do not expire soon")
        yield Draft("LongTermKeysIam", _iam_keys(), 0, frozenset(), "making such keys")

    def may(self, action: str) -> int:
        """Give the accounts that may do ``action`` with any model anywhere."""
        found = 0
        for model in self.models:
            found |= self.behaviours.of(model, action).anywhere
        return found

    def _marketplace(self) -> Iterator[Draft]:
        """Hold subscriptions to the products that the organisation file names."""
        by_members: dict[int, list[BedrockModel]] = defaultdict(list)
        for model in self.models:
            if self.tree.products.get(model.model):
                by_members[self.behaviours.of(model, "subscribe").anywhere].append(model)
        for members, models in sorted(by_members.items()):
            if members == self.accounts.all:
                continue
            products = {one for model in models for one in self.tree.products.get(model.model, ())}
            body = {
                "Action": list(_actions(("subscribe",))),
                "Resource": "*",
                "Condition": {
                    "ForAnyValue:StringEquals": {"aws-marketplace:ProductId": sorted(products)}
                },
            }
            about = frozenset(one.model for one in models)
            names = {one.id for one in models}
            yield Draft("Subscribe", body, members, about, f"subscribing to {_few(names)}")


@dataclass(slots=True)
class _Group:
    where: Outside
    types: tuple[str, ...]
    models: set[BedrockModel]


def _group(
    groups: dict[tuple[str, str, int], _Group], kind: str, where: Outside, types: tuple[str, ...]
) -> _Group:
    key = (kind, repr((where.condition, types)), where.allowed)
    return groups.setdefault(key, _Group(where, types, set()))


def _only(permitted: Mapping[str, int], passing: Mapping[str, int]) -> list[Outside]:
    """Cover the accounts that other statements let pass though they are not permitted."""
    groups: dict[int, list[str]] = defaultdict(list)
    for region, members in permitted.items():
        if passing[region] & ~members:
            groups[members].append(region)
    return [
        _in(regions, members)
        if ELSEWHERE not in regions
        else Outside(
            {"StringNotEquals": {REGION: sorted(one for one in permitted if one not in regions)}},
            members,
            "elsewhere",
        )
        for members, regions in sorted(groups.items())
    ]


def _hidden(applications: Iterable[tuple[str, str, int]]) -> Iterator[Outside]:
    """Cover application profiles of a region that lead where no permitted way from there does."""
    by_source: dict[tuple[str, int], list[str]] = defaultdict(list)
    for source, region, members in applications:
        by_source[source, members].append(region)
    alike: dict[tuple[tuple[str, ...], int], list[str]] = defaultdict(list)
    for (source, members), regions in by_source.items():
        alike[tuple(sorted(regions)), members].append(source)
    for (found, members), sources in sorted(alike.items()):
        named = ["*" if one == ELSEWHERE else one for one in sorted(sources)]
        arns = [f"arn:aws:bedrock:{one}:*:application-inference-profile/*" for one in named]
        where = _in(found, members)
        condition = _joined(where.condition, {"StringLike": {PROFILE: arns}})
        yield Outside(
            condition, members, f"{where.says} by application profiles of {_short(named)}"
        )


def _everywhere(behaviour: Behaviour) -> dict[str, int]:
    """Who may use a model wherever it runs, by region that is called."""
    found = dict(behaviour.profiles).get("global", ())
    return {source: members for source, members, *_ in found}


def _actions(classes: Iterable[str]) -> tuple[str, ...]:
    names = list(aws_actions().of_class(*classes))
    if "bedrock:InvokeModel" in names:
        names = [one for one in names if not one.startswith("bedrock:InvokeModel")]
        names.insert(0, "bedrock:InvokeModel*")
    return tuple(names)


def _arns(type_: str, patterns: Collection[str]) -> list[str]:
    kind, _, prefix = type_.partition(":")
    before = {
        "model": "arn:aws:bedrock:*::foundation-model/",
        "custom": "arn:aws:bedrock:*:*:custom-model/",
        "profile": f"arn:aws:bedrock:*:*:inference-profile/{prefix or '*'}.",
    }[kind]
    rest = [one if one.endswith("*") or kind != "custom" else f"{one}*" for one in patterns]
    return [before + one for one in rest]


def _type_arn(type_: str) -> str:
    if type_ == "bedrock-marketplace-model-endpoint":
        return "arn:aws:bedrock:*:*:marketplace/model-endpoint/*"
    return f"arn:aws:bedrock:*:*:{type_}/*"


def _mantle_values(kind: str, patterns: Collection[str]) -> list[str]:
    return [one if kind == "plain" else f"*.{one}" for one in patterns]


def _iam_keys() -> dict[str, Any]:
    services = ["bedrock-mantle.amazonaws.com", "bedrock.amazonaws.com"]
    return {
        "Action": ["iam:CreateServiceSpecificCredential"],
        "Resource": "*",
        "Condition": {"StringEquals": {"iam:ServiceSpecificCredentialServiceName": services}},
    }


def _joined(*blocks: Block) -> dict[str, dict[str, Any]]:
    """Join condition blocks; all of them must hold."""
    joined: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for operator, tests in block.items():
            joined.setdefault(operator, {}).update(tests)
    return joined


def _few(names: Collection[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def joined(*blocks: Block) -> dict[str, dict[str, Any]]:
    """Join condition blocks; all of them must hold."""
    return _joined(*blocks)


__all__ = [
    "APPROVED", "DIRECT", "ELSEWHERE", "TAG", "UNSPECIFIED", "Draft", "Writer", "joined",
    "outside",
]  # fmt: skip
