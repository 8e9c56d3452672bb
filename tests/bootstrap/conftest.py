"""A gateway's folder."""

from pathlib import Path

import pytest

from bootstrap.helpers import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
