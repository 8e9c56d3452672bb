"""Logs of clouds as typed records: CloudTrail, Bedrock invocations, Google audit, Azure.

for one in read_cloud_log(path):
    if isinstance(one, CloudRecord): ...
"""

from bailiwick.cloud.logs.names import bedrock_model, names_of, vertex_model
from bailiwick.cloud.logs.read import log_files, read_cloud_log
from bailiwick.cloud.logs.records import (
    CloudRecord,
    DeniedBy,
    Outcome,
    Skipped,
    Where,
)

__all__ = [
    "CloudRecord", "DeniedBy", "Outcome", "Skipped", "Where",
    "bedrock_model", "log_files", "names_of", "read_cloud_log", "vertex_model",
]  # fmt: skip
