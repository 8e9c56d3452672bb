"""What a cloud really checks, what an organisation looks like, what a policy asks of a cloud."""

from bailiwick.cloud.answer import Answer
from bailiwick.cloud.coverage import (
    Coverage,
    Residue,
    acknowledged,
    coverage_of,
    refuse_unacknowledged,
    require_acknowledged,
)
from bailiwick.cloud.organisation import (
    UNLISTED,
    Account,
    Organisation,
    Tree,
    Unit,
    organisation_schema,
    read_organisation,
)
from bailiwick.cloud.questions import GLOBAL, Questions, Where
from bailiwick.cloud.regions import Cloud, Regions, regions_of

__all__ = [
    "GLOBAL", "UNLISTED",
    "Account", "Answer", "Cloud", "Coverage", "Organisation", "Questions", "Regions", "Residue",
    "Tree", "Unit", "Where",
    "acknowledged", "coverage_of", "organisation_schema", "read_organisation",
    "refuse_unacknowledged", "regions_of", "require_acknowledged",
]  # fmt: skip
