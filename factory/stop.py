"""`python -m factory.stop`: ask the Plumbline that runs in PLUMBLINE_VAR to stop, and wait for it."""

import fcntl
import os
import signal
import sys
import time

from factory import preflight


def main() -> int:
    """Stop it; return the exit code."""
    try:
        var = preflight.var_folder()
    except preflight.Unfit as problem:
        print(f"plumbline: {problem}")
        return 1
    asked = False
    with (var / "run" / "plumbline.pid").open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                if not asked and (text := file.read().strip()):
                    # The lock says that it lives, so the number is still its own.
                    os.kill(int(text), signal.SIGTERM)
                    asked = True
                time.sleep(0.1)
            else:
                print("plumbline: stopped" if asked else f"plumbline: nothing runs in {var}")
                return 0


if __name__ == "__main__":
    sys.exit(main())
