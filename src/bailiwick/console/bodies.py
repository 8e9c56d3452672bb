"""What requests carry. Who acts is never among it: that is whoever is logged in."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

ID = r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,79}$"


def _sensible(at: datetime) -> datetime:
    if not 1990 <= at.year <= 2200:
        raise ValueError("a time between 1990 and 2200")
    return at


Id = Annotated[str, Field(pattern=ID)]
Time = Annotated[AwareDatetime, AfterValidator(_sensible)]
Few = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=50)]


class Body(BaseModel):
    """A change, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=500)
    """In one's own words; it stays in the history."""


class Login(BaseModel):
    """A name and its password."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64)
    password: str = Field(max_length=1024)


class NewAccount(Body):
    """An account or an organisation."""

    name: str = Field(max_length=200)
    id: Id | None = None
    kind: str = "account"
    parent: Id | None = None
    status: str = "active"


class Until(Body):
    """Something that may end by itself."""

    expires_at: Time | None = None


class NewAttester(Body):
    """A public key that shall attest."""

    key: str = Field(max_length=8192)
    """PEM, or a JWK as text."""
    kid: Id | None = None


class NewLabel(Until):
    """Where a label comes from."""

    source: str = "operator"


class NewEvidence(Until):
    """What a source says of one kind; no values: it says nothing any more."""

    kind: str = Field(max_length=80)
    values: Few
    source: str = "operator"
    tier: str = "T3"
    observed_at: Time | None = None
    against_interest: bool = False


class NewContact(Body):
    """Where notices go."""

    contact: str = Field(max_length=254)


class NewImport(Body):
    """Statements about accounts, as a file of them has them."""

    format: Literal["csv", "json"]
    text: str = Field(max_length=16_000_000)
    dry_run: bool = False
    """Check, and change nothing."""


class Agreement(Body):
    """To how many changes for the worse somebody agrees."""

    adverse: int = Field(ge=0, le=100_000_000)


class NewNote(BaseModel):
    """A note on a case."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=4000)


class NewStatus(Body):
    """A status that an account shall have."""

    status: str = Field(max_length=40)
    code: str = Field(max_length=80)
    case: Id | None = None


class NewReview(Body):
    """A review that somebody asks for."""

    code: str = Field(max_length=80)


class Decision(Body):
    """How a case ends."""

    disposition: str = Field(max_length=40)
    account: Id | None = None
    """Decide it for that one of its accounts, and leave it open for the others."""


class NewOrder(Body):
    """Models to switch off, from now."""

    models: Few
    review_by: Time
    until: Time | None = None
    places: Few = []
    except_accounts: Few = []
    except_labels: Few = []
    except_places: Few = []


class NewExemption(Body):
    """An exempt rule to approve for a time."""

    rule: str = Field(max_length=160)
    until: Time
    from_: Time | None = Field(default=None, alias="from")
