"""``python -m m2ib`` is the program."""

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
