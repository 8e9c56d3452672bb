"""The service as a whole: who is let in, what changes while it runs, what happens when it fails."""

import json
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import people
from service import certificates
from service.running import ACME, ASKERS, POLICY, TOKEN, US, Running, get, model, running

ROOT = Path(__file__).parents[2]


def test_the_generated_stubs_are_those_of_the_proto_file() -> None:
    pytest.importorskip("grpc_tools")
    done = subprocess.run(
        [sys.executable, "tools/build_stubs.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_token_is_shown_once_and_kept_as_a_digest() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bailiwick", "service-token", "--json"],
        capture_output=True,
        check=True,
    )
    made = json.loads(done.stdout)

    from service.running import digest

    assert digest(made["token"]) == made["token_sha256"]
    assert len(made["token"]) > 40


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({"askers": []}, "nobody may ask"),
        ({"askers": [{"name": "x"}]}, "has no token and no certificate"),
        ({"askers": [*ASKERS, ASKERS[0]]}, "two askers are called `edge`"),
        ({"askers": [{"name": "x", "token_sha256": "secret"}]}, "token_sha256"),
        ({"askers": ASKERS, "workers": 2}, "cannot count quotas in memory"),
    ],
)
def test_it_does_not_start_with_settings_that_let_nobody_or_anybody_in(
    tmp_path: Path, service: dict[str, object], words: str
) -> None:
    made = Running(tmp_path, **service)
    done = subprocess.run(
        [sys.executable, "-m", "bailiwick", "service", "-c", str(made.config)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2
    assert words in done.stderr


def test_good_policies_and_changed_accounts_count_at_once_and_bad_policies_never(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as service:
        subject = {"type": "place", "id": "CA"}
        assert service.evaluate(subject, "infer", model())["decision"] is False

        service.policy.write_text(POLICY.replace("include: [US]", "include: [US, CA]"))
        service.until(lambda: service.evaluate(subject, "infer", model())["decision"] is True)
        service.policy.write_text("rules: [")
        service.until(lambda: '"refused_at": "' in service.ready()[1])

        assert service.evaluate(subject, "infer", model())["decision"] is True
        assert service.check().status == 200
        people.suspend(service.accounts, "acme")
        service.until(lambda: service.check().status == 403)
        assert service.evaluate(ACME, "infer", model(), address=US)["decision"] is False


def test_only_certificates_of_the_authority_are_listened_to(tmp_path: Path) -> None:
    certificates.make(tmp_path)
    tls = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}
    askers = [{"name": "mesh", "says": ["address", "evidence"]}]
    with running(tmp_path, tls=tls, askers=askers) as service:
        body = {
            "subject": ACME,
            "action": {"name": "infer"},
            "resource": model(),
            "context": {"address": US},
        }

        def ask(who: str | None) -> dict[str, object]:
            context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            if who:
                context.load_cert_chain(tmp_path / f"{who}.pem", tmp_path / f"{who}.key")
            url = f"https://127.0.0.1:{service.port}/access/v1/evaluation"
            request = urllib.request.Request(url, json.dumps(body).encode())
            with urllib.request.urlopen(request, timeout=10, context=context) as got:
                return dict(json.loads(got.read()))

        assert ask("client")["decision"] is True
        for who in (None, "stranger"):
            with pytest.raises((urllib.error.URLError, ConnectionError, ssl.SSLError)):
                ask(who)


def test_health_and_readiness_are_on_a_listener_of_their_own(service: Running) -> None:
    assert get(f"http://127.0.0.1:{service.admin}/healthz") == (200, "ok\n")
    ready = json.loads(service.ready()[1])

    assert ready["workers"]["each"][0]["policy"]["name"] == "service-tests"
    assert service.send("/readyz", None, {"x-bailiwick-token": TOKEN}).status == 404


def test_two_gateways_records_do_not_meet(service: Running) -> None:
    service.check()
    segments = [path.name for path in (service.folder / "audit").iterdir()]

    assert any("gateway-service" in name for name in segments), segments


def test_every_refusal_of_the_front_has_a_status_in_the_gateway_and_in_the_service() -> None:
    from bailiwick.gateway import STATUS as GATEWAY
    from bailiwick.service.errors import STATUS

    front = ROOT / "src/bailiwick/front"
    text = "".join(path.read_text() for path in front.glob("*.py"))
    codes = set(re.findall(r'Refused\(\s*"([a-z_]+)"', text))

    assert len(codes) >= 9
    assert codes <= STATUS.keys()
    assert codes <= GATEWAY.keys()


def test_every_code_and_metric_is_documented() -> None:
    from bailiwick.service.errors import STATUS

    text = (ROOT / "docs" / "service.md").read_text()
    source = (ROOT / "src/bailiwick/service/metrics.py").read_text()

    for code, status in STATUS.items():
        assert f"| `{code}` | {status} |" in text
    for name in re.findall(r'"(bailiwick_[a-z_]+)"', source):
        assert f"`{name}`" in text
