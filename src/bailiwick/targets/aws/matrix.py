"""Generate the matrix: the calls that prove a set of guardrails, each with the answer it must get.

Every account, model, region and action is in it, the others each at one representative of every
class that the policy tells apart; unlisted models, regions and accounts are classes of their own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bailiwick.cloud import GLOBAL, Account, Questions, Tree
from bailiwick.cloud.aws import (
    MANTLE,
    NAMES_MODEL,
    OPAQUE,
    POLICY_ACTIONS,
    UNSPECIFIED,
    Call,
    Caller,
    Profiles,
    aws_actions,
)
from bailiwick.cloud.organisation import UNLISTED
from bailiwick.decision import Effect
from bailiwick.targets.aws.accounts import Accounts
from bailiwick.targets.aws.models import BedrockModel
from bailiwick.targets.aws.statements import APPROVED, TAG
from bailiwick.targets.aws.told_apart import ToldApart
from bailiwick.targets.compiled import Cell

NEW_REGION = "xx-unlisted-1"
NEW_MODEL = "unlisted.model-v1:0"
NEW_ACCOUNT = "000000000000"
"""Stand for a region, a model and an account that nobody has listed."""
APPLICATION = "application"
MODEL_TYPES = {
    "foundation-model",
    "custom-model",
    "inference-profile",
    "application-inference-profile",
    "bedrock-marketplace-model-endpoint",
}
"""Types of resources that stand for a model, or that other cells are about."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Case:
    """A cell and the call that it is about."""

    cell: Cell
    call: Call
    levels: tuple[str, ...]
    """Ids from the root to the account, where policies are attached."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A model as a call names it."""

    id: str
    model: str | None


