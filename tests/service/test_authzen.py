"""AuthZEN: the standard's shapes, this policy's answers."""

from typing import Any

import pytest

from bailiwick.facts import ACTIONS
from service.running import ACME, DE, IR, KP, LLAMA, OPUS, PICTURES, TOKEN, US, WEAK, Running, model

ASKED = {"authorization": f"Bearer {TOKEN}"}


def evaluations(
    service: Running, items: list[Any], semantic: str | None = None, **shared: Any
) -> Any:
    body = {"evaluations": items, **shared}
    if semantic:
        body["options"] = {"evaluations_semantic": semantic}
    return service.send("/access/v1/evaluations", body, ASKED).json()["evaluations"]


def test_an_account_at_home_is_permitted_and_told_why(service: Running) -> None:
    answer = service.evaluate(ACME, "infer", model(), address=US)

    assert answer["decision"] is True
    context = answer["context"]
    assert context["effect"] == "permit"
    assert context["determining"] == ["frontier-in-us", "marked-in-us"]
    assert context["obligations"] == {"headers": {"x-moderation": "strict"}}
    assert len(context["revision"]) == 64
    assert context["id"].startswith("dec_")


def test_the_same_abroad_is_denied_with_a_reason(service: Running) -> None:
    answer = service.evaluate(ACME, "infer", model(), address=DE)

    assert answer["decision"] is False
    assert [one["code"] for one in answer["context"]["reasons"]] == ["permit.none"]


def test_an_answer_is_on_record_without_the_address(service: Running) -> None:
    answer = service.evaluate(ACME, "infer", model(), address=US)
    (record,) = [one for one in service.records("answers") if one["id"] == answer["context"]["id"]]

    assert record["asker"] == "edge"
    assert record["account"] == "acme"
    assert record["answers"] == [
        "permit infer anthropic/claude-opus-4-1 frontier-in-us,marked-in-us"
    ]
    assert US not in str(record)


def test_a_key_stands_for_its_account(service: Running) -> None:
    subject = {"type": "key", "id": service.key}

    assert service.evaluate(subject, "infer", model(), address=US)["decision"] is True


def test_half_the_facts_are_unknown_and_never_guessed(service: Running) -> None:
    nothing = service.evaluate({"type": "user", "id": "x"}, "infer", model())

    assert nothing["decision"] is False
    missing = {(one["code"], one.get("dimension")) for one in nothing["context"]["reasons"]}
    assert ("evidence.missing", "status") in missing


def test_what_a_later_layer_will_know_leaves_the_answer_open(service: Running) -> None:
    later = ["billing", "status", "labels", "features"]
    answer = service.evaluate({"type": "user"}, "infer", model(), address=US, pending=later)
    ruled_out = service.evaluate({"type": "user"}, "infer", model(), address=DE, pending=later)

    assert (answer["decision"], answer["context"]["effect"]) == (False, "undetermined")
    assert (ruled_out["decision"], ruled_out["context"]["effect"]) == (False, "deny")


@pytest.mark.parametrize("action", ["sign_up", "create_key", "subscribe"])
def test_a_country_is_judged_before_there_is_an_account(service: Running, action: str) -> None:
    nobody = {"status": "none", "labels": []}
    good = service.evaluate(
        {"type": "person"},
        action,
        {"type": "service"},
        address=DE,
        facts={"billing": "DE", **nobody},
    )
    bad = service.evaluate(
        {"type": "person"},
        action,
        {"type": "service"},
        address=DE,
        facts={"billing": "KP", **nobody},
    )
    silent = service.evaluate(
        {"type": "person"}, action, {"type": "service"}, address=DE, facts=nobody
    )

    assert good["decision"] is True
    assert LLAMA in good["context"]["models"]
    assert "anthropic/claude-opus-4-1" not in good["context"]["models"]
    assert (bad["decision"], bad["context"]["determining"]) == (False, ["no-sign-up"])
    assert silent["decision"] is False
    assert silent["context"]["reasons"][0]["code"] == "evidence.missing"


@pytest.mark.parametrize("action", ["tune", "deploy", "batch"])
def test_other_uses_of_a_model_are_judged(service: Running, action: str) -> None:
    assert service.evaluate(ACME, action, model(), address=US)["decision"] is True
    assert service.evaluate(ACME, action, model(), address=IR)["decision"] is False


