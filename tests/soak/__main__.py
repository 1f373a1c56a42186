"""`make soak`: a thousand kills (SOAK=n for another number, SEED=s to run the same kills again).

Exit status: 0 everything held, 1 something did not; then the folder with all data and logs is kept.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

#: Kills between two verifications of the whole log.
VERIFIED_EVERY = 50
EMAIL = "dave@bank.example"


def main() -> int:
    count = int(os.environ.get("SOAK") or 1000)
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    folder = Path(tempfile.mkdtemp(prefix="plumbline-soak-"))
    # the embedded server runs as another user when we are root, and has to get through
    folder.chmod(0o711)
    _set_up(folder)
    print(f"soak: {count} kills, seed {seed} (again: make soak SOAK={count} SEED={seed}), in {folder}")
    if not _soak(count, seed, folder):
        return 1
    shutil.rmtree(folder)
    return 0


def _set_up(folder: Path) -> None:
    """Have Django speak to the database that is about to be started."""
    from factory.database import embedded_url

    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "factory.settings",
        "DATABASE_URL": embedded_url(folder / "database"),
        "PLUMBLINE_VAR": str(folder / "var"),
    }
    import django

    django.setup()


def _soak(count: int, seed: int, folder: Path) -> bool:
    from tests.soak.campaign import Campaign
    from tests.soak.checks import Broken
    from tests.soak.kills import MOMENTS, ROUND, STALLS

    chosen = random.Random(seed)
    names = {True: list(MOMENTS), False: [*ROUND, *STALLS]}
    killed: Counter[str] = Counter()
    began = time.monotonic()
    terminal = sys.stdout.isatty()
    with Campaign(folder, EMAIL) as campaign:
        try:
            for number in range(1, count + 1):
                name, pause = chosen.choice(names[chosen.random() < 0.5]), chosen.random()
                line = f"{number}/{count}  {time.monotonic() - began:5.0f} s  {name}"
                print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", flush=True)
                campaign.kill(name, pause)
                killed[name] += 1
                if number % VERIFIED_EVERY == 0:
                    campaign.checks.verified()
            counted = campaign.end()
        except (Broken, AssertionError) as problem:
            print(f"\nsoak: FAILED at kill {sum(killed.values()) + 1} of seed {seed}: {problem}")
            print(f"soak: everything is kept in {folder}")
            return False
    print(f"\nsoak: {count} kills in {time.monotonic() - began:.0f} s, and everything held")
    for what, number in counted.items():
        print(f"  {number:>9,} {what}")
    for name, number in sorted(killed.items()):
        print(f"  {number:>9,} x {name}")
    return True


if __name__ == "__main__":
    sys.exit(main())
