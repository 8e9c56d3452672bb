"""A hook for LiteLLM's proxy: it asks the decision service before a request is routed.

One file that needs nothing of ours: LiteLLM pins libraries that are older than Bailiwick's. Put it
beside LiteLLM's configuration and name it there:

    litellm_settings:
      callbacks: [bailiwick_hook.proxy_handler_instance]

    BAILIWICK_URL    the decision service, https://HOST
    BAILIWICK_TOKEN  its token for this proxy, with ``says: [address]``
    BAILIWICK_TRUSTED_HOPS  proxies of yours in front of LiteLLM beyond the first (default 0)

Whose request it is: ``metadata.bailiwick_account`` of the LiteLLM key, else its team, else its
user, else nobody's. No answer within two seconds, or anything but a permit, refuses the request.
"""

import asyncio
import json
import os
import urllib.error
import urllib.request
from typing import Any

import litellm
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

PATIENCE_S = 2.0
PATHS = {
    "completion": "/v1/chat/completions",
    "acompletion": "/v1/chat/completions",
    "anthropic_messages": "/v1/messages",
    "responses": "/v1/responses",
    "aresponses": "/v1/responses",
    "embeddings": "/v1/embeddings",
    "aembedding": "/v1/embeddings",
    "embedding": "/v1/embeddings",
}
"""How LiteLLM calls what can be judged. Everything else is refused."""
MARK = "bailiwick"
_ADDED = {"metadata", "litellm_metadata", "proxy_server_request", "secret_fields"}


class Denied(HTTPException):
    """A refusal in the shape that OpenAI's clients understand."""

    def __init__(self, message: str, status: int = 403, code: str = "access_denied") -> None:
        error = {"message": message, "type": "request_forbidden", "param": None, "code": code}
        super().__init__(status_code=status, detail={"error": error})


class BailiwickHook(CustomLogger):
    """Judges each request, and again each deployment that it is routed to."""

    def __init__(self) -> None:
        super().__init__()
        self._url = os.environ["BAILIWICK_URL"].rstrip("/")
        self._token = os.environ["BAILIWICK_TOKEN"]
        self._hops = int(os.environ.get("BAILIWICK_TRUSTED_HOPS", "0"))

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Judge a request before it is routed."""
        del cache
        path = PATHS.get(str(getattr(call_type, "value", call_type)))
        if path is None:
            raise Denied(f"calls of kind `{call_type}` cannot be judged")
        metadata = data.get("litellm_metadata") or data.get("metadata") or {}
        context: dict[str, Any] = {"address": self._address(metadata)}
        body = (data.get("proxy_server_request") or {}).get("body")
        if isinstance(body, dict):
            context["request"] = {"path": path, "body": _copy(body)}
        asked = {"subject": _subject(user_api_key_dict), "context": context}
        decision = await self._judge(asked, str(data.get("model")))
        mark = {"asked": asked, "model": str(data.get("model")), "decision": decision}
        for name in ("metadata", "litellm_metadata"):
            if isinstance(data.get(name), dict):
                data[name][MARK] = mark
        return data

    async def async_pre_call_deployment_hook(
        self, kwargs: dict[str, Any], call_type: Any
    ) -> dict[str, Any] | None:
        """Judge the model that the router chose: an alias or a fallback may be another one."""
        del call_type
        metadata = kwargs.get("litellm_metadata") or kwargs.get("metadata") or {}
        mark = metadata.get(MARK)
        if mark is None:
            raise Denied("a request that nobody judged was routed")
        chosen = _upstream_name(str(kwargs.get("model")), kwargs.get("custom_llm_provider"))
        if chosen != mark["model"]:
            await self._judge(mark["asked"], chosen)
        return None

    def _address(self, metadata: dict[str, Any]) -> str:
        said = str(metadata.get("requester_ip_address") or "")
        hops = [one.strip() for one in said.split(",")]
        if len(hops) <= self._hops:
            raise Denied("the client's address is not known", code="address_unknown")
        return hops[-1 - self._hops]

    async def _judge(self, asked: dict[str, Any], model: str) -> str:
        question = {
            **asked,
            "action": {"name": "infer"},
            "resource": {"type": "model", "id": model},
        }
        try:
            answer = await asyncio.to_thread(self._ask, question)
        except urllib.error.HTTPError as error:
            raise Denied(_message(error), 503 if error.code >= 500 else 403) from None
        except Exception:  # noqa: BLE001 - whatever it is, there is no permit
            raise Denied("no decision can be taken at present", 503, "not_ready") from None
        context = answer.get("context") or {}
        id_ = str(context.get("id", ""))
        if answer.get("decision") is not True:
            reasons = ", ".join(one["code"] for one in context.get("reasons", ()))
            raise Denied(f"Access Denied (decision {id_}): {reasons or context.get('effect')}")
        if set(context.get("obligations", {})) - {"denied_features"}:
            raise Denied("the policy asks for something that LiteLLM does not keep", 503)
        return id_

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the operator's own service
            f"{self._url}/access/v1/evaluation",
            json.dumps(question).encode(),
            {"authorization": f"Bearer {self._token}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
        return found


def _upstream_name(model: str, provider: Any) -> str:
    """Give the name that goes upstream: without LiteLLM's own prefix for the kind of API."""
    found = litellm.get_llm_provider(model=model, custom_llm_provider=provider)
    return str(found[0])


def _copy(body: dict[str, Any]) -> Any:
    """Copy what the caller sent, without what LiteLLM has added to it since."""
    sent = {name: value for name, value in body.items() if name not in _ADDED}
    return json.loads(json.dumps(sent, default=str))


def _subject(key: Any) -> dict[str, str]:
    metadata = getattr(key, "metadata", None) or {}
    for name in (
        metadata.get("bailiwick_account"),
        getattr(key, "team_id", None),
        getattr(key, "user_id", None),
    ):
        if name:
            return {"type": "account", "id": str(name)}
    return {"type": "anonymous"}


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return "no decision can be taken at present"


proxy_handler_instance = BailiwickHook() if "BAILIWICK_URL" in os.environ else None
