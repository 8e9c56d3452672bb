"""Files of holders and shares: BODS 0.4 and CSV, and what is wrong in them, row by row."""

import json
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from bailiwick.errors import InvalidInput
from bailiwick.ownership import Graph, judge, read_graph, read_list
from ownership.graphs import DAY, rule


def statement(record: str, kind: str, details: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "statementId": f"s-{record}", "declarationSubject": "x", "statementDate": "2026-01-01",
        "recordId": record, "recordType": kind, "recordDetails": {"isComponent": False, **details},
        **more,
    }  # fmt: skip


def entity(record: str, **details: Any) -> dict[str, Any]:
    return statement(record, "entity", {"entityType": {"type": "registeredEntity"}, **details})


def person(record: str, **details: Any) -> dict[str, Any]:
    return statement(record, "person", {"personType": "knownPerson", **details})


def holds(record: str, holder: Any, subject: str, share: Any, how: str = "direct", **more: Any) -> dict[str, Any]:  # fmt: skip
    interest = {"type": more.pop("interest", "shareholding"), "directOrIndirect": how}
    interest |= {"share": share} if share is not None else {}
    interest |= more.pop("dates", {})
    details = {"subject": subject, "interestedParty": holder, "interests": [interest]}
    details |= {key: more.pop(key) for key in ("isComponent", "componentRecords") if key in more}
    return statement(record, "relationship", details, **more)


def bods(*statements: object, file: str = "f.json", day: date = DAY) -> Graph:
    return read_graph([(file, json.dumps(statements, indent=1))], day)


def shares(graph: Graph) -> dict[tuple[str, str], Fraction]:
    return {(one.holder, one.subject): one.share.low[0] for one in graph.holdings}


def wrong(name: str, text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read_graph([(name, text)], DAY)
    return [str(one) for one in caught.value.problems]


def test_a_company_its_people_and_their_shares_are_read() -> None:
    graph = bods(
        entity("a", name="A Ltd", jurisdiction={"name": "Xanadu", "code": "XA"},
               identifiers=[{"scheme": "GB-COH", "id": "01234567"}],
               addresses=[{"type": "business", "country": {"name": "b", "code": "XB"}},
                          {"type": "registered", "country": {"name": "c", "code": "XC"}}]),
        person("p", names=[{"fullName": "Pat Example"}]),
        holds("r", "p", "a", {"exact": 33.3}),
    )  # fmt: skip

    a, p = graph.nodes["a"], graph.nodes["p"]
    assert (a.name, a.jurisdiction, a.headquarters) == ("A Ltd", "XA", {"XB"})
    assert a.identifiers == {"a", "GB-COH:01234567"}
    assert (p.name, p.kind) == ("Pat Example", "person")
    assert shares(graph) == {("p", "a"): Fraction(333, 1000)}


def test_lines_are_read_like_an_array() -> None:
    lines = "\n".join(json.dumps(one) for one in (entity("a"), person("p"), holds("r", "p", "a", {"exact": 40})))  # fmt: skip

    assert shares(read_graph([("f.jsonl", lines)], DAY)) == {("p", "a"): Fraction(2, 5)}


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        ({"minimum": 25, "maximum": 50}, (25, 0), (50, 0)),
        ({"exclusiveMinimum": 25, "maximum": 50}, (25, 1), (50, 0)),
        ({"minimum": 25, "exclusiveMinimum": 25, "exclusiveMaximum": 50}, (25, 1), (50, -1)),
        ({"minimum": 75}, (75, 0), (100, 0)),
        (None, (0, 0), (100, 0)),
        ({}, (0, 0), (100, 0)),
    ],
)
def test_a_range_keeps_its_ends_and_whether_they_belong_to_it(
    share: Any, low: tuple[int, int], high: tuple[int, int]
) -> None:
    found = bods(holds("r", "p", "a", share)).holdings[0].share

    assert found.low == (Fraction(low[0], 100), low[1])
    assert found.high == (Fraction(high[0], 100), high[1])


