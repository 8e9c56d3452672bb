"""The files of a listener's certificate: what is refused and why, and when they are read again."""

import os
import pty
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from authority import Authority
from bailiwick.errors import BailiwickError
from bailiwick.front import Certificates

Names = tuple[str, str]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def crossed(authority: Authority) -> Names:
    return authority.issue("one")[0], authority.issue("two")[1]


def missing(authority: Authority) -> Names:
    return authority.issue("one")[0], str(authority.path.parent / "nowhere.key")


def folder(authority: Authority) -> Names:
    return str(authority.path.parent), authority.issue("one")[1]


def no_pem(authority: Authority) -> Names:
    path = authority.path.parent / "text.pem"
    path.write_text("not a certificate\n")
    return str(path), authority.issue("one")[1]


def empty(authority: Authority) -> Names:
    path = authority.path.parent / "empty.pem"
    path.write_bytes(b"")
    return str(path), authority.issue("one")[1]


def cut(authority: Authority) -> Names:
    certificate, key = authority.issue("one")
    Path(certificate).write_bytes(Path(certificate).read_bytes()[:300])
    return certificate, key


def swapped(authority: Authority) -> Names:
    certificate, key = authority.issue("one")
    return key, certificate


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (crossed, "key values mismatch"),
        (missing, "nowhere.key`: No such file"),
        (folder, "Is a directory"),
        (no_pem, "no pem"),
        (empty, "cannot use the certificate"),
        (cut, "cannot use the certificate"),
        (swapped, "cannot use the certificate"),
        (lambda of: of.issue("one", days=-0.01), "is valid from"),
        (lambda of: of.issue("one", begins=0.01), "is valid from"),
        (lambda of: of.issue("one", password=b"secret"), "it is encrypted"),
    ],
    ids=["crossed", "missing", "a folder", "no PEM", "empty", "cut", "swapped", "expired",
         "too early", "encrypted"],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(
    make: Callable[[Authority], Names], said: str, authority: Authority
) -> None:
    certificate, key = make(authority)

    with pytest.raises(BailiwickError, match=said) as refused:
        Certificates(certificate, key)

    assert certificate in str(refused.value) or key in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_may_not_be_read_is_refused(authority: Authority) -> None:
    certificate, key = authority.issue("one")
    Path(key).chmod(0)

    with pytest.raises(BailiwickError, match="Permission denied"):
        Certificates(certificate, key)


@pytest.mark.parametrize("content", [b"", b"nothing\n"])
def test_authorities_that_are_none_are_refused(content: bytes, authority: Authority) -> None:
    certificate, key = authority.issue("one")
    named = authority.path.parent / "authorities.pem"
    named.write_bytes(content)

    with pytest.raises(BailiwickError, match="cannot use the authorities"):
        Certificates(certificate, key, str(named))


def test_nobody_at_a_terminal_is_asked_for_a_passphrase(authority: Authority) -> None:
    """OpenSSL would ask, and a start would wait for ever."""
    names = authority.issue("one", password=b"secret")
    code = "import sys; from bailiwick.front import Certificates; Certificates(*sys.argv[1:])"
    ours, theirs = pty.openpty()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code, *names], stdin=theirs, stdout=theirs,
            stderr=subprocess.PIPE, timeout=60, start_new_session=True, check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)

    assert ended.returncode == 1
    assert b"it is encrypted" in ended.stderr


def test_old_versions_of_tls_are_not_spoken(authority: Authority) -> None:
    context = Certificates(*authority.issue("one")).context

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert ssl.OP_NO_RENEGOTIATION in context.options


# -- reading again -------------------------------------------------------------------------------


def test_files_are_read_again_once_they_are_left_alone(authority: Authority) -> None:
    used = Certificates(*authority.issue("one", days=1))
    first, until = used.context, used.expires_at

    used.look()
    untouched = used.context
    authority.issue("one", days=5)
    used.look()
    just_changed = used.context
    used.look()

    assert untouched is just_changed is first
    assert used.context is not first
    assert (used.expires_at - until).days in {3, 4}


def test_files_are_read_at_once_when_told_so_but_not_without_a_change(authority: Authority) -> None:
    used = Certificates(*authority.issue("one"))
    first = used.context

    used.look(at_once=True)
    untouched = used.context
    authority.issue("one", days=5)
    used.look(at_once=True)

    assert untouched is first
    assert used.context is not first


@pytest.mark.parametrize("days", [-0.5, None], ids=["expired", "gone"])
def test_a_bad_one_never_takes_the_place_of_a_good_one(
    days: float | None, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    names = authority.issue("one")
    used = Certificates(*names)
    first, until = used.context, used.expires_at

    if days is None:
        Path(names[1]).unlink()
    else:
        authority.issue("one", days=days)
    for _ in range(4):
        used.look()
    refused = used.refused

    assert used.context is first
    assert used.expires_at == until
    assert names[0].removesuffix(".pem") in str(refused)
    assert used.status() == {"expires_at": until.isoformat(), "refused": refused}
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 1

    authority.issue("one", days=3)
    used.look()
    used.look()

    assert used.refused is None
    assert used.context is not first


def test_a_key_that_comes_after_its_certificate_is_waited_for(authority: Authority) -> None:
    """Whoever renews writes two files; what is between them does not fit together."""
    certificate, key = authority.issue("one")
    used = Certificates(certificate, key)
    first = used.context
    theirs = authority.issue("two", days=5)

    Path(theirs[0]).replace(certificate)
    used.look()
    used.look()
    between, why = used.context, used.refused
    Path(theirs[1]).replace(key)
    used.look()
    used.look()

    assert between is first
    assert "key values mismatch" in str(why)
    assert used.context is not first
    assert used.refused is None


def test_links_that_are_changed_count_as_changes(tmp_path: Path) -> None:
    """So do volumes of secrets, where files are links into a folder that is a link itself."""
    for name, days in (("old", 1), ("new", 5)):
        (tmp_path / name).mkdir()
        Authority(tmp_path / name).issue("one", days=days)
    (tmp_path / "data").symlink_to("old")
    for name in ("one.pem", "one.key"):
        (tmp_path / name).symlink_to(f"data/{name}")
    used = Certificates(str(tmp_path / "one.pem"), str(tmp_path / "one.key"))
    first = used.context

    (tmp_path / "data_").symlink_to("new")
    (tmp_path / "data_").replace(tmp_path / "data")
    used.look()
    used.look()

    assert used.context is not first
    assert used.refused is None
