"""LiteLLM's proxy, the gateway in Python that many use: one worker, no database, one key."""

import json
import subprocess
from pathlib import Path

from benchmarks.processes import Process, answers, free_port, wait_until
from benchmarks.servers import Missing, Server, Site
from benchmarks.wrk import Way

PROGRAM = Path(".venv-litellm/bin/litellm")
"""It pins older libraries than ours, so it has an environment of its own."""
KEY = "sk-bench"
CONNECTIONS = 8
"""With more it does not get faster, and answers take longer than wrk waits."""


def proxy(site: Site) -> Server:
    """Start it in front of the upstream."""
    if not PROGRAM.exists():
        raise Missing("litellm is not installed (make bench puts it into .venv-litellm)")
    port = free_port()
    config = site.directory / "litellm.json"
    upstream = {
        "model": f"openai/{site.model}",
        "api_base": f"http://127.0.0.1:{site.upstream_port}/v1",
        "api_key": "none",
    }
    written = {
        "model_list": [{"model_name": site.model, "litellm_params": upstream}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False},
    }
    config.write_text(json.dumps(written))
    command: list[str | Path] = [
        PROGRAM, "--config", config, "--host", "127.0.0.1", "--port", str(port),
        "--num_workers", "1", "--telemetry", "False",
    ]  # fmt: skip
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    process = Process(command, site.core, site.directory / "log", environment)
    try:
        wait_until(answers(f"http://127.0.0.1:{port}/health/liveliness"), process, pause_s=0.2)
    except BaseException:
        process.stop()
        raise
    way = Way("/v1/chat/completions", "authorization", "Bearer ", KEY)
    return Server(
        "LiteLLM proxy", port, (process,), way, None, refuses=False, version=version(),
        connections=CONNECTIONS,
    )  # fmt: skip


def version() -> str:
    python = PROGRAM.with_name("python")
    asked = "from importlib.metadata import version; print(version('litellm'))"
    said = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
    return said.stdout.strip()
