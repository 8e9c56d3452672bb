"""Logs of clouds as typed records: CloudTrail, Bedrock invocations, Google audit, Azure.

for one in read_cloud_log(path):
    if isinstance(one, CloudRecord): ...
"""

from bailiwick.cloud.logs.names import names_of
from bailiwick.cloud.logs.read import log_files, read_cloud_log
from bailiwick.cloud.logs.records import (
    Cloud,
    CloudRecord,
    DeniedBy,
    Outcome,
    Skipped,
    Where,
)

__all__ = [
    "Cloud", "CloudRecord", "DeniedBy", "Outcome", "Skipped", "Where",
    "log_files", "names_of", "read_cloud_log",
]  # fmt: skip