def test_said_evidence_adds_to_what_is_known_and_replaces_nothing(service: Running) -> None:
    answer = service.evaluate(ACME, "infer", model(), address=US, facts={"billing": "DE"})

    assert answer["decision"] is False
    assert answer["context"]["contested"] is True


def test_several_evaluations_come_back_in_order(service: Running) -> None:
    answers = evaluations(
        service,
        [{"resource": model()}, {"resource": model(LLAMA)}, {"resource": model(), "context": {"address": DE}}],
        subject=ACME, action={"name": "infer"}, context={"address": US},
    )  # fmt: skip

    assert [one["decision"] for one in answers] == [True, True, False]
    ids = [one["context"]["id"] for one in answers]
    assert len({one.partition(".")[0] for one in ids}) == 1
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("semantic", "wanted"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_each_semantic_ends_where_the_standard_says(
    service: Running, semantic: str, wanted: list[bool]
) -> None:
    items = [
        {"resource": model(LLAMA)},
        {"resource": model("nobody/knows")},
        {"resource": model(LLAMA)},
    ]
    answers = evaluations(
        service, items, semantic, subject=ACME, action={"name": "infer"}, context={"address": DE}
    )

    assert [one["decision"] for one in answers] == wanted


def test_one_bad_evaluation_is_a_no_with_its_error_and_the_others_stand(service: Running) -> None:
    items = [{"resource": model(LLAMA)}, {"resource": model(LLAMA), "action": {"name": "fly"}}]
    good, bad = evaluations(
        service, items, subject=ACME, action={"name": "infer"}, context={"address": DE}
    )

    assert good["decision"] is True
    assert bad["decision"] is False
    assert bad["context"]["error"]["status"] == 400
    assert "unknown action `fly`" in bad["context"]["error"]["message"]


def test_without_evaluations_it_is_a_single_one(service: Running) -> None:
    body = {
        "subject": ACME,
        "action": {"name": "infer"},
        "resource": model(),
        "context": {"address": US},
    }

    assert service.send("/access/v1/evaluations", body, ASKED).json()["decision"] is True


def test_a_search_finds_the_models_that_an_account_may_use(service: Running) -> None:
    body = {"subject": ACME, "action": {"name": "infer"}, "resource": {"type": "model"},
            "context": {"address": DE}}  # fmt: skip
    found = service.send("/access/v1/search/resource", body, ASKED).json()

    names = {one["id"] for one in found["results"]}
    assert LLAMA in names
    assert "openai/gpt-4o" in names
    assert not any("opus" in name for name in names)
    for name in sorted(names)[:5]:
        assert service.evaluate(ACME, "infer", model(name), address=DE)["decision"] is True


def test_a_search_finds_the_places_that_may_use_a_model(service: Running) -> None:
    body = {"subject": {"type": "place"}, "action": {"name": "infer"}, "resource": model()}
    found = service.send("/access/v1/search/subject", body, ASKED).json()

    assert found["results"] == [{"type": "place", "id": "US"}]
    resident = service.evaluate({"type": "place", "id": "US"}, "infer", model())
    assert resident["decision"] is True


def test_a_search_finds_accounts(service: Running) -> None:
    body = {"subject": {"type": "account"}, "action": {"name": "infer"}, "resource": model(),
            "context": {"address": US}}  # fmt: skip
    found = service.send("/access/v1/search/subject", body, ASKED).json()

    assert found["results"] == [ACME]


def test_a_search_finds_actions(service: Running) -> None:
    body = {"subject": ACME, "resource": model(), "context": {"address": US}}
    found = service.send("/access/v1/search/action", body, ASKED).json()

    assert [one["name"] for one in found["results"]] == list(ACTIONS)


def test_pages_together_are_the_whole(service: Running) -> None:
    body: dict[str, Any] = {"subject": {"type": "place"}, "action": {"name": "infer"},
                            "resource": model(LLAMA), "page": {"limit": 100}}  # fmt: skip
    found: list[str] = []
    while True:
        page = service.send("/access/v1/search/subject", body, ASKED).json()
        found += [one["id"] for one in page["results"]]
        body["page"]["token"] = page["page"]["next_token"]
        if not body["page"]["token"]:
            break

    assert len(found) == len(set(found)) > 200
    assert "IR" not in found


def test_the_metadata_name_every_endpoint(service: Running) -> None:
    found = service.send("/.well-known/authzen-configuration").json()

    base = f"http://127.0.0.1:{service.port}"
    assert found["policy_decision_point"] == base
    assert found["access_evaluations_endpoint"] == f"{base}/access/v1/evaluations"
    assert found["search_action_endpoint"] == f"{base}/access/v1/search/action"


def test_the_request_id_comes_back(service: Running) -> None:
    body = {"subject": ACME, "action": {"name": "infer"}, "resource": model()}
    answer = service.send("/access/v1/evaluation", body, {**ASKED, "x-request-id": "abc"})

    assert answer.headers["x-request-id"] == "abc"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "body"),
        (b"[]", 400, "expected"),
        (b'{"action":{"name":"infer"}}', 400, "`subject` is missing"),
        (b'{"subject":{"type":"account","id":"acme"},"resource":{"type":"model","id":"x"}}', 400, "`action` is missing"),
        (b'{"subject":{"type":"account","id":"nobody"},"action":{"name":"infer"},"resource":{"type":"model","id":"x"}}', 400, "no such account"),
        (b'{"subject":{"type":"key","id":"bw_nobody"},"action":{"name":"infer"},"resource":{"type":"model","id":"x"}}', 400, "no such key"),
        (b'{"subject":{"type":"account","id":"acme"},"action":{"name":"infer"},"resource":{"type":"model"}}', 400, "name the model"),
        (b'{"subject":{"type":"account","id":"acme"},"action":{"name":"infer"},"resource":{"type":"model","id":"x"},"context":{"facts":{"biling":"US"}}}', 400, "unknown fact `biling`"),
        (b'{"subject":{"type":"account","id":"acme"},"action":{"name":"infer"},"resource":{"type":"model","id":"x"},"context":{"facts":{"billing":"Narnia"}}}', 400, "unknown place"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_read_is_told_what_is_wrong(
    service: Running, body: bytes, status: int, words: str
) -> None:
    answer = service.send("/access/v1/evaluation", body, ASKED)

    assert answer.status == status
    assert words in answer.json()["error"]["message"]


def test_an_address_that_is_none_is_a_deny(service: Running) -> None:
    answer = service.evaluate(ACME, "infer", model(LLAMA), address="300.1.1.1")

    assert answer["decision"] is False
    assert answer["context"]["reasons"][0]["code"] == "address.invalid"


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"x-bailiwick-token": "x" * 5000}]
)
def test_nobody_else_may_ask(service: Running, headers: dict[str, str]) -> None:
    answer = service.send("/access/v1/evaluation", {}, headers)

    assert answer.status == 401
    assert answer.json()["error"]["code"] == "asker_unknown"


