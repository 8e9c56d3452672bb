"""Google Cloud: what a Vertex AI call is checked for, and what organization policies answer."""

from bailiwick.cloud.gcp.calls import (
    ACTIONS,
    ENDPOINTS,
    FEATURES,
    GLOBAL_HOST,
    MODELS,
    OWN_ENDPOINTS,
    POLICY_ACTIONS,
    Call,
    checks,
    host_of,
)
from bailiwick.cloud.gcp.models import COUNT_TOKENS, VertexModel, vertex_models
from bailiwick.cloud.gcp.orgpolicy import (
    OrgPolicies,
    OrgPolicy,
    OrgRule,
    Verdict,
    read_org_policy,
)
from bailiwick.cloud.gcp.perimeters import (
    LEVELS,
    PERIMETERS,
    Perimeters,
    is_perimeter,
    read_perimeters,
)

__all__ = [
    "ACTIONS", "COUNT_TOKENS", "ENDPOINTS", "FEATURES", "GLOBAL_HOST", "LEVELS", "MODELS",
    "OWN_ENDPOINTS", "PERIMETERS", "POLICY_ACTIONS",
    "Call", "OrgPolicies", "OrgPolicy", "OrgRule", "Perimeters", "Verdict", "VertexModel",
    "checks", "host_of", "is_perimeter", "read_org_policy", "read_perimeters", "vertex_models",
]  # fmt: skip
