"""The policy of a log that has its checkpoints cosigned."""

from pathlib import Path

from governance.audit.tlog.policy import LARGEST_POLICY, Policy, PolicyError
from governance.audit.witness.exchange import Unreachable, check_address


def read_policy(path: str) -> Policy | None:
    """Return the policy in the file `path`, None without one. Raises PolicyError, which names the file.

    Each witness needs an address or can't be asked, and those that can be asked must be enough.
    """
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            policy = Policy.parse(file.read(LARGEST_POLICY + 1))
        for url in (policy.urls[key] for key in policy.witnesses.values() if key in policy.urls):
            check_address(url)
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror or error}") from error
    except (PolicyError, Unreachable) as error:
        raise PolicyError(f"{path}: {error}") from error
    if not policy.is_met({name for name, key in policy.witnesses.items() if key in policy.urls}):
        raise PolicyError(f"{path}: the quorum takes witnesses that have no address")
    return policy
