"""What the OpenAPI description allows never makes the server fail."""

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

from console.running import Running


def test_no_request_that_the_description_allows_makes_it_fail(running: Running) -> None:
    schema = schemathesis.openapi.from_url(f"{running.url('console')}/openapi.json")
    headers = {"authorization": f"Bearer {running.token('ada')}"}
    tried = []

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label in {"POST /v1/session", "DELETE /v1/session"}:
            continue

        @settings(
            max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate(
                base_url=running.url("console"), headers=headers, checks=[not_a_server_error]
            )

        given(case=operation.as_strategy())(check)()
        tried.append(operation.label)

    assert len(tried) >= 25
