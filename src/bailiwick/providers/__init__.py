"""Where providers say they serve: dated, sourced packs, and the rule set that follows from one.

Pure: text arrives as arguments. A pack says what a page said on a day, and never what is true
today.
"""

from bailiwick.providers.compare import PackDifference, Unserved, diff_packs, unserved
from bailiwick.providers.page import Page, PageItem, read_page
from bailiwick.providers.read import read_pack
from bailiwick.providers.render import render_pack, rule_set
from bailiwick.providers.values import Excluded, Later, Licence, OwnershipTerm, Pack

__all__ = [
    "Excluded", "Later", "Licence", "OwnershipTerm", "Pack", "PackDifference", "Page", "PageItem",
    "Unserved", "diff_packs", "read_pack", "read_page", "render_pack", "rule_set", "unserved",
]  # fmt: skip
