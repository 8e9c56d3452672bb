"""Generate the protobuf messages of the decision service from their ``.proto`` file.

python tools/build_stubs.py [--check]
"""

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).parent.parent / "src" / "bailiwick" / "service" / "stubs"
NAME = "ext_authz_pb2.py"


def generate(into: Path) -> None:
    """Write the generated file."""
    words = [f"-I{FOLDER}", f"--python_out={into}", "ext_authz.proto"]
    if protoc.main(["protoc", *words]) != 0:
        sys.exit("protoc failed")


def is_current() -> bool:
    """Tell whether generating again gives the same."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        return (FOLDER / NAME).read_text() == (Path(folder) / NAME).read_text()


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if is_current() else f"{NAME} is out of date: run {__file__}")
    generate(FOLDER)