def test_a_primary_record_is_left_out_where_its_components_are_all_there() -> None:
    graph = bods(
        holds("c1", "x", "m", {"exact": 60}, isComponent=True),
        holds("c2", "m", "a", {"exact": 80}, isComponent=True),
        holds("r", "x", "a", {"exact": 48}, "indirect", componentRecords=["c1", "c2"]),
    )

    assert shares(graph) == {("x", "m"): Fraction(3, 5), ("m", "a"): Fraction(4, 5)}


def test_a_primary_record_counts_whole_where_a_component_is_missing() -> None:
    graph = bods(
        holds("c1", "x", "m", {"exact": 60}, isComponent=True),
        holds("r", "x", "a", {"exact": 48}, "indirect", componentRecords=["c1", "c2"]),
    )

    assert shares(graph) == {("x", "a"): Fraction(48, 100)}
    assert "not all component records are there" in graph.notes[0]


def test_direct_and_indirect_statements_of_one_subject_are_not_added_up_as_proof() -> None:
    graph = bods(
        holds("d", "x", "a", {"exact": 30}),
        holds("i", "x", "a", {"exact": 30}, "indirect"),
        holds("e", "x", "b", {"exact": 20}),
        holds("j", "x", "b", {"exact": 20}, "unknown"),
    )

    found = judge(graph, rule(), {"x": "list:1"})

    assert (found.outcome("a"), found.outcome("b")) == ("unknown_share", "no")


def test_the_last_statement_about_a_record_counts_and_a_closed_one_is_gone() -> None:
    graph = bods(
        holds("r", "p", "a", {"exact": 90}, statementDate="2026-03-01"),
        holds("r", "p", "a", {"exact": 10}, statementDate="2026-02-01"),
        holds("s", "q", "a", {"exact": 10}),
        holds("s", "q", "a", {"exact": 10}, recordStatus="closed"),
    )

    assert shares(graph) == {("p", "a"): Fraction(9, 10)}


@pytest.mark.parametrize(
    ("dates", "counts"),
    [({}, True), ({"endDate": "2026-07-01"}, False), ({"endDate": "2026-07-02"}, True), ({"startDate": "2026-07-02"}, False), ({"startDate": "2026-07-01"}, True)],
)  # fmt: skip
def test_interests_that_ended_or_have_not_begun_do_not_count(dates: Any, counts: bool) -> None:
    graph = bods(
        holds("r", "p", "a", {"exact": 90}, dates=dates), holds("k", "q", "b", {"exact": 1})
    )

    assert (("p", "a") in shares(graph)) is counts


def test_a_holder_whom_nobody_names_may_be_a_listed_one() -> None:
    nobody = {"reason": "interestedPartyHasNotProvidedInformation"}
    graph = bods(
        holds("r", nobody, "a", {"exact": 60}),
        holds("n", {"reason": "noBeneficialOwners"}, "b", {"exact": 60}),
        holds("q", nobody, "b", {"exact": 40}),
    )

    found = judge(graph, rule(), {"x": "list:1"})

    assert (found.outcome("a"), found.outcome("b")) == ("unknown_share", "no")


