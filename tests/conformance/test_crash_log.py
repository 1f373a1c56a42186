"""kill -9 while the log grows: no acknowledged entry is lost, none is there twice, no index is left out.

Twenty kills of `tests.soak`, which does a thousand (`make soak`).
"""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.soak.campaign import Campaign
from tests.soak.checks import Broken
from tests.soak.kills import TWENTY


@pytest.fixture
def campaign(tmp_path_factory: pytest.TempPathFactory, here: str) -> Iterator[Campaign]:
    folder: Path = tmp_path_factory.mktemp("killed")
    with Campaign(folder, f"{here}@bank.example", here) as campaign:
        yield campaign


@pytest.mark.timeout(400)
def test_twenty_kills_and_a_whole_log(campaign: Campaign) -> None:
    began = time.monotonic()
    for name in TWENTY:
        campaign.kill(name)
    counted = campaign.end()
    print(f"{len(TWENTY)} kills in {time.monotonic() - began:.0f} s: {counted}")
    assert all(counted.values()) and counted["acknowledged"] > 100
    _would_be_noticed(campaign)


def _would_be_noticed(campaign: Campaign) -> None:
    """The same checks say so where an entry is lost, or a place is left out."""
    rows, checks = campaign.works.web.rows, campaign.checks
    checks.patience = 0.2
    campaign.works.kept.append(str(uuid4()))
    with pytest.raises(Broken, match="not once in the log"):
        checks.after_a_kill()
    campaign.works.kept.pop()
    rows("ALTER TABLE governance_place DISABLE TRIGGER USER")
    rows("DELETE FROM governance_place WHERE entry_id = %s", [campaign.works.kept[0]])
    with pytest.raises(Broken, match="places from"):
        checks.after_a_kill()
