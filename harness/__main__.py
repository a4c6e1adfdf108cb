"""The command `harness`, and `python -m harness`."""

from __future__ import annotations

import sys


def start() -> None:
    """Entry point. Ctrl-C counts from the first moment: importing the rest takes long enough to be met by it."""
    try:
        from harness.cli.main import main
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    main()


if __name__ == "__main__":
    start()
