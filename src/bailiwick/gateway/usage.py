"""Read from an answer how many tokens it used, as the upstream reports it, without delaying it.

Where nothing is reported (a stream that broke, a chat stream that was not asked to say), the length
stands in: one token for every four bytes of request and answer, which is more than was used.
"""

from typing import Final

import msgspec

BYTES_PER_TOKEN: Final = 4
_LONGEST_EVENT: Final = 1024 * 1024


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None
    message: _Message | None = None
    response: _Message | None = None


_decode = msgspec.json.Decoder(_Answer).decode


class Meter:
    """Follows one answer."""

    def __init__(self) -> None:
        self._rest = b""
        self._input: int | None = None
        self._output: int | None = None

    def whole(self, body: bytes) -> None:
        """Read a whole JSON answer."""
        try:
            answer = _decode(body)
        except msgspec.DecodeError:
            return
        for usage in (answer.usage, _inner(answer.message), _inner(answer.response)):
            if usage is not None:
                self._take(usage)

    def feed(self, chunk: bytes) -> None:
        """Read the next chunk of an event stream; an event may be cut anywhere."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()[-_LONGEST_EVENT:]
        for line in lines:
            if b'"usage"' in line and line.startswith(b"data:"):
                self.whole(line[5:])

    def tokens(self, bytes_in: int, bytes_out: int, *, whole: bool) -> int:
        """Add up what was used. ``whole``: the answer is complete, so its report is the last."""
        reported = (self._input or 0) + (self._output or 0)
        if whole and self._input is not None and self._output is not None:
            return reported
        return max(reported, (bytes_in + bytes_out) // BYTES_PER_TOKEN + 1)

    def _take(self, usage: _Usage) -> None:
        """Keep the largest report: a stream counts up."""
        read = usage.input_tokens if usage.input_tokens is not None else usage.prompt_tokens
        if read is not None:
            cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
            self._input = max(self._input or 0, read + cached)
        if usage.prompt_tokens is not None and usage.completion_tokens is None:
            usage.completion_tokens = 0  # embeddings put nothing out
        wrote = usage.output_tokens if usage.output_tokens is not None else usage.completion_tokens
        if wrote is not None:
            self._output = max(self._output or 0, wrote)


def _inner(message: _Message | None) -> _Usage | None:
    return None if message is None else message.usage
