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
)
from bailiwick.targets.aws.matrix import Case, Matrix
from bailiwick.targets.aws.models import BedrockModel, bedrock_models

__all__ = [
    "Attach", "AwsWork", "BedrockModel", "Case", "Matrix", "NewModels", "Options", "Placed",
    "attached", "bedrock_models", "compile_aws", "evaluate",
]  # fmt: skip
