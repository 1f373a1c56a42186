import pytest
from django.test import Client

from factory.kit.recording import SYSTEM, record
from governance.audit.sequencer import Sequencer


@pytest.mark.django_db
def test_monitors_see_how_far_the_log_is(client: Client) -> None:
    Sequencer().round()
    record("page.read", actor=SYSTEM)
    assert "plumbline_log_waiting 1.0" in client.get("/metrics").text
    Sequencer().round()
    text = client.get("/metrics").text
    assert "plumbline_log_waiting 0.0" in text and "plumbline_log_refused 0.0" in text
    age = next(line for line in text.splitlines() if line.startswith("plumbline_log_head_age_seconds "))
    assert 0 <= float(age.split()[1]) < 60
