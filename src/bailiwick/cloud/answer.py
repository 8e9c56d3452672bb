"""What a cloud's policies say to one thing that is asked or made."""

from enum import StrEnum


class Answer(StrEnum):
    """Three answers, so that nothing is ever guessed."""

    ALLOW = "allow"
    DENY = "deny"
    UNDETERMINED = "undetermined"
    """It cannot be told offline; it is never counted as right."""
