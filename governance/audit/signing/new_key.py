"""`python -m governance.audit.signing.new_key NAME`: makes a private key for the log NAME; needs no settings.

The private key goes to standard output, alone; the public key to standard error.
"""

import sys

from governance.audit.signing.private_keys import BadKey, new_key
from governance.audit.tlog.notes import Ed25519Signer


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, or 2 where NAME can't be the name of a log."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m governance.audit.signing.new_key NAME\n")
        return 2
    try:
        private = new_key(arguments[0])
    except BadKey as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    sys.stdout.write(f"{private}\n")
    sys.stderr.write(f"public key: {Ed25519Signer.parse(private).key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
