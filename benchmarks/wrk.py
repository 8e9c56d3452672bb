"""Load a server with wrk: real requests over kept connections, as fast as it answers."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
local requests, next_one = {}, 0
function init(args)
  for line in io.lines(%(manifest)s) do
    local address, key, body, id = line:match("^(%%S+) (%%S+) (%%S+) (%%S+)$")
    local file = io.open(body, "rb")
    local headers = {["content-type"] = "application/json", ["x-forwarded-for"] = address}
    headers[%(key_header)s] = %(key_prefix)s .. key
    if id ~= "-" then headers["x-request-id"] = id end
    requests[#requests + 1] = wrk.format("POST", %(path)s, headers, file:read("*a"))
    file:close()
  end
end
function request()
  next_one = next_one %% #requests + 1
  return requests[next_one]
end
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests": %%d, "us": %%d, "refused": %%d, "broken": %%d, "p50": %%d, "p99": %%d}\\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent: by whom, from where, which body file."""

    address: str
    key: str
    body: Path
    id: str = "-"
    """Of the request, in its head; ``-``: it has none."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a server wants to be asked."""

    path: str = "/v1/messages"
    key_header: str = "x-api-key"
    key_prefix: str = ""
    key: str | None = None
    """The one key that it knows; ``None``: it knows ours."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What wrk saw."""

    requests: int
    seconds: float
    refused: int
    """Answers with a status above 399."""
    broken: int
    """Failed connections, reads and writes, and answers that took over 2 s."""
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def write_script(path: Path, sent: Sequence[Sent], way: Way) -> Path:
    """Write the script for one way of asking, and the list of requests that it reads."""
    manifest = path.with_suffix(".txt")
    manifest.write_text(
        "".join(f"{one.address} {way.key or one.key} {one.body} {one.id}\n" for one in sent)
    )
    words: Mapping[str, str] = {
        "manifest": str(manifest),
        "path": way.path,
        "key_header": way.key_header,
        "key_prefix": way.key_prefix,
    }
    path.write_text(_SCRIPT % {name: json.dumps(word) for name, word in words.items()})
    return path


def load(port: int, script: Path, connections: int, seconds: float, core: int) -> Answered:
    """Load a server."""
    command = [
        "taskset", "-c", str(core), "wrk", "-t", "1", "-c", str(connections),
        "-d", f"{max(1, round(seconds))}s", "-s", str(script), f"http://127.0.0.1:{port}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    found = json.loads(done.stdout.rstrip().rpartition("\n")[2])
    return Answered(
        requests=found["requests"],
        seconds=found["us"] / 1e6,
        refused=found["refused"],
        broken=found["broken"],
        p50_ms=found["p50"] / 1000,
        p99_ms=found["p99"] / 1000,
    )
