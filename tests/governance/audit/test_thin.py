from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from factory.kit.recording import SYSTEM, record
from governance.audit.models import Checkpoint, Cosignature, Timestamp
from governance.audit.sequencer import Sequencer
from governance.audit.thin import thin_checkpoints


@pytest.mark.django_db
def test_one_checkpoint_an_hour_stays_and_what_others_signed() -> None:
    sequencer = Sequencer()
    for _ in range(12):
        record("page.read", actor=SYSTEM)
        sequencer.round()
    checkpoints = list(Checkpoint.objects.order_by("size"))
    noon = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    for number, checkpoint in enumerate(checkpoints[:9]):
        moment = noon + timedelta(hours=number // 6, minutes=number)
        Checkpoint.objects.filter(pk=checkpoint.pk).update(signed_at=moment)
    for checkpoint in (checkpoints[1], checkpoints[3]):
        Cosignature.objects.create(
            checkpoint=checkpoint, name="w", key_id=b"1234", line="— w AAAA\n", at=timezone.now()
        )
    Timestamp.objects.create(checkpoint=checkpoints[0], authority="a", token=b"", at=timezone.now())
    assert thin_checkpoints() == 5
    kept = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))
    # Stamped; last cosigned and last of the first hour; last of the second; those of today.
    assert kept == [1, 4, 6, 9, 10, 11, 12]
    assert Cosignature.objects.get().checkpoint_id == checkpoints[3].pk
    assert thin_checkpoints() == 0


@pytest.mark.django_db
def test_the_head_of_an_old_log_stays() -> None:
    for _ in range(2):
        record("page.read", actor=SYSTEM)
        Sequencer().round()
    Checkpoint.objects.update(signed_at=F("signed_at") - timedelta(days=9))
    thin_checkpoints()
    assert list(Checkpoint.objects.values_list("size", flat=True)) == [2]