def test_the_word_of_somebody_who_is_not_trusted_is_not_taken(service: Running) -> None:
    address = service.evaluate(ACME, "infer", model(), WEAK, address=US)
    facts = service.evaluate(ACME, "infer", model(), WEAK, facts={"billing": "US"})
    neither = service.evaluate(ACME, "infer", model(LLAMA), WEAK)

    assert address["error"]["code"] == "asker_untrusted"
    assert facts["error"]["code"] == "asker_untrusted"
    assert neither["decision"] is True


def test_limits_are_told(service: Running) -> None:
    many = {
        "subject": ACME,
        "action": {"name": "infer"},
        "evaluations": [{"resource": model()}] * 1001,
    }
    large = b'{"x":"' + b"x" * (33 * 1024 * 1024) + b'"}'

    assert (
        service.send("/access/v1/evaluations", many, ASKED).json()["error"]["code"]
        == "too_many_evaluations"
    )
    assert (
        service.send("/access/v1/evaluation", large, ASKED).json()["error"]["code"]
        == "body_too_large"
    )


def test_paths_and_methods_that_do_not_exist(service: Running) -> None:
    assert service.send("/access/v2/evaluation", {}, ASKED).status == 404
    assert service.send("/access/v1/evaluation", None, ASKED, method="GET").status == 405


def test_a_restricted_place_gets_its_obligations(service: Running) -> None:
    answer = service.evaluate(ACME, "infer", model(PICTURES), address=DE, facts={"features": []})

    assert answer["decision"] is True
    assert answer["context"]["obligations"]["max_output_tokens"] == 100
    assert KP != DE
    assert OPUS != LLAMA
