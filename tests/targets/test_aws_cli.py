"""The commands, on the example that comes with the project."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bailiwick.cli import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "cloud"
POLICY, ORG = str(EXAMPLE / "policy.yaml"), str(EXAMPLE / "organisation.yaml")
MODEL = "anthropic.claude-opus-5"


def run(*words: str, status: int = 0, text: str | None = None) -> str:
    done = CliRunner().invoke(app, words, input=text)
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("guardrails")
    printed = run(
        "compile", "aws", POLICY, "--org", ORG, "--out", str(out), "--format", "terraform"
    )
    assert "frontier-in-us" in printed
    assert "not reached" in printed
    return out


def test_the_example_passes_its_own_tests() -> None:
    assert "2 passed, 0 failed" in run("policy", "test", POLICY)


def test_compiling_writes_policies_terraform_and_reports(written: Path) -> None:
    names = {one.name for one in written.iterdir()}

    assert names >= {
        "bailiwick-1.json",
        "bailiwick.tf.json",
        "manifest.json",
        "residue.json",
        "matrix.jsonl",
    }
    residue = json.loads((written / "residue.json").read_text())
    assert {one["coverage"] for one in residue["rules"]} == {"exact"}
    manifest = json.loads((written / "manifest.json").read_text())
    assert {rule for one in manifest["statements"] for rule in one["rules"]} == {"frontier-in-us"}
    for line in (written / "matrix.jsonl").read_text().splitlines():
        assert json.loads(line)["want"] in {"permit", "deny"}


def test_what_was_written_is_checked_and_a_change_to_it_is_found(
    written: Path, tmp_path: Path
) -> None:
    assert "0 differ from the policy" in run(
        "cloud", "check", POLICY, "--org", ORG, "--scp", str(written)
    )

    for path in written.glob("bailiwick-*.json"):
        text = path.read_text().replace('"us-east-1",', '"us-east-1","eu-central-1",')
        (tmp_path / path.name).write_text(text)
    printed = run("cloud", "audit", "aws", POLICY, str(tmp_path), "--org", ORG, "--json", status=1)
    (gap,) = json.loads(printed)["gaps"]
    assert gap["kind"] == "lets through"
    assert {one["region"] for one in gap["cells"]} == {"eu-central-1"}
    assert {one["account"] for one in gap["cells"]} <= {"111111111111", "*"}


def test_explain_answers_from_a_call_and_from_standard_input() -> None:
    words = ("cloud", "explain", "-p", POLICY, "--org", ORG)

    assert "because of no match with rule `frontier-in-us`" in run(
        *words, f"bedrock:Converse {MODEL} in eu-central-1 by 111111111111"
    )
    record = {
        "eventSource": "bedrock.amazonaws.com",
        "eventName": "InvokeModel",
        "awsRegion": "us-east-1",
        "recipientAccountId": "111111111111",
        "requestParameters": {"modelId": f"global.{MODEL}"},
    }
    answer = json.loads(run(*words, "-", "--json", text=json.dumps(record)))
    assert answer["deciding"] == 3
    assert answer["policy"] == "deny"
    assert answer["rules"] == ["frontier-in-us"]


def test_an_audit_needs_to_know_where_to_look() -> None:
    done = CliRunner().invoke(app, ["cloud", "audit", "aws", POLICY, "--org", ORG])

    assert "from a file or folder, or from `--live`" in str(done.exception)


# -- bad input ---------------------------------------------------------------------------------


def test_an_unknown_region_is_named_beside_the_answer() -> None:
    call = f"bedrock:InvokeModel {MODEL} in us-eest-1 by 111111111111"

    printed = run("cloud", "explain", call, "-p", POLICY, "--org", ORG)

    assert "`us-eest-1` is no region that is known" in printed
    assert "did you mean `us-west-1` or `us-east-1`" in printed
    assert "denied by" in printed


def test_an_unknown_account_is_named_and_held_like_a_new_one() -> None:
    call = f"bedrock:InvokeModel {MODEL} in us-east-1 by 444444444444"

    printed = run("cloud", "explain", call, "-p", POLICY, "--org", ORG)

    assert "`444444444444` is not in the organisation file" in printed.replace("\n", " ")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({"Resource": "arn:aws:bedrock:*:*:*profile/x"}, "wildcard in the type of the resource"),
        ({"Action": "bed*:InvokeModel"}, "the service is written out"),
        ({"Effect": "Denny"}, "neither `Allow` nor `Deny`"),
    ],
)
def test_what_iam_would_refuse_is_named_with_its_file_and_nothing_is_said_to_be_right(
    statement: dict[str, str], message: str, tmp_path: Path
) -> None:
    good = {"Sid": "A", "Effect": "Deny", "Action": "bedrock:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [good, {**good, "Sid": "B", **statement}]}
    (tmp_path / "odd.json").write_text(json.dumps(document))

    done = CliRunner().invoke(app, ["cloud", "audit", "aws", POLICY, str(tmp_path), "--org", ORG])

    assert f"{tmp_path / 'odd.json'}: statement 2" in str(done.exception)
    assert message in str(done.exception)
    assert "differ from the policy" not in done.output


def test_an_unknown_action_is_answered_with_near_ones() -> None:
    call = f"bedrock:InvokeModle {MODEL} in us-east-1 by 111111111111"
    done = CliRunner().invoke(app, ["cloud", "explain", call, "-p", POLICY, "--org", ORG])

    assert "unknown action `bedrock:InvokeModle`" in str(done.exception)
    assert "`bedrock:InvokeModel`" in str(done.exception)


def test_two_policies_of_one_name_are_both_judged(tmp_path: Path) -> None:
    """One in each folder, and a list of two in one file."""
    nothing = {"Sid": "A", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    whole = {"Sid": "A", "Effect": "Deny", "Action": "*", "Resource": "*"}
    for name, statement in (("one", whole), ("two", nothing)):
        (tmp_path / name).mkdir()
        document = {"Version": "2012-10-17", "Statement": [statement]}
        (tmp_path / name / "same.json").write_text(json.dumps(document))

    printed = run("cloud", "audit", "aws", POLICY, str(tmp_path), "--org", ORG, "--json", status=1)

    assert {gap["kind"] for gap in json.loads(printed)["gaps"]} == {"blocks"}
