"""Read what somebody asks about: a call in words, a CloudTrail record, or a message of a denial."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bailiwick.cloud.aws.profiles import UNSPECIFIED
from bailiwick.errors import InvalidInput

WORDS = re.compile(
    r"(?P<action>[A-Za-z-]+:[A-Za-z]+)(?: (?P<model>\S+))? in (?P<region>[a-z0-9-]+)"
    r" by (?P<account>[0-9]{12})(?: over (?P<over>\S+))?"
)
DENIED = re.compile(
    r"(?:User: )?(?P<principal>arn:\S+) is not authorized to perform: (?P<action>\S+)"
    r"(?: on resource: (?P<resource>\S+))?"
    r"(?: (?:with an explicit deny in an?|because no) (?P<kind>[a-z -]+?) policy"
    r"(?:: (?P<policy>[^\s]+[^\s.]))?)?"
)
PRINCIPAL = re.compile(r"arn:[a-z0-9-]+:(?:sts|iam)::(?P<account>[0-9]{12}):.*")
RESOURCE = re.compile(r"arn:[a-z0-9-]+:[a-z-]+:(?P<region>[a-z0-9-]*):[0-9]*:.+")
HELP = (
    "write `bedrock:InvokeModel MODEL in REGION by ACCOUNT`, or give a CloudTrail record or the "
    "message of an AccessDenied"
)


@dataclass(frozen=True, slots=True)
class Described:
    """A call as far as the text tells."""

    action: str
    account: str
    region: str
    """Where it was called; empty where a message names only the resource of one check."""
    model: str
    over: str = ""
    denied_on: str = ""
    """The resource of the check that AWS says was denied."""
    denied_by: str = ""
    """ARN of the policy that AWS names."""

    @property
    def denied_region(self) -> str:
        """The region of the check that was denied; a model without one is a global profile's."""
        found = RESOURCE.fullmatch(self.denied_on)
        return (found["region"] or UNSPECIFIED) if found else ""


def read_described(text: str) -> Described:
    """Read any of the three. Raises ``InvalidInput`` if it is none of them."""
    plain = " ".join(text.split())
    if plain.startswith("{"):
        return _record(text)
    if found := WORDS.fullmatch(plain):
        named = found.groupdict(default="")
        return Described(
            named["action"], named["account"], named["region"], named["model"], named["over"]
        )
    found = DENIED.search(plain)
    if found is None:
        raise InvalidInput.of("neither a call nor a record nor the message of a denial", HELP)
    return _denied(found)


def _denied(found: re.Match[str]) -> Described:
    principal = PRINCIPAL.fullmatch(found["principal"])
    resource, kind = found["resource"] or "", found["kind"]
    if principal is None:
        raise InvalidInput.of(f"`{found['principal']}` is no principal of an account", HELP)
    if kind and kind != "service control":
        raise InvalidInput.of(
            f"what denied this is the {kind} policy, not a service control policy",
            "look for it where that policy is attached",
        )
    model = resource.partition("foundation-model/")[2]
    return Described(
        found["action"], principal["account"], "", model, "", resource, found["policy"] or ""
    )


def _record(text: str) -> Described:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput.of(f"not a JSON record: {error}", HELP) from None
    if isinstance(value.get("Records"), list) and len(value["Records"]) == 1:
        value = value["Records"][0]
    try:
        service = str(value["eventSource"]).removesuffix(".amazonaws.com")
        account = str(_in(value, "userIdentity").get("accountId") or value["recipientAccountId"])
        action, region = f"{service}:{value['eventName']}", str(value["awsRegion"])
    except KeyError as error:
        raise InvalidInput.of(
            f"the record has no {error.args[0]!r}".replace("'", "`"), HELP
        ) from None
    model = str(_in(value, "requestParameters").get("modelId", ""))
    found = DENIED.search(" ".join(str(value.get("errorMessage", "")).split()))
    denied = _denied(found) if found else None
    return Described(
        action,
        account,
        region,
        model,
        "",
        denied.denied_on if denied else "",
        denied.denied_by if denied else "",
    )


def _in(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
