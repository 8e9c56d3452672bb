"""The service in the gateway's workers: one pipeline, one policy, one count, and the same askers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.envoy import Upstream
from service.running import (
    ACME,
    DE,
    IR,
    OPUS,
    OTHERS,
    POLICY,
    TOKEN,
    US,
    WEAK,
    Answered,
    Running,
    free_port,
    model,
    send,
)


class Both(Running):
    """A gateway that answers other people's gateways as well."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        self.gateway = free_port()
        super().__init__(
            folder, mounted=True,
            more={
                "listen": {"port": self.gateway},
                "location": {"trusted_proxies": ["127.0.0.0/8"]},
                "upstreams": [{
                    "name": "models", "base_url": f"http://127.0.0.1:{upstream.port}",
                    "dialects": ["anthropic"], "models": {"anthropic/*": "*"},
                }],
            },
        )  # fmt: skip
        self.config.write_text(
            self.config.read_text().replace(
                '"service":', f'"admin": {{"port": {self.admin}}}, "service":'
            )
        )

    def message(self, address: str = US, key: str | None = None) -> Answered:
        raw = b'{"model":"%b","max_tokens":5,"messages":[]}' % OPUS.encode()
        headers = {"x-api-key": key or self.key, "x-forwarded-for": address,
                   "content-type": "application/json"}  # fmt: skip
        return send(f"http://127.0.0.1:{self.gateway}/v1/messages", raw, headers)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    upstream = Upstream()
    made = Both(Path(tmp_path_factory.mktemp("both")), upstream)
    try:
        yield made.start("serve")
    finally:
        assert made.stop() == 0, made.output.read_text()
        upstream.close()


def test_gateway_and_service_decide_alike_on_one_record(both: Both) -> None:
    both.until(lambda: both.check().status == 200)
    served, checked = both.message(), both.check()

    assert served.status == checked.status == 200
    assert both.message(DE).status == both.check(address=DE).status == 403
    assert both.evaluate(ACME, "infer", model(), address=US)["decision"] is True
    assert both.evaluate(ACME, "infer", model(), address=IR)["decision"] is False
    writers = {path.name.split("@")[0] for path in (both.folder / "audit").glob("*.jsonl")}
    assert not any("service" in name for name in writers)
    wanted = {one.headers["x-bailiwick-decision"] for one in (served, checked)}
    found = {one["id"] for one in both.records("decision")}
    assert wanted <= found


def test_who_may_ask_is_checked_there_too(both: Both) -> None:
    for token in ("", "wrong", WEAK):
        assert both.check(token=token).status == 503
    body = {"subject": ACME, "action": {"name": "infer"}, "resource": model(), "context": {}}
    assert both.send("/access/v1/evaluation", body).status == 401
    said = {**body, "context": {"address": US}}
    weak = both.send("/access/v1/evaluation", said, {"authorization": f"Bearer {WEAK}"})
    assert weak.status == 403
    assert both.check(token=OTHERS).status == 401  # nobody's, and nobody is let in here
    assert both.forward(x_bailiwick_model=OPUS, x_bailiwick_token=TOKEN).status == 200


def test_the_service_is_not_on_the_gateways_own_port(both: Both) -> None:
    headers = {"x-bailiwick-token": TOKEN, "x-forwarded-for": US}
    for path in ("/check/v1/messages", "/forward", "/access/v1/evaluation"):
        answer = send(f"http://127.0.0.1:{both.gateway}{path}", b"{}", headers)
        assert answer.status == 404, path


def test_quotas_are_counted_together(both: Both) -> None:
    by = {"actor": "tester", "reason": "a test"}
    both.accounts.add_account("Slow", id="slow", **by)
    both.accounts.set_evidence("slow", "billing", ["US"], **by)
    both.accounts.set_label("slow", "slow", **by)
    key = both.accounts.add_key("slow", **by).raw
    both.until(lambda: both.message(IR, key).status == 403)

    statuses = [both.message(US, key).status, both.check(headers={"x-api-key": key}).status]

    assert statuses == [200, 200]
    assert both.message(US, key).status == 429
    assert both.check(headers={"x-api-key": key}).status == 429


def test_a_new_policy_counts_for_both_and_questions_are_counted(both: Both) -> None:
    counted = 'bailiwick_service_questions_total{asker="edge",effect="permit",endpoint="/check"'
    both.until(lambda: counted in both.metrics())
    both.policy.write_text(POLICY.replace("address: us, billing: us", "address: xa, billing: us"))
    try:
        both.until(lambda: both.check(address=DE).status == 200)

        both.until(lambda: both.message(DE).status == 200)
        assert both.message(US).status == both.check(address=US).status == 403
    finally:
        both.policy.write_text(POLICY)


def test_the_service_alone_says_that_the_gateway_answers(both: Both) -> None:
    words = [sys.executable, "-m", "bailiwick", "service", "--config", str(both.config)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "the gateway answers here" in done.stderr
