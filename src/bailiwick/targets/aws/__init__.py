"""AWS: service control policies for Bedrock, and the matrix that proves them."""

from bailiwick.targets.aws.audit import Difference, Finding, compare, grouped
from bailiwick.targets.aws.compile import (
    Attach,
    AwsWork,
    NewModels,
    Options,
    Placed,
    attached,
    compile_aws,
    evaluate,
)
from bailiwick.targets.aws.explain import CallExplanation, explain_call
from bailiwick.targets.aws.matrix import NEW_ACCOUNT, Case, Matrix
from bailiwick.targets.aws.models import BedrockModel, bedrock_models

__all__ = [
    "NEW_ACCOUNT",
    "Attach", "AwsWork", "BedrockModel", "CallExplanation", "Case", "Difference", "Finding",
    "Matrix", "NewModels", "Options", "Placed",
    "attached", "bedrock_models", "compare", "compile_aws", "evaluate", "explain_call", "grouped",
]  # fmt: skip
