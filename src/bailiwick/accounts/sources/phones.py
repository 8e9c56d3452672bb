"""The place of a phone number: what its digits say, and no more.

Numbers are ported, forwarded and sold, and nobody can see that in them: this is a self-declared
place (T3), and it never suspends anybody.
"""

from bailiwick.places import canonical


def phone_place(number: str) -> str | None:
    """Give the canonical place of a number in international form; ``None``: it has none.

    +1 and +7 are several countries, told apart by the digits that follow; +883 is no country.
    """
    import phonenumbers

    if not number.startswith("+"):
        return None
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    region = phonenumbers.region_code_for_number(parsed)
    return canonical(region) if region else None
