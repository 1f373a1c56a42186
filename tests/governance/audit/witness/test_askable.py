"""The policy in the setting WITNESS_POLICY: what is refused before anything starts."""

from pathlib import Path

import pytest

from governance.audit.tlog.policy import PolicyError
from governance.audit.witness.askable import read_policy
from tests.governance.audit.witness.witnesses import WITNESS

KEY = WITNESS.key


def test_no_policy() -> None:
    assert read_policy("") is None


def test_a_policy(tmp_path: Path) -> None:
    file = tmp_path / "policy"
    file.write_text(f"witness one {KEY} https://witness.example/\nquorum one\n")
    policy = read_policy(str(file))
    assert policy is not None
    assert policy.urls[KEY] == "https://witness.example/"
    file.write_text(f"witness one {KEY}\nquorum none\n")
    assert read_policy(str(file)) is not None, "who isn't needed needs no address"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line says what the quorum is"),
        ("quorum one\n", "line 1: nobody is called one"),
        (f"witness one {KEY}\nquorum one\n", "the quorum takes witnesses that have no address"),
        (f"witness one {KEY} ftp://a/\nquorum one\n", "ftp://a/ is not an http or https address"),
        ("witness one nonsense http://a/\nquorum one\n", "line 1: a verifier key looks like"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "policy"
    file.write_text(text)
    with pytest.raises(PolicyError, match=said) as caught:
        read_policy(str(file))
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file"):
        read_policy(str(tmp_path / "none"))
