"""What the load consists of: request bodies, and addresses of permitted and denied countries."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from random import Random

from bailiwick.location import AddressTable

SMALL, LARGE = 527, 400_000
TURN = 2000
TEXT = """
the of and to in is that for it as was with be by on not he his but at are this have from or had an
they which one you were all her she there would their we him been has when who will no more if out
so up said what its about than into them can only other time new some could these
"""
WORDS = TEXT.split()


def small(random: Random, model: str, stream: bool = False) -> bytes:
    """Write an ordinary short request of ``SMALL`` bytes."""
    asked = {
        "model": model,
        "max_tokens": 1024,
        "system": "You answer briefly and in plain words.",
        **({"stream": True} if stream else {}),
        "messages": [{"role": "user", "content": ""}],
    }
    room = SMALL - len(json.dumps(asked))
    asked["messages"] = [{"role": "user", "content": _words(random, room)}]
    return json.dumps(asked).encode()


def large(random: Random, model: str) -> bytes:
    """Write a long conversation of about ``LARGE`` bytes, with the model named last."""
    turns = [
        {"role": ("user", "assistant")[number % 2], "content": _paragraphs(random)}
        for number in range(LARGE // (TURN + 40) | 1)
    ]
    return json.dumps({"max_tokens": 1024, "messages": turns, "model": model}).encode()


def _paragraphs(random: Random) -> str:
    """Write text with line breaks and quotes, which JSON has to escape."""
    return '\n"'.join(_words(random, 400) for _ in range(TURN // 400))


def _words(random: Random, size: int) -> str:
    return " ".join(random.choices(WORDS, k=size // 2))[:size].ljust(size, ".")


def write(directory: Path, bodies: Sequence[bytes], name: str) -> list[Path]:
    """Put bodies into files."""
    paths = [directory / f"{name}-{number}.json" for number in range(len(bodies))]
    for path, body in zip(paths, bodies, strict=True):
        path.write_bytes(body)
    return paths


def addresses(
    table: AddressTable, random: Random, countries: Collection[str], count: int
) -> list[str]:
    """Find IPv4 addresses that are used in some countries."""
    found: list[str] = []
    while len(found) < count:
        text = ".".join(str(random.randrange(256)) for _ in range(4))
        if table.place_of(text) in countries:
            found.append(text)
    return found
