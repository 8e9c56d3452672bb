"""The tree is that of RFC 6962, the notes are those of C2SP."""

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from bailiwick.audit.keys import SigningKey
from bailiwick.audit.verify import (
    Checkpoint,
    Damaged,
    PublicKey,
    Tree,
    public_keys,
    read_checkpoint,
)

# A test vector of the Elixir package `signed_note`: an implementation that is not ours.
FOREIGN_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
FOREIGN_TEXT = b"This is an example message.\n"
FOREIGN_SIGNATURE = (
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)


def signing_key(name: str) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.generate(), Path())


KEY = signing_key("bailiwick/gw-1")
CHECKPOINT = Checkpoint("bailiwick/gw-1/segment", 3, hashlib.sha256(b"root").digest())


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == hashlib.sha256(b"").digest()


def test_roots_are_those_of_an_independent_implementation() -> None:
    tree, oracle = Tree(), InmemoryTree(algorithm="sha256")

    for number in range(300):
        entry = hashlib.sha256(bytes([number % 256])).digest()
        tree.append(entry)
        oracle.append_entry(entry)

        assert tree.root() == oracle.get_root()
        assert tree.size == oracle.get_size()


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=80))
def test_roots_agree_for_any_entries(entries: list[bytes]) -> None:
    tree, oracle = Tree(), InmemoryTree(algorithm="sha256")

    for entry in entries:
        tree.append(entry)
        oracle.append_entry(entry)

    assert tree.root() == oracle.get_root()


def test_a_foreign_note_verifies_and_its_key_is_written_as_it_was() -> None:
    key = PublicKey.read(FOREIGN_KEY)
    raw = base64.b64decode(FOREIGN_SIGNATURE)

    assert str(key) == FOREIGN_KEY
    assert raw[:4] == key.id
    assert key.signed(FOREIGN_TEXT, raw[4:])
    assert not key.signed(FOREIGN_TEXT + b"x", raw[4:])


def test_a_checkpoint_is_a_note_of_three_lines_and_a_signature() -> None:
    note = KEY.sign(CHECKPOINT)

    origin, size, root, blank, signature, end = note.decode().split("\n")
    assert (origin, size, blank, end) == ("bailiwick/gw-1/segment", "3", "", "")
    assert base64.b64decode(root) == CHECKPOINT.root
    assert signature.startswith("\N{EM DASH} bailiwick/gw-1 ")
    assert read_checkpoint(note, [KEY.public]) == CHECKPOINT


def test_another_signature_on_a_note_is_ignored() -> None:
    witness = signing_key("witness.example")
    cosigned = KEY.sign(CHECKPOINT) + witness.sign(CHECKPOINT).split(b"\n\n")[1]

    assert read_checkpoint(cosigned, [KEY.public]) == CHECKPOINT
    assert read_checkpoint(cosigned, [witness.public]) == CHECKPOINT


def test_no_single_bit_of_a_note_can_change() -> None:
    note = KEY.sign(CHECKPOINT)

    for bit in range(len(note) * 8):
        flipped = bytearray(note)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damaged):
            read_checkpoint(bytes(flipped), [KEY.public])


def test_a_note_of_an_unknown_key_is_not_believed() -> None:
    stranger = signing_key(KEY.name)

    with pytest.raises(Damaged, match="unknown key"):
        read_checkpoint(stranger.sign(CHECKPOINT), [KEY.public])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        FOREIGN_KEY.replace("530d", "530e"),
        FOREIGN_KEY[:-1],
        FOREIGN_KEY + "=",
        FOREIGN_KEY.replace("+Aek", "+Bek"),
    ],
)
def test_a_damaged_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"public key|base64"):
        public_keys([text or " +"])
