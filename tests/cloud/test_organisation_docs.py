"""The organisation file is documented: every key, and examples that are read as they stand."""

import re
from pathlib import Path

from bailiwick.cloud import organisation_schema, read_organisation
from bailiwick.documents import parse_document

DOCS = Path(__file__).parents[2] / "docs" / "cloud"


def test_every_key_of_an_organisation_file_is_shown() -> None:
    text = (DOCS / "index.md").read_text() + (DOCS / "aws.md").read_text()
    schema = organisation_schema()
    shapes = [schema, *schema["$defs"].values()]
    keys = {key for shape in shapes for key in shape.get("properties", {})}

    assert len(keys) > 15
    assert {key for key in keys if f"{key}:" not in text} == set()


def test_the_organisation_files_of_the_pages_are_valid() -> None:
    whole, aws = (
        re.search(r"```yaml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
        for page in ("index.md", "aws.md")
    )
    assert whole is not None
    assert aws is not None

    assert len(read_organisation(parse_document(whole[1], "org.yaml")).trees) == 3
    text = f"organisation: 1\nname: x\n{aws[1]}"
    (tree,) = read_organisation(parse_document(text, "org.yaml")).trees.values()
    assert tree.long_term_keys == "deny"
