"""AWS: service control policies for Bedrock, and the matrix that proves them."""

from bailiwick.targets.aws.compile import (
    Attach,
    AwsWork,
    NewModels,
    Options,
    Placed,
    attached,
    compile_aws,
    evaluate,
    judge,
)
from bailiwick.targets.aws.explain import CallExplanation, explain_call
from bailiwick.targets.aws.matrix import NEW_ACCOUNT, Case, Matrix
from bailiwick.targets.aws.models import BedrockModel, bedrock_models

__all__ = [
    "NEW_ACCOUNT",
    "Attach", "AwsWork", "BedrockModel", "CallExplanation", "Case",
    "Matrix", "NewModels", "Options", "Placed",
    "attached", "bedrock_models", "compile_aws", "evaluate", "explain_call", "judge",
]  # fmt: skip
