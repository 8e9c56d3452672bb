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
from bailiwick.cloud.aws.profiles import (
    UNSPECIFIED,
    Profiles,
    default_profiles,
    import_profiles,
)
from bailiwick.cloud.aws.scp import (
    FULL_ACCESS,
    Answer,
    Guardrails,
    ScpStatement,
    Statements,
    Verdict,
    guardrails,
    holds,
    parse_scp,
)

__all__ = [
    "FULL_ACCESS", "MANTLE", "NAMES_MODEL", "OPAQUE", "POLICY_ACTIONS", "UNSPECIFIED",
    "Actions", "Answer", "Call", "Caller", "Check", "Guardrails", "Profiles", "ScpStatement",
    "Statements", "Verdict",
    "aws_actions", "default_profiles", "expand", "foundation_model", "guardrails",
    "holds", "import_profiles", "makes_profile", "parse_scp",
]  # fmt: skip
