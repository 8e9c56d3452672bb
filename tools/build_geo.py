"""Rebuild the embedded location data from Debian's ``tor-geoipdb``.

    apt-get install tor-geoipdb && python tools/build_geo.py

The result is the same, byte for byte, for the same files. ``--check`` builds nothing: it says
whether the data that are there came from the installed package.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from bailiwick.errors import BailiwickError
from bailiwick.location import Built, build_embedded, embedded_path

SOURCE_DIR = Path("/usr/share/tor")


def package_version() -> str:
    """Ask dpkg which version of the package is installed."""
    command = ["dpkg-query", "-W", "-f", "${Version}", "tor-geoipdb"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return asked.stdout.strip() or "unknown"


def build(source_dir: Path, out_dir: Path) -> Built:
    """Compile the data; a message for a person if they cannot be used."""
    try:
        return build_embedded(source_dir, out_dir, package_version())
    except BailiwickError as error:
        sys.exit(str(error))


def main() -> None:
    """Build, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source_dir", type=Path, default=SOURCE_DIR)
    parser.add_argument("--into", dest="out_dir", type=Path, default=embedded_path().parent)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if not asked.check:
        built = build(asked.source_dir, asked.out_dir)
        sys.stdout.write(f"{built.path}: {built.size_bytes} bytes, data of {built.built_at:%F}\n")
        return
    with tempfile.TemporaryDirectory() as scratch:
        built = build(asked.source_dir, Path(scratch))
    there = hashlib.sha256(embedded_path().read_bytes()).hexdigest()
    if built.digest != there:
        sys.exit("the embedded data were not built from the installed package")


if __name__ == "__main__":
    main()
