#!/usr/bin/env python3
"""Packs every crate that is published and looks into the packages.

Fails if one lacks what crates.io asks for or shows, is too large, or has code that includes a file from outside, and if
anything states another version than the workspace's.
"""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 10_000_000  # crates.io takes no larger ones.
# What states the version besides the manifests.
VERSIONED = {
    "CITATION.cff": r"^version: (.+)$",
    "crates/m2ib-serve/assets/openapi.json": r'^  "version": "(.+)",$',
}
INCLUDES = re.compile(r'include(?:_str|_bytes|_dir)?!\(\s*"([^"]+)"')


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def what_is_missing(package: dict) -> list[str]:
    missing = [key for key in ("description", "license", "repository", "readme") if not package[key]]
    missing += [key for key in ("keywords", "categories") if not 1 <= len(package[key]) <= 5]
    for dependency in package["dependencies"]:
        if dependency.get("path") and dependency["kind"] != "dev" and dependency["req"] == "*":
            missing.append(f"a version for {dependency['name']}")
    return missing


def outside(code: str, file: PurePosixPath, names: set[str]) -> list[str]:
    """The files that a piece of code includes and the package does not have."""
    wanting = []
    for path in INCLUDES.findall(code):
        whole = path.removeprefix("$CARGO_MANIFEST_DIR/")
        parts: list[str] = []
        for part in PurePosixPath(whole if whole != path else file.parent / path).parts:
            if part == ".." and parts and parts[-1] != "..":
                parts.pop()
            else:
                parts.append(part)
        inside = "/".join(parts)
        if not any(name == inside or name.startswith(inside + "/") for name in names):
            wanting.append(path)
    return wanting


def other_versions(packages: list[dict]) -> list[str]:
    """Where another version is stated than the one that all crates have."""
    versions = {package["version"] for package in packages}
    if len(versions) != 1:
        return [f"the crates have versions {sorted(versions)}, expected one for all"]
    version = versions.pop()
    wrong = []
    for file, pattern in VERSIONED.items():
        found = re.search(pattern, (ROOT / file).read_text(), re.MULTILINE)
        if not found or found[1] != version:
            wrong.append(f"{file}: version {found and found[1]}, expected {version}")
    for package in packages:
        for dependency in package["dependencies"]:
            if dependency.get("path") and dependency["req"] not in ("*", f"^{version}"):
                wrong.append(f"{package['name']}: asks for {dependency['name']} {dependency['req']}, expected {version}")
    return wrong


def main() -> int:
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--no-deps", "--offline"))
    packages = [package for package in metadata["packages"] if package["publish"] != []]
    others = [package["name"] for package in metadata["packages"] if package["publish"] == []]
    # The lock files that packages have with programs in them are made of the registry's index, crate by crate.
    cargo(
        *("package", "--quiet", "--workspace", "--no-verify", "--allow-dirty", "--exclude-lockfile", "--offline"),
        *(word for name in others for word in ("--exclude", name)),
    )
    wrong = other_versions(metadata["packages"])
    for package in packages:
        name = f"{package['name']}-{package['version']}"
        file = Path(metadata["target_directory"]) / "package" / f"{name}.crate"
        wrong += [f"{name}: no {what}" for what in what_is_missing(package)]
        size = file.stat().st_size
        if size > LIMIT:
            wrong.append(f"{name}: {size} bytes, expected at most {LIMIT}")
        with tarfile.open(file) as archive:
            files = {PurePosixPath(*PurePosixPath(member.name).parts[1:]): member for member in archive}
            names = {str(path) for path in files}
            for need in ("LICENSE", "README.md"):
                if need not in names:
                    wrong.append(f"{name}: no {need}")
            for path, member in files.items():
                if path.suffix == ".rs":
                    code = archive.extractfile(member).read().decode()
                    wrong += [f"{name}: {path} includes {what}, which is outside" for what in outside(code, path, names)]
        print(f"{size / 1000:8.0f} kB  {len(names):4} files  {name}")
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