def test_an_interest_of_which_nobody_says_what_it_is_may_be_shares() -> None:
    graph = bods(
        holds("r", "x", "a", {"exact": 60}, interest="unpublishedInterest"),
        holds("v", "x", "b", {"exact": 60}, interest="votingRights"),
        holds("p", "p", "b", {"exact": 60}),
    )

    found = judge(graph, rule(), {"x": "list:1"})
    votes = judge(graph, rule(interests=("votingRights",)), {"x": "list:1"})

    assert (found.outcome("a"), found.outcome("b")) == ("unknown_share", "no")
    assert votes.outcome("b") == "yes"
    assert found.ignored == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", "f.json:1:2: a statement is a JSON object"),
        ("[{}]", "f.json:1:2: a statement without `recordId`\nhelp: statements are those of BODS 0.4; convert older data first"),
        ("[{]", "f.json:1:3: not JSON: Expecting property name enclosed in double quotes"),
        ('[{"a": 1, "a": 2}]', "f.json:1:2: not JSON: the key `a` is given twice"),
        ('[{"a": NaN}]', "f.json:1:2: not JSON: NaN is not a number"),
        ('[{"a": 1e9}]', "f.json:1:2: not JSON: a number is written with an exponent or too many digits"),
        ("[{},\n]", "f.json:1:4: not JSON: expected `,` and a value, or `]`"),
        ("[", "f.json:1:2: not JSON: the array does not end"),
    ],
)  # fmt: skip
def test_what_is_no_statement_is_told_where_it_stands(text: str, expected: str) -> None:
    assert expected in wrong("f.json", text)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (holds("r", "p", "a", {"exact": 101}), "share `exact` is not between 0 and 100 %"),
        (holds("r", "p", "a", {"exact": "50"}), "`exact` of a share is not a number"),
        (holds("r", "p", "a", {"exclusiveMinimum": True}), "`exclusiveMinimum` of a share is not a number"),
        (holds("r", "p", "a", {"minimum": 50, "maximum": 25}), "share `range` begins above its end"),
        (holds("r", "p", "a", {"minimum": -1}), "a share is not between 0 and 100"),
        (holds("r", "p", "a", {"most": 1}), "unknown key `most` in a share"),
        (holds("r", "p", "a", {"exact": 1}, interest="shares"), "unknown interest `shares`"),
        (holds("r", "p", "a", {"exact": 1}, dates={"endDate": "soon"}), "`endDate` is not a date: `soon`"),
        (holds("r", None, "a", {"exact": 1}), "`interestedParty` is missing or is no plain id"),
        (holds("r", {}, "a", {"exact": 1}), "`interestedParty` gives neither a record nor a `reason`"),
        (entity("a", jurisdiction={"name": "x", "code": "QQ"}), "unknown place `QQ`"),
        (statement("a", "company", {}), "unknown record type `company`"),
        (entity("a") | {"recordStatus": "dead"}, "unknown record status `dead`"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_statement_is_told(made: Mapping[str, Any], expected: str) -> None:
    found = wrong(
        "f.json", json.dumps([person("q"), made], indent=None).replace('}, {"st', '},\n{"st')
    )

    assert [one.split("\n")[0] for one in found] == [f"f.json:2:1: {expected}"]


def test_every_bad_row_of_a_csv_file_is_told_and_nothing_counts() -> None:
    text = (
        "holder,subject,share,interest,direct\n"
        "x,a,50,,\n"
        "x,a,25,,\n"
        ",b,50,,\n"
        "x,c,half,,\n"
        "x,d,50,control,\n"
        "x,e,50,,maybe\n"
        "x,f\n"
        "\n"
    )

    assert [one.split("\n")[0] for one in wrong("h.csv", text)] == [
        "h.csv:3: `x` and `a` are given twice",
        "h.csv:4: `holder` is empty, too long or has control characters",
        "h.csv:5: `half` is not a share",
        "h.csv:6: unknown interest `control`",
        "h.csv:7: `direct` cannot be `maybe`",
        "h.csv:8: 2 columns, and the header has 5",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("holder,subject\n", "h.csv:1:1: column `share` is missing\nhelp: columns are holder, subject, share, interest, direct"),
        ("holder,subject,share,colour\n", "h.csv:1:1: unknown column `colour`\nhelp: columns are holder, subject, share, interest, direct"),
        ("name\n", "h.csv:1:1: column `id` is missing\nhelp: columns are id, name, type, headquarters, jurisdiction, identifiers"),
        ("id,id\n", "h.csv:1:1: a column is named twice\nhelp: columns are id, name, type, headquarters, jurisdiction, identifiers"),
        ("", "h.csv:1:1: column `id` is missing\nhelp: columns are id, name, type, headquarters, jurisdiction, identifiers"),
        ("id,headquarters\na,QQ\n", "h.csv:2: unknown place `QQ`\nhelp: write an ISO 3166 code such as US or UA-43"),
        ("id,type\na,firm\n", "h.csv:2: `type` cannot be `firm`\nhelp: write person, entity or unknown"),
        ("id\na\na\n", "h.csv:3: `a` is given twice\nhelp: first at h.csv:2"),
        ('holder,subject,share\n"x\n', "h.csv:2: not CSV: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_csv_file_has_the_columns_that_are_known(text: str, expected: str) -> None:
    assert wrong("h.csv", text) == [expected]


def test_files_of_no_holding_say_nothing() -> None:
    assert wrong("n.csv", "id\na\n") == [
        "the files name no holding\nhelp: nothing follows from no data"
    ]
    assert wrong("n.xml", "") == ["`n.xml` is no file of ownership data\nhelp: files end in .json, .jsonl, .ndjson, .csv"]  # fmt: skip


def test_a_list_names_identifiers_with_their_places() -> None:
    yaml = "as_of: 2026-06-01\nsource: made up\nidentifiers:\n  - LEI:1\n  - GB-COH:2\n"

    assert read_list(yaml, "l.yaml") == {"LEI:1": "l.yaml:4:5", "GB-COH:2": "l.yaml:5:5"}
    assert read_list("# who\nLEI:1\n\nX  # a note\n", "l.txt") == {"LEI:1": "l.txt:2:1", "X": "l.txt:4:1"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("l.txt", "# nobody\n", "l.txt: no identifiers are listed"),
        ("l.yaml", "identifiers: []\n", "l.yaml: no identifiers are listed"),
        ("l.yaml", "identifiers: x\n", "l.yaml:1:14: `identifiers` needs a list"),
        ("l.yaml", "names: [x]\n", "l.yaml:1:1: unknown key `names`"),
        ("l.txt", "a\na\n", "l.txt:2:1: `a` is listed twice"),
        ("l.yaml", "identifiers: [{a: b}]\n", "l.yaml:1:15: not an identifier"),
    ],
)
def test_a_list_that_names_nobody_is_wrong(name: str, text: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_list(text, name)

    assert str(caught.value).startswith(expected)


def test_identifiers_are_matched_as_they_are_and_never_by_name() -> None:
    graph = bods(
        entity("a"), holds("r", "x", "a", {"exact": 60}),
        entity("x", name="Listed Ltd", identifiers=[{"scheme": "XI-LEI", "id": "5493"}]),
    )  # fmt: skip

    assert judge(graph, rule(), {"XI-LEI:5493": "l:1"}).outcome("a") == "yes"
    assert judge(graph, rule(), {"Listed Ltd": "l:1"}).outcome("a") == "no"


def test_the_chain_says_who_led_to_the_outcome_and_why() -> None:
    graph = bods(
        holds("1", "x", "m", {"exact": 50}), holds("2", "m", "a", {"exact": 30}),
        holds("3", "x", "a", {"exact": 20}), holds("4", "p", "a", {"exact": 40}),
    )  # fmt: skip

    chain = judge(graph, rule(), {"x": "l.txt:1"}).chain("a")

    assert [one.node for one in chain] == ["x", "m", "a"]
    assert chain[0].reason == "listed as `x` (l.txt:1)"
    assert [(one.holder, one.outcome) for one in chain[-1].parts] == [("m", "yes"), ("x", "yes")]
    assert chain[-1].share.low[0] == Fraction(1, 2)


@pytest.mark.parametrize(
    ("interest", "outcome"),
    [("shareholding", "yes"), ("boardMember", "unknown_share"), ("unknownInterest", "unknown_share"),
     ("unpublishedInterest", "unknown_share")],
)  # fmt: skip
def test_an_interest_that_is_no_share_is_ignored_and_an_unsaid_one_may_be_any(
    interest: str, outcome: str
) -> None:
    made = bods(entity("a"), person("x"), holds("r", "x", "a", {"exact": 60}, interest=interest))

    found = judge(made, rule(), {"x": "list:1"})

    assert found.outcome("a") == outcome
    assert found.ignored == (interest == "boardMember")
