"""AWS: what a call is checked for, and what service control policies answer."""

from bailiwick.cloud.aws.actions import (
    MANTLE,
    NAMES_MODEL,
    POLICY_ACTIONS,
    Actions,
    aws_actions,
)
from bailiwick.cloud.aws.calls import (
    OPAQUE,
    Call,
    Caller,
    Check,
    expand,
    foundation_model,
    makes_profile,
)
from bailiwick.cloud.aws.deployed import (
    Deployed,
    at_root,
    fetch_deployed,
    organizations_client,
    rails_of,
    read_deployed,
)
from bailiwick.cloud.aws.described import Described, read_described
from bailiwick.cloud.aws.profiles import (
    UNSPECIFIED,
    Profiles,
    default_profiles,
    import_profiles,
)
from bailiwick.cloud.aws.scp import (
    FULL_ACCESS,
    Condition,
    Guardrails,
    ScpStatement,
    Statements,
    Verdict,
    guardrails,
    holds,
    like,
    parse_scp,
)

__all__ = [
    "FULL_ACCESS", "MANTLE", "NAMES_MODEL", "OPAQUE", "POLICY_ACTIONS", "UNSPECIFIED",
    "Actions", "Call", "Caller", "Check", "Condition", "Deployed", "Described", "Guardrails",
    "Profiles", "ScpStatement", "Statements", "Verdict",
    "at_root", "aws_actions", "default_profiles", "expand", "fetch_deployed", "foundation_model",
    "guardrails", "holds", "import_profiles", "like", "makes_profile",
    "organizations_client", "parse_scp", "rails_of", "read_deployed", "read_described",
]  # fmt: skip
