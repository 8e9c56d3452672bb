"""The self-test that goes with an edge: known addresses must resolve, known requests be refused.

Geographic filters fail open without a word (a database of another shape, a missing file, a proxy
that was not told whom to believe), so an edge is not ready before it has shown that it refuses.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from bailiwick.targets.edge.options import EdgeOptions
from bailiwick.targets.edge.plan import Plan

KEY: Final = "bw_self-test-without-an-account"
NOWHERE: Final = "203.0.113.1"
MOST: Final = 12
ANSWERED: Final = (401, 403)
"""What the service says to a key, or a model, that does not exist."""
_BODY: Final = '{"model":"self-test","max_tokens":1,"messages":[]}'


def requests(made: Plan, examples: Mapping[str, str]) -> list[dict[str, Any]]:
    """List what is sent and what must come back."""
    refused = [place for place in made.refused if place in examples]
    asked = [place for place in examples if place not in made.refused]
    found = [_refused(examples[place], place) for place in refused[:MOST]]
    home = asked[0] if asked else None
    for place in refused[:1]:
        forged = {"x-geo-country": home or "US"}
        found.append(_refused(examples[place], f"{place}, and it says it is elsewhere", forged))
    found += [
        _asked(examples[one], f"{one}: the service answers", *ANSWERED) for one in asked[:MOST]
    ]
    for place in (refused or asked)[:1]:
        forged = {"x-geo-country": place}
        found.append(_asked(NOWHERE, "no known place, and it says one", *ANSWERED, headers=forged))
    if home is not None:
        at = examples[home]
        found += [
            _asked(at, "no body", 400, body=""),
            _asked(at, "a body that is no JSON", 400, body="{"),
            _asked(at, "a body that names no model", 400, body="{}"),
            _asked(at, "a body that names two models", 400, body='{"model":"a","model":"b"}'),
            _asked(at, "another content type", *ANSWERED, headers={"content-type": "text/plain"}),
            _asked(at, "a path that nobody listed", 404, path="/v1/files"),
        ]
    return found


def _refused(address: str, note: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    one = _asked(address, f"{note}: refused", 403, headers=headers)
    return {**one, "says": "refused at the edge"}


def _asked(
    address: str,
    note: str,
    *status: int,
    body: str = _BODY,
    path: str = "/v1/messages",
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    given = {"content-type": "application/json", "x-api-key": KEY, **(headers or {})}
    return {
        "note": note, "address": address, "path": path, "headers": given, "body": body,
        "status": list(status),
    }  # fmt: skip


def plan_file(made: Plan, options: EdgeOptions, examples: Mapping[str, str]) -> str:
    """Write ``selftest.json``."""
    found = {"url": f"http://{options.selftest}", "requests": requests(made, examples)}
    return json.dumps(found, indent=1) + "\n"


SCRIPT: Final = '''\
#!/usr/bin/env python3
"""Self-test of this edge: run it at start and as a readiness probe; exit status 1 is not ready.

Needs nothing but Python 3. It asks the self-test listener, which has the same rules and forwards
nothing.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

PLAN = json.loads(Path(__file__).with_name("selftest.json").read_text())


def ask(one):
    headers = {**one["headers"], "x-forwarded-for": one["address"]}
    url = (sys.argv[1] if len(sys.argv) > 1 else PLAN["url"]) + one["path"]
    request = urllib.request.Request(url, one["body"].encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        return 0, str(error)


def main():
    wrong = 0
    for one in PLAN["requests"]:
        status, text = ask(one)
        good = status in one["status"] and one.get("says", "") in text
        if "says" not in one and "refused at the edge" in text:
            good = False
        if not good:
            wrong += 1
            wanted = one["status"][0]
            print(f"NOT READY {one['note']} ({one['address']}): {status}, wanted {wanted}")
    print(f"{len(PLAN['requests']) - wrong} of {len(PLAN['requests'])} as they must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
'''
