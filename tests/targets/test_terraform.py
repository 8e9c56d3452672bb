"""Terraform takes what is written: HashiCorp's own parser reads every text, and no text of ours is
taken for a template. With Terraform itself and its providers, it validates and applies."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bailiwick.cloud import Cloud
from bailiwick.targets import Compiled, escaped
from targets import peers
from targets.every_cloud import ORGANISATION, POLICY, SUBSCRIPTION, compiled

AWKWARD = "agreed ${aws:PrincipalArn} in %{ if so } of $${x}, 'quoted'"
EXEMPT = (
    ORGANISATION
    .replace('"111111111111"', f'{{id: "111111111111", exempt: "{AWKWARD}"}}')
    .replace("projects: [", f'projects: [{{id: side-project, exempt: "{AWKWARD}"}}, ')
    .replace(f"[{SUBSCRIPTION}]", f'[{{id: {SUBSCRIPTION}, exempt: "{AWKWARD}"}}]')
)  # fmt: skip
ADDRESS = POLICY.replace("processing: us}", "processing: us, address: us}") + (
    "acknowledge: [{cloud: [aws, azure], of: [address, network], by: edge}, "
    "{cloud: gcp, of: [address, network], by: perimeter}]\n"
)
POLICIES = {"plain": POLICY, "countries": ADDRESS}
needs_parser = peers.needs("@cdktf/hcl2json")


def document(made: Compiled) -> dict[str, Any]:
    return json.loads(made.terraform["bailiwick.tf.json"])


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from texts(one)
        case list():
            for one in value:
                yield from texts(one)


def depends_on(found: dict[str, Any]) -> Iterator[str]:
    for named in found["resource"].values():
        for one in named.values():
            yield from one.get("depends_on", ())


def addresses(found: dict[str, Any]) -> set[str]:
    """What a template may refer to: the variables and resources of the document."""
    resources = {f"{kind}.{name}" for kind, named in found["resource"].items() for name in named}
    return resources | {f"var.{name}" for name in found.get("variable", ())}


@needs_parser
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("cloud", Cloud)
def test_every_text_is_a_template_that_refers_to_what_is_there(cloud: Cloud, policy: str) -> None:
    found = document(compiled(cloud, POLICIES[policy], EXEMPT))
    given = sorted(set(texts(found)))

    read = peers.ask("terraform.mjs", given)

    assert [one for one in read if "error" in one] == []
    assert [one["text"] for one in read] == given
    known = addresses(found)
    references = {ref for one in read for ref in one["references"]} | set(depends_on(found))
    assert references
    assert {
        ref for ref in references if ref.removesuffix(".id").removesuffix(".name") not in known
    } == set()


@needs_parser
def test_text_of_ours_is_no_template_and_without_escaping_it_would_be_one() -> None:
    awkward = [AWKWARD, "${var.x}", "%{ if true }yes%{ endif }", "$${x}", "${", "%{"]

    kept = peers.ask("terraform.mjs", [escaped(one) for one in awkward])
    plain = peers.ask("terraform.mjs", awkward)

    assert all(one["references"] == [] for one in kept)
    assert all("error" in one or one["references"] for one in plain[:2])


@needs_parser
@settings(max_examples=20)
@given(st.lists(st.text(alphabet='${}%a "\\\n~.', max_size=12), min_size=40, max_size=40))
def test_any_text_can_be_escaped(awkward: list[str]) -> None:
    given_ = [escaped(one) for one in awkward]

    read = peers.ask("terraform.mjs", given_)

    assert [one.get("text") for one in read] == given_
    assert all(one["references"] == [] for one in read)


# -- Terraform itself --------------------------------------------------------------------------

PROVIDERS = {
    Cloud.AWS: ("hashicorp/aws", "aws"),
    Cloud.GCP: ("hashicorp/google", "google"),
    Cloud.AZURE: ("hashicorp/azurerm", "azurerm"),
}
VARIABLES = {"access_policy": "1"}


def plugins(cloud: Cloud) -> str:
    """The folder of Terraform's providers; skips where the program or the provider is missing."""
    folder = os.environ.get("TF_PLUGIN_DIR")
    name, _ = PROVIDERS[cloud]
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    if folder is None or not list(Path(folder).glob(f"*/{name}")):
        pytest.skip(f"TF_PLUGIN_DIR names no folder with Terraform's provider {name}")
    return folder


@pytest.mark.timeout(500)
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("cloud", Cloud)
def test_terraform_validates_and_applies_what_is_written(
    cloud: Cloud, policy: str, tmp_path: Path
) -> None:
    """With a mocked provider, so that no credentials are needed."""
    folder, (_, provider) = plugins(cloud), PROVIDERS[cloud]
    made = compiled(cloud, POLICIES[policy], EXEMPT)
    found = document(made)
    (tmp_path / "bailiwick.tf.json").write_text(json.dumps(found))
    given_ = "".join(
        f'  variables {{ {name} = "{VARIABLES[name]}" }}\n'
        for name in found.get("variable", {})
        if name in VARIABLES
    )
    checks = "".join(
        f'  assert {{\n    condition = {condition}\n    error_message = "differs"\n  }}\n'
        for condition in conditions(found, made)
    )
    text = f'mock_provider "{provider}" {{}}\nrun "apply" {{\n{given_}{checks}}}\n'
    (tmp_path / "applies.tftest.hcl").write_text(text)

    for words in (["init", "-backend=false", f"-plugin-dir={folder}"], ["validate"], ["test"]):
        done = subprocess.run(
            ["terraform", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def conditions(found: dict[str, Any], made: Compiled) -> Iterator[str]:
    """What must hold of the applied resources: texts arrive as they were meant."""
    resources = found["resource"]
    for name in resources.get("aws_organizations_policy", ()):
        content = f"aws_organizations_policy.{name}.content"
        yield f"length({content}) <= 10240"
        yield f'sha256({content}) == "{sha256(made.files[f"{name}.json"])}"'
    for name in resources.get("azurerm_subscription_policy_exemption", ()):
        said = f"azurerm_subscription_policy_exemption.{name}.description"
        yield f'sha256({said}) == "{sha256(AWKWARD)}"'


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
