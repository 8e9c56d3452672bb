"""The organisation file: inheritance, accounts to come, and problems at their place."""

import pytest

from bailiwick.cloud import UNLISTED, Cloud, read_organisation
from bailiwick.documents import parse_document
from bailiwick.errors import InvalidInput
from bailiwick.facts import UNKNOWN

TEXT = """\
organisation: 1
name: example
evidence: {billing: US, registered: US}
labels: everybody
aws:
  id: o-exampleorg1
  root: r-ab12
  management: "999999999999"
  leave_open: {sagemaker: "machine learning of our own"}
  units:
    - id: ou-ab12-aaaaaaaa
      name: research
      labels: [frontier]
      evidence: {billing: DE}
      accounts:
        - "111111111111"
        - {id: "222222222222", labels: [special], evidence: {billing: [FR, DE]}}
  accounts:
    - {id: "333333333333", exempt: "agreed with security"}
gcp:
  id: organizations/123
  folders: [{id: folders/111, projects: [my-project]}]
azure:
  id: example-root
  groups: [{id: mg-eu, subscriptions: [00000000-0000-0000-0000-000000000001]}]
"""


def read(text: str):
    return read_organisation(parse_document(text, "org.yaml"))


def problems(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(text)
    return str(caught.value)


def test_labels_add_up_and_nearer_evidence_wins() -> None:
    tree = read(TEXT).tree(Cloud.AWS)
    accounts = {one.id: one for one in tree.accounts() if one.is_listed}

    plain, special = accounts["111111111111"].facts, accounts["222222222222"].facts

    assert plain["labels"] == {"everybody", "frontier"}
    assert plain["billing"] == {"DE"}
    assert plain["registered"] == {"US"}
    assert special["labels"] == {"everybody", "frontier", "special"}
    assert special["billing"] == {"FR", "DE"}
    assert accounts["111111111111"].path == ("r-ab12", "ou-ab12-aaaaaaaa")


def test_every_unit_stands_for_the_accounts_that_are_not_listed() -> None:
    tree = read(TEXT).tree(Cloud.AWS)

    unlisted = [one for one in tree.accounts() if one.id == UNLISTED]

    assert [one.path[-1] for one in unlisted] == ["r-ab12", "ou-ab12-aaaaaaaa"]
    assert unlisted[1].facts["labels"] == {"everybody", "frontier"}
    assert unlisted[1].facts["principal"] is UNKNOWN


def test_each_cloud_has_its_own_words() -> None:
    organisation = read(TEXT)

    google, azure = organisation.tree(Cloud.GCP), organisation.tree(Cloud.AZURE)

    assert [one.id for one in google.accounts() if one.is_listed] == ["my-project"]
    assert [one.id for one in azure.root.every()] == ["example-root", "mg-eu"]
    assert organisation.tree(Cloud.AWS).management == "999999999999"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"111111111111"', '"1111"', "org.yaml:16:11: `1111` is no account of aws"),
        ('id: "222222222222"', 'id: "111111111111"', "`111111111111` is listed twice"),
        ("billing: DE}", "address: DE}", "`address` is no evidence on an account"),
        ("billing: DE}", "billing: XX}", "unknown place `XX`"),
        ("root: r-ab12", "root: ab12", "is not written as expected"),
        ("  root: r-ab12\n", "", "missing key `root`"),
        ("labels: everybody", "lables: everybody", "unknown key `lables`"),
        ('management: "999999999999"', 'management: "333333333333"', "is the management account"),
        ('exempt: "agreed with security"', 'exempt: ""', "exempt"),
    ],
)
def test_a_problem_is_named_at_its_place(old: str, new: str, message: str) -> None:
    assert old in TEXT
    assert message in problems(TEXT.replace(old, new, 1))


def test_a_file_without_a_cloud_is_refused() -> None:
    assert "describes no cloud" in problems("organisation: 1\nname: x\n")


def test_a_cloud_that_the_file_does_not_describe_is_said() -> None:
    organisation = read('organisation: 1\nname: x\ngcp: {id: "organizations/1"}\n')

    with pytest.raises(InvalidInput, match="says nothing of `aws`"):
        organisation.tree(Cloud.AWS)
