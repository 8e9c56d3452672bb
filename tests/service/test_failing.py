"""Over HTTP: what becomes of permits when records cannot be kept, and of keys that are a provider's."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.running import ACME, DE, IR, LLAMA, OPUS, OTHERS, POLICY, TOKEN, US, model, running


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("needs root to mount a small file system")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leave no room on a file system."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_while_records_cannot_be_kept_controlled_models_are_unavailable(
    small_disk: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    with running(folder, more={"audit": {"directory": str(small_disk / "audit")}}) as service:
        assert service.check().status == 200
        ballast = fill(small_disk)
        service.until(lambda: service.check().status == 503)

        refused = service.check()
        assert refused.status == 503
        assert refused.json()["error"]["type"] == "api_error"
        body = {"subject": ACME, "action": {"name": "infer"}, "resource": model(),
                "context": {"address": US}}  # fmt: skip
        asked = service.send("/access/v1/evaluation", body, {"authorization": f"Bearer {TOKEN}"})
        assert (asked.status, asked.json()["error"]["code"]) == (503, "audit_unavailable")
        assert service.forward(x_bailiwick_model=OPUS).status == 403
        assert service.check(address=DE).status == 403
        assert service.check(LLAMA, DE).status == 200  # not controlled
        ballast.unlink()
        service.until(lambda: service.check().status == 200)


def test_keys_of_a_provider_are_nobodys_and_may_use_what_nobody_may(tmp_path: Path) -> None:
    accounts = {"poll": "100ms", "anonymous": True}
    policy = POLICY.replace(", requires: [billing]", "")  # nobody has a billing address
    with running(tmp_path, policy, more={"accounts": accounts}) as service:
        theirs = {"x-api-key": "sk-ant-of-the-provider"}

        permitted = service.check(LLAMA, DE, token=OTHERS, headers=theirs)

        assert permitted.status == 200
        assert permitted.headers["x-bailiwick-decision"].startswith("dec_")
        assert service.check(OPUS, US, token=OTHERS, headers=theirs).status == 403
        assert service.check(LLAMA, IR, token=OTHERS, headers=theirs).status == 403
        # a key of ours gains nothing there, and a provider's is refused where ours are looked at
        assert service.check(OPUS, US, token=OTHERS).status == 403
        assert service.check(LLAMA, DE, headers=theirs).status == 401
        assert service.check(OPUS, US).status == 200
