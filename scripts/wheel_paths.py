"""Takes the folders of the machine that built a wheel out of it.

    python wheel_paths.py WHEEL FOLDER=NAME...

Panics of Rust's libraries say in which file, and the bill of materials says where packages lay. In texts, a
folder becomes the name that is given for it. In programs, where nothing may move, the name is filled up with
slashes to the folder's length, which is the same path.
"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path


def without(content: bytes, is_program: bool, folders: dict[bytes, bytes]) -> bytes:
    for folder, name in folders.items():
        if is_program:
            if len(name) > len(folder):
                name = b""
            name = name.ljust(len(folder), b"/")
        content = content.replace(folder, name)
    return content


def record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"{name},sha256={digest.decode()},{len(content)}\n"


def main(wheel: Path, folders: dict[bytes, bytes]) -> None:
    made = wheel.with_suffix(".tmp")
    lines = []
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename.endswith(".dist-info/RECORD"):
                record = entry
                continue
            content = without(old.read(entry), entry.filename.endswith(".so"), folders)
            lines.append(record_line(entry.filename, content))
            new.writestr(entry, content)
            left = [folder.decode() for folder in folders if folder in content]
            assert not left, f"{entry.filename} still names {left}"
        new.writestr(record, "".join(lines) + f"{record.filename},,\n")
    made.replace(wheel)


if __name__ == "__main__":
    pairs = (pair.split("=", 1) for pair in sys.argv[2:])
    named = {folder.encode(): name.encode() for folder, name in pairs if folder not in name}
    # What lies in another comes first.
    main(Path(sys.argv[1]), dict(sorted(named.items(), key=lambda pair: -len(pair[0]))))
