"""What is available where: one answer for everybody, from the table that decides."""

from bailiwick.availability.changes import Change, changes_between, feed
from bailiwick.availability.document import SCHEMA, as_dict, schema
from bailiwick.availability.gather import gather
from bailiwick.availability.site import write_site
from bailiwick.availability.values import Availability, Coming, LevelGroup, Offer, RuleNote

__all__ = [
    "SCHEMA", "Availability", "Change", "Coming", "LevelGroup", "Offer", "RuleNote",
    "as_dict", "changes_between", "feed", "gather", "schema", "write_site",
]  # fmt: skip
