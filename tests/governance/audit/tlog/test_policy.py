import pytest

from governance.audit.tlog.checkpoint import Checkpoint
from governance.audit.tlog.cosignature import cosign
from governance.audit.tlog.merkle import EMPTY_ROOT
from governance.audit.tlog.notes import NoteError, Signature
from governance.audit.tlog.policy import Policy, PolicyError
from tests.governance.audit.tlog.logs import ORIGIN, signer

LOG = signer().key
NAMES = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
WITNESSES = {name: signer(f"{name}.example", cosigner=True) for name in NAMES}
#: The example of c2sp.org/tlog-policy, with keys and an address.
EXAMPLE = f"""
# A comment
log {LOG} https://log.example/

witness X1 {WITNESSES["X1"].key}
witness X2 {WITNESSES["X2"].key}\thttps://x2.example/
witness X3 {WITNESSES["X3"].key}
group X-witnesses 2 X1 X2 X3

  witness Y1 {WITNESSES["Y1"].key}
witness Y2 {WITNESSES["Y2"].key}
witness Y3 {WITNESSES["Y3"].key}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_standard() -> None:
    policy = Policy.parse(EXAMPLE.encode())
    assert policy.logs == (LOG,)
    assert policy.urls == {LOG: "https://log.example/", WITNESSES["X2"].key: "https://x2.example/"}
    assert policy.is_met({"X1", "X3", "Y2"})
    assert not policy.is_met({"X1", "Y1", "Y2", "Y3"})
    assert not policy.is_met({"X1", "X2", "X3"})
    assert not policy.is_met(set())


def test_who_cosigned() -> None:
    policy = Policy.parse(EXAMPLE.encode())
    note = Checkpoint(ORIGIN, 0, EMPTY_ROOT).sign(signer())
    lines = [cosign(note.text, WITNESSES[name], 7) for name in ("X1", "Y3")]
    note = note.with_signatures(*lines, cosign(note.text, signer("z.example", cosigner=True), 7))
    assert policy.cosigned(note).keys() == {"X1", "Y3"}
    false = Signature(lines[0].name, lines[0].key_id, lines[1].value)
    with pytest.raises(NoteError, match=r"X1\.example"):
        policy.cosigned(note.with_signatures(false))


def test_nobody_need_be_asked() -> None:
    assert Policy.parse(b"quorum none").is_met(())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "quorum"),
        ("quorum X1", "nobody is called"),
        ("quorum none\nquorum none", "one quorum"),
        ("log x+y+z\nquorum none", "line 1"),
        (f"log {WITNESSES['X1'].key}\nquorum none", "key of a log"),
        (f"witness X1 {LOG}\nquorum none", "key of a witness"),
        (f"log {LOG}\nlog {LOG}\nquorum none", "twice"),
        (f"witness a {WITNESSES['X1'].key}\nwitness b {WITNESSES['X1'].key}\nquorum none", "twice"),
        (f"witness none {WITNESSES['X1'].key}\nquorum none", "taken"),
        (f"witness a {WITNESSES['X1'].key}\ngroup g 2 a\nquorum g", "1 to 1"),
        (f"witness a {WITNESSES['X1'].key}\ngroup g 0 a\nquorum g", "1 to 1"),
        (f"witness a {WITNESSES['X1'].key}\ngroup g any a a\nquorum g", "member already"),
        ("group g any none\nquorum g", "nobody is called none"),
        ("witnesses X1\nquorum none", "none of log"),
        ("quorum none\r", "control character"),
    ],
)
def test_what_is_no_policy(line: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        Policy.parse(line.encode())


def test_names_are_bytes() -> None:
    key = str(WITNESSES["X1"].key).encode()
    assert Policy.parse(b"witness \xff " + key + b"\nquorum \xff\n").witnesses
    with pytest.raises(PolicyError):
        Policy.parse(b"witness a \xff" + key + b"\nquorum a\n")