class Matrix:
    """Generates the cases of one policy, organisation and profile table, for some statements."""

    def __init__(
        self,
        questions: Questions,
        tree: Tree,
        accounts: Accounts,
        models: Sequence[BedrockModel],
        profiles: Profiles,
        apart: ToldApart,
    ) -> None:
        self.apart = apart
        self.questions = questions
        self.tree = tree
        self.accounts = [*accounts.held, *accounts.exempt]
        self.models = [_Named(one.id, one.model) for one in models]
        self.models.append(_Named(NEW_MODEL, None))
        self.profiles = profiles
        self.regions = [*sorted(questions.regions.places), NEW_REGION]
        self._callers = {id(one): self._caller(one) for one in self.accounts}
        self._anywhere: dict[tuple[object, ...], bool] = {}
        self._model_classes: dict[str, object] = {}
        self._region_classes: dict[str, object] = {}
        self._seen: set[tuple[object, ...]] = set()

    def cases(self) -> Iterator[Case]:
        """Generate every case once."""
        accounts = self._few(self.accounts, self._account_class)
        models = self._few(self.models, self._model_class)
        regions = self._few(self.regions, self._region_class)
        every = aws_actions().of_class(*NAMES_MODEL, *MANTLE)
        main = ("bedrock:InvokeModel", "bedrock-mantle:CreateInference")
        yield from self._each_account(accounts, models, regions, main)
        yield from self._calls(
            accounts, self.models, regions, (*main, "bedrock:CreateModelCopyJob")
        )
        profile = "bedrock:CreateInferenceProfile"
        yield from self._calls(accounts, models, self.regions, (*main, profile))
        yield from self._calls(accounts, models, regions, every)
        yield from self._without_path(models, regions, main)
        yield from self._excepted(accounts, models, regions, main)
        yield from self._others(self.accounts, accounts, regions)

    # -- classes -------------------------------------------------------------------------------

    def _few(self, every: Iterable[T], key: Callable[[T], object]) -> list[T]:
        found: dict[object, T] = {}
        for one in every:
            found.setdefault(key(one), one)
        return list(found.values())

    def _account_class(self, account: Account) -> object:
        apart = self.apart.account(self.tree, account)
        return self.questions.account_class(account), account.exempt is None, apart

    def _model_class(self, model: _Named) -> object:
        if model.id not in self._model_classes:
            routes = tuple(
                self.profiles.destinations(f"{prefix}.{model.id}", region)
                for prefix in self.profiles.prefixes
                for region in self.regions
            )
            known = model.model and self.questions.model_class(model.model)
            apart = self.apart.model(model.id, self.profiles.prefixes)
            self._model_classes[model.id] = (known, routes, apart)
        return self._model_classes[model.id]

    def _region_class(self, region: str) -> object:
        ways: list[object] = [self._where(region, (region,)), self._apart_region(region)]
        for prefix in self.profiles.prefixes:
            found = self.profiles.destinations(f"{prefix}.any", region)
            if found is None:
                ways.append(None)
                continue
            there = frozenset(self._apart_region(one) for one in found)
            ways.append((self._where(region, found), there))
        return tuple(ways)

    def _apart_region(self, region: str) -> object:
        if region not in self._region_classes:
            self._region_classes[region] = self.apart.region(region)
        return self._region_classes[region]

    def _where(self, region: str, processing: Iterable[str]) -> int:
        found = tuple(processing)
        where = self.questions.where(region, GLOBAL if found == (UNSPECIFIED,) else found)
        return self.questions.where_class(where)

    # -- calls that name a model ---------------------------------------------------------------

    def _calls(
        self,
        accounts: Iterable[Account],
        models: Sequence[_Named],
        regions: Sequence[str],
        actions: Iterable[str],
    ) -> Iterator[Case]:
        for action in actions:
            mantle = aws_actions().classes[action] in MANTLE
            for model in models:
                for region in regions:
                    ways = self._mantle_ways(model) if mantle else self._ways(model, region, action)
                    for account in accounts:
                        for way in ways:
                            if case := self._case(account, action, model, region, way):
                                yield case

    def _each_account(
        self,
        few: Sequence[Account],
        models: Sequence[_Named],
        regions: Sequence[str],
        actions: Iterable[str],
    ) -> Iterator[Case]:
        """Call as every account, where it matters which account calls."""
        for action in actions:
            word = POLICY_ACTIONS[aws_actions().classes[action]]
            for model in models:
                for region in regions:
                    where = self.questions.where(region, (region,))
                    held = (one for one in few if one.exempt is None)
                    if (
                        len({self.questions.permits(one, where, model.model, word) for one in held})
                        > 1
                    ):
                        yield from self._as(self.accounts, action, model, region)
            yield from self._as(self.accounts, action, models[0], regions[0])

    def _as(
        self, accounts: Iterable[Account], action: str, model: _Named, region: str
    ) -> Iterator[Case]:
        for account in accounts:
            if case := self._case(account, action, model, region, "direct"):
                yield case

    def _without_path(
        self, models: Sequence[_Named], regions: Sequence[str], actions: Iterable[str]
    ) -> Iterator[Case]:
        """Make requests that do not say where their account is: only what everybody may passes."""
        caller = Caller(NEW_ACCOUNT, self.tree.id, ())
        held = [one for one in self.accounts if one.exempt is None]
        for action in actions:
            for model in models:
                for region in regions:
                    where = self.questions.where(region, (region,))
                    permit = all(
                        self.questions.permits(one, where, model.model, "infer") for one in held
                    )
                    cell = Cell(
                        "no path",
                        action,
                        model.id,
                        region,
                        "direct",
                        model.model or model.id,
                        permit,
                    )
                    call = Call(action, caller, region, model.id)
                    yield Case(cell, call, (self.tree.root.id, NEW_ACCOUNT))

    def _excepted(
        self,
        accounts: Iterable[Account],
        models: Sequence[_Named],
        regions: Sequence[str],
        actions: Sequence[str],
    ) -> Iterator[Case]:
        """Call as those whom a statement treats in a way of their own; the policy knows no such."""
        for account in accounts:
            caller = self._callers[id(account)]
            for key, value in self.apart.callers(caller.account):
                for action in actions:
                    for model in models:
                        for region in regions:
                            case = self._case(account, action, model, region, "direct", again=True)
                            if case is None:
                                continue
                            call = replace(case.call, context={**case.call.context, key: (value,)})
                            way = f"direct, {key} {value}"
                            yield Case(replace(case.cell, profile=way), call, case.levels)

    def _ways(self, model: _Named, region: str, action: str) -> list[str]:
        ways = ["direct"]
        types = aws_actions().resources[action]
        for prefix in self.profiles.prefixes if "inference-profile" in types else ():
            if self.profiles.destinations(f"{prefix}.{model.id}", region) is not None:
                ways.append(prefix)
                if "async-invoke" in types:
                    ways.append(f"{APPLICATION}:{prefix}")
        if "custom-model" in types:
            ways.append("custom")
        return ways

    def _mantle_ways(self, model: _Named) -> list[str]:
        return ["direct", "us", GLOBAL] if model.model else ["direct", "missing", GLOBAL]

    def _case(
        self,
        account: Account,
        action: str,
        model: _Named,
        region: str,
        way: str,
        *,
        again: bool = False,
    ) -> Case | None:
        key = (id(account), action, model.id, region, way)
        if key in self._seen and not again:
            return None
        self._seen.add(key)
        group = aws_actions().classes[action]
        over, named = "", model.id
        prefix = way.removeprefix(f"{APPLICATION}:")
        if way == "missing":
            named = ""
        elif way == "custom":
            named = (
                f"arn:aws:bedrock:{region}:{self._callers[id(account)].account}:"
                f"custom-model/{model.id}/abcdef"
            )
        elif way.startswith(APPLICATION):
            named, over = "application-inference-profile/abcdef", f"{prefix}.{model.id}"
        elif way != "direct":
            named = f"{prefix}.{model.id}"
        processing = self._processing(model, region, prefix, mantle=group in MANTLE)
        where = self.questions.where(region, processing)
        word = POLICY_ACTIONS[group]
        permit = account.exempt is not None or (
            way != "missing" and self.questions.permits(account, where, model.model, word)
        )
        call = Call(action, self._callers[id(account)], region, named, over)
        cell = Cell(account.id, action, named, region, way, model.model or model.id, permit)
        return Case(cell, call, self._levels(account))

    def _processing(
        self, model: _Named, region: str, prefix: str, *, mantle: bool
    ) -> Sequence[str] | str:
        if prefix in {"direct", "custom", "missing"}:
            return (region,)
        if mantle:
            return GLOBAL
        found = self.profiles.destinations(f"{prefix}.{model.id}", region) or ()
        return GLOBAL if found == (UNSPECIFIED,) else tuple(dict.fromkeys((region, *found)))

    # -- calls that name none ------------------------------------------------------------------

    def _others(
        self, every: Iterable[Account], few: Sequence[Account], regions: Sequence[str]
    ) -> Iterator[Case]:
        for account in every:
            yield from self._account_wide(account)
        for account in few:
            for region in regions:
                yield from self._opaque(account, region)
                yield from self._blind(account, region)
                yield from self._untouched(account, region)

    def _account_wide(self, account: Account) -> Iterator[Case]:
        for action in aws_actions().of_class("enable"):
            yield self._plain(account, action, permit=self._may(account, "subscribe"))
        keys = self._may(account, "create_key")
        denied = self.tree.long_term_keys == "deny"
        for service in ("bedrock", "bedrock-mantle"):
            for kind in ("SHORT_TERM", "LONG_TERM"):
                context = {f"{service}:BearerTokenType": (kind,)}
                permit = keys and not (denied and kind == "LONG_TERM")
                action = f"{service}:CallWithBearerToken"
                yield self._plain(account, action, kind, permit=permit, context=context)
            context = {"iam:ServiceSpecificCredentialServiceName": (f"{service}.amazonaws.com",)}
            action = "iam:CreateServiceSpecificCredential"
            yield self._plain(account, action, service, permit=keys and not denied, context=context)
        context = {"iam:ServiceSpecificCredentialServiceName": ("codecommit.amazonaws.com",)}
        yield self._plain(account, action, "codecommit", permit=True, context=context)
        for action in aws_actions().of_class("subscribe"):
            yield from self._subscriptions(account, action)

    def _subscriptions(self, account: Account, action: str) -> Iterator[Case]:
        for model in self.models:
            for product in self.tree.products.get(model.model or "", ()):
                both = {"aws-marketplace:ProductId": ("prod-other", product)}
                permit = self._may_model(account, model, "subscribe")
                yield self._plain(account, action, product, permit=permit, context=both)
        other = {"aws-marketplace:ProductId": ("prod-other",)}
        yield self._plain(account, action, "prod-other", permit=True, context=other)

    def _may(self, account: Account, word: str) -> bool:
        return any(self._may_model(account, model, word) for model in self.models)

    def _may_model(self, account: Account, model: _Named, word: str) -> bool:
        if model.model is None:
            return False
        key = (self.questions.account_class(account), self._model_class(model), word)
        if key not in self._anywhere:
            self._anywhere[key] = self._permitted_anywhere(account, model, word)
        return account.exempt is not None or self._anywhere[key]

    def _permitted_anywhere(self, account: Account, model: _Named, word: str) -> bool:
        for region in self.regions:
            processing: list[Sequence[str] | str] = [(region,)]
            processing += (
                self._processing(model, region, prefix, mantle=False)
                for prefix in self.profiles.prefixes
            )
            for found in processing:
                where = self.questions.where(region, found)
                decision = self.questions.decide(account, where, model.model, word)
                if found and decision.effect is not Effect.DENY:
                    return True
        return False

    def _opaque(self, account: Account, region: str) -> Iterator[Case]:
        left = "opaque" in self.tree.leave_open
        for kind in ("provisioned-model", "custom-model-deployment", "imported-model"):
            for tag in ((), (APPROVED,), ("other",)):
                context = {f"aws:ResourceTag/{TAG}": tag} if tag else {}
                permit = left or (bool(self.tree.administrators) and tag == (APPROVED,))
                for action in aws_actions().of_class("invoke"):
                    name, way = f"{kind}/abcdef", "".join(tag)
                    yield self._plain(
                        account,
                        action,
                        way,
                        region=region,
                        permit=permit,
                        context=context,
                        model=name,
                    )
        for action in aws_actions().of_class("invoke"):
            name = "marketplace/model-endpoint/all-access"
            yield self._plain(account, action, name, region=region, permit=left, model=name)
        if self.tree.administrators:
            keys = {"aws:TagKeys": ("other", TAG)}
            for action in aws_actions().of_class("tag", "deploy"):
                if action.startswith("bedrock:") and not left:
                    name = "provisioned-model/abcdef"
                    yield self._plain(
                        account,
                        action,
                        TAG,
                        region=region,
                        permit=False,
                        context=keys,
                        model=name,
                    )

    def _blind(self, account: Account, region: str) -> Iterator[Case]:
        for group, part in (("blind", "imports"), ("blind-sagemaker", "sagemaker")):
            for action in aws_actions().of_class(group):
                permit = part in self.tree.leave_open
                yield self._plain(account, action, region=region, permit=permit)

    def _untouched(self, account: Account, region: str) -> Iterator[Case]:
        """Cover what guardrails must leave alone: discovery, agents, and other services."""
        for action in (
            "bedrock:ListFoundationModels",
            "bedrock:ListInferenceProfiles",
            "bedrock:InvokeAgent",
            "bedrock-mantle:ListModels",
            "sagemaker:ListEndpoints",
        ):
            yield self._plain(account, action, region=region, permit=True)
        for action in aws_actions().of_class(*NAMES_MODEL):
            for kind in aws_actions().resources[action]:
                if kind not in MODEL_TYPES and not (kind in OPAQUE and "Invoke" in action):
                    name = f"{kind}/abcdef"
                    yield self._plain(account, action, region=region, permit=True, model=name)

    def _plain(
        self,
        account: Account,
        action: str,
        way: str = "",
        *,
        permit: bool,
        region: str = "us-east-1",
        context: Mapping[str, tuple[str, ...]] | None = None,
        model: str = "",
    ) -> Case:
        call = Call(action, self._callers[id(account)], region, model, context=context or {})
        permit = permit or account.exempt is not None
        cell = Cell(account.id, action, model, region, way, "", permit)
        return Case(cell, call, self._levels(account))

    # -- who calls -----------------------------------------------------------------------------

    def _caller(self, account: Account) -> Caller:
        number = NEW_ACCOUNT if account.id == UNLISTED else account.id
        return Caller(number, self.tree.id, account.path)

    def _levels(self, account: Account) -> tuple[str, ...]:
        return (*account.path, self._callers[id(account)].account)
