"""The self-test that goes with an edge: known addresses must resolve, known requests be refused.

Geographic filters fail open without a word (a database of another shape, a missing file, a proxy
that was not told whom to believe), so an edge is not ready before it has shown that it refuses.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bailiwick.targets.edge.options import MODELS_PATH, EdgeOptions
from bailiwick.targets.edge.plan import ALL, ASK, Plan

KEY: Final = "bw_self-test-without-an-account"
NOWHERE: Final = "203.0.113.1"
MOST: Final = 4
"""Addresses of each set that are asked for."""
_BODY: Final = '{"model":"self-test","max_tokens":1,"messages":[]}'


def requests(
    made: Plan, examples: Mapping[str, tuple[str, str]], asks: bool, bodies: bool
) -> list[dict[str, Any]]:
    """List what is sent and what must come back.

    ``examples``: what an address is, to the address and the name of its set.
    """
    by_name = {one.name: one for one in made.classes}
    denied = made.refusal.status
    unknown = (401, 403, denied)
    answered = unknown if asks else (204,)
    found: list[dict[str, Any]] = []
    for what, (address, name) in examples.items():
        classes = [by_name[one] for one in made.sets[name]]
        if name == ALL:
            found.append(_refused(denied, address, what))
        elif name == ASK:
            found.append(_asked(address, f"{what}: the service answers", *answered))
        for one in classes[:2]:
            path = f"{MODELS_PATH}{one.names[0]}"
            found.append(
                _refused(denied, address, f"{what}, {one.names[0]} by its path", path=path)
            )
            if bodies:
                raw = _BODY.replace("self-test", one.names[0])
                found.append(_refused(denied, address, f"{what}, {one.names[0]}", body=raw))
    everything = [at for at, name in examples.values() if name == ALL]
    home = next((at for at, name in examples.values() if name == ASK), None)
    for address in everything[:1]:
        forged = {"x-geo-country": "US", "x-bailiwick-country": "US"}
        found.append(_refused(denied, address, "it says it is elsewhere", headers=forged))
    forged = {"x-geo-country": "US"}
    found.append(_asked(NOWHERE, "no known place, and it says one", *answered, headers=forged))
    if home is not None and asks:
        found += [
            _asked(home, "no body", 400, body=""),
            _asked(home, "a body that is no JSON", 400, body="{"),
            _asked(home, "a body that names no model", 400, body="{}"),
            _asked(home, "a body that names two models", 400, body='{"model":"a","model":"b"}'),
            _asked(home, "another content type", *unknown, headers={"content-type": "text/plain"}),
            _asked(home, "a path that nobody listed", 404, path="/v1/files"),
        ]
    return found


def _refused(status: int, address: str, note: str, **more: Any) -> dict[str, Any]:
    one = _asked(address, f"{note}: refused", status, **more)
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
    method = "GET" if path.startswith(MODELS_PATH) else "POST"
    return {
        "note": note, "address": address, "method": method, "path": path, "headers": given,
        "body": body if method == "POST" else None, "status": list(status),
    }  # fmt: skip


def plan_file(
    made: Plan, options: EdgeOptions, examples: Mapping[str, tuple[str, str]], bodies: bool
) -> str:
    """Write ``selftest.json``."""
    shown = made if options.models else replace(made, sets=dict.fromkeys(made.sets, ()))
    sent = requests(shown, examples, bool(options.service), bodies)
    return json.dumps({"url": f"http://{options.selftest}", "requests": sent}, indent=1) + "\n"


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
    body = one["body"].encode() if one["body"] is not None else None
    request = urllib.request.Request(url, body, headers, method=one["method"])
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
