"""One request: locate, assemble, decide, record."""

from bailiwick.pipeline.alike import Alike
from bailiwick.pipeline.assemble import account_facts, location_facts, request_facts
from bailiwick.pipeline.end_users import HEADER as END_USER_HEADER
from bailiwick.pipeline.layers import Layers
from bailiwick.pipeline.pipeline import Pipeline
from bailiwick.pipeline.questions import ABOUT_ACCOUNTS, Answer, Background, Bench, Question
from bailiwick.pipeline.values import (
    Arrangement,
    Asked,
    EndUser,
    EndUserInvalid,
    Judged,
    Outcome,
    Pending,
    Unauthenticated,
    Unavailable,
    decision_id,
)
from bailiwick.pipeline.world import ROUTE, ClientRules, Parts, Route, World

__all__ = [
    "Alike", "Arrangement", "Asked", "Judged", "Outcome", "Pending",
    "Unauthenticated", "Unavailable",
    "END_USER_HEADER", "EndUser", "EndUserInvalid",
    "Pipeline", "World", "ClientRules", "Parts", "Route", "ROUTE",
    "ABOUT_ACCOUNTS", "Answer", "Background", "Bench", "Question",
    "account_facts", "location_facts", "request_facts", "decision_id",
    "Layers",
]  # fmt: skip
