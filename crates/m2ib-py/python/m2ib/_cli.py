"""The program ``m2ib``, for ``pip install`` and ``uvx``."""

from __future__ import annotations

import signal
import sys

from ._m2ib import main as _main


def main() -> int:
    """Runs the program with the arguments of the command line and returns its exit code."""
    # The program is ended by Ctrl-C as others are, without Python's traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _main(["m2ib", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
