"""An upstream's refusal by region is told by its body; others of the same status are not taken for it."""

import json
from typing import Any

import pytest

from bailiwick.gateway.regions import is_region_refusal

OPENAI = {
    "error": {
        "code": "unsupported_country_region_territory",
        "message": "Country, region, or territory not supported",
        "param": None,
        "type": "request_forbidden",
    }
}
REGION: list[tuple[int, Any]] = [
    (403, OPENAI),
    (403, {"error": {"type": "forbidden", "message": "Request not allowed"}}),
    (400, {"error": {"code": 400, "message": "User location is not supported for the API use.", "status": "FAILED_PRECONDITION"}}),
    (400, [{"error": {"code": 400, "message": "User location is not supported for the API use."}}]),
    (400, {"error": {"message": "Gemini API free tier is not available in your country. Please enable billing."}}),
    (400, {"message": "Access to Anthropic models is not allowed from unsupported countries, regions, or territories. Please refer to a page"}),
    (403, {"error": {"message": "This model is not available in your region.", "code": 403}}),
    (403, {"error": {"message": "Provider returned error", "code": 403, "metadata": {"raw": json.dumps(OPENAI), "provider_name": "OpenAI"}}}),
    (451, "anything"),
    (403, {"error": {"type": "country_not_allowed", "message": "no"}}),
    (403, {"error": {"code": 403, "message": "Country, region, or territory not supported"}}),
]  # fmt: skip
OTHERS: list[tuple[int, Any]] = [
    (403, {"type": "error", "error": {"type": "permission_error", "message": "Your key may not use this"}, "request_id": "r"}),
    (403, {"type": "error", "error": {"type": "forbidden", "message": "Request not allowed"}}),
    (403, {"error": {"message": "Access forbidden: IP address not allowed.", "type": "auth_error", "param": "None", "code": 403}}),
    (400, {"error": {"message": "max_tokens is too large", "type": "invalid_request_error"}}),
    (429, OPENAI),
    (500, OPENAI),
    (403, {}),
    (403, {"error": [1, 2]}),
    (403, {"error": {"code": [1], "type": {}}}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), REGION)
def test_a_refusal_by_region_is_recognised(status: int, body: Any) -> None:
    assert is_region_refusal(status, json.dumps(body).encode())


@pytest.mark.parametrize(("status", "body"), OTHERS)
def test_another_refusal_is_not(status: int, body: Any) -> None:
    assert not is_region_refusal(status, json.dumps(body).encode())


def test_text_is_read_as_well_and_noise_is_not() -> None:
    zed = b"Access to Anthropic models is not available in your region (IM)"

    assert is_region_refusal(403, zed)
    assert not is_region_refusal(403, b"\xff\xfe\x00")
    assert not is_region_refusal(403, b"")
