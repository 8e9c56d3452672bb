"""What is lost if a provider, a model or a place is lost, and what can be used instead.

No I/O: traffic arrives as classes, each of them many requests that nothing tells apart.
"""

from bailiwick.continuity.costs import Hosting, Prices
from bailiwick.continuity.judge import Portfolio, Wishes
from bailiwick.continuity.losses import Loss, losses_of
from bailiwick.continuity.migrate import MigrationReport, Misfit, migrate
from bailiwick.continuity.propose import Proposal, propose
from bailiwick.continuity.report import Impact, Report, assess, report_as_dict
from bailiwick.continuity.scenario import Scenario, ScenarioFile, read_scenarios
from bailiwick.continuity.schema import continuity_schema
from bailiwick.continuity.traffic import Rows, Traffic, TrafficBuilder

__all__ = [
    "Hosting", "Impact", "Loss", "MigrationReport", "Misfit", "Portfolio", "Prices", "Proposal",
    "Report", "Rows", "Scenario", "ScenarioFile", "Traffic", "TrafficBuilder", "Wishes",
    "assess", "continuity_schema", "losses_of", "migrate", "propose", "read_scenarios",
    "report_as_dict",
]  # fmt: skip
