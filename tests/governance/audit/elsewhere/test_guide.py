"""docs/verifying.md, command by command, as an auditor follows it."""

import re
import shutil
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from governance.audit.verify.__main__ import arguments
from tests.governance.audit.elsewhere import guide
from tests.governance.audit.verify.test_stores import reply, served

#: What differs from one run to another in the output that the guide shows.
SECONDS = re.compile(r"in [0-9.]+ s|existed at [0-9-]+ [0-9:]+")
#: What not every machine has; its tests say so where they are skipped.
APART = ("go run", "openssl pkeyutl", "--timestamp-ca", "openssl ts")


def test_every_command_does_what_the_guide_says(tmp_path: Path) -> None:
    log = guide.lay_out(tmp_path)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        allowed = handler.headers["Authorization"] == "Bearer secret"
        content = log.export().get(handler.path.removeprefix("/"))
        reply(handler, 401 if not allowed else 404 if content is None else 200, content or b"")

    said = ""
    with served(answer) as url:
        for block in guide.blocks():
            if block.language == "text" and "existed at" not in block.text:
                assert SECONDS.sub("", said) == SECONDS.sub("", block.text)
            if block.language == "sh" and not any(word in block.text for word in APART):
                ran = guide.run(tmp_path, block.text.replace(guide.ADDRESS, url))
                assert (ran.returncode, ran.stderr) == (0, ""), block.text
                said = ran.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to stamp with")
def test_timestamps_are_checked_as_the_guide_says(tmp_path: Path) -> None:
    guide.lay_out_timestamps(tmp_path, guide.lay_out(tmp_path))
    said, ran_to_the_end = "", 0
    for block in guide.blocks():
        if block.language == "sh" and ("--timestamp-ca" in block.text or "openssl ts" in block.text):
            ran = guide.run(tmp_path, block.text)
            assert ran.returncode == 0, ran.stderr
            said, ran_to_the_end = ran.stdout, ran_to_the_end + 1
        if block.language == "text" and "existed at" in block.text:
            assert SECONDS.sub("", said) == SECONDS.sub("", block.text)
    assert ran_to_the_end == 3


def test_every_option_is_in_the_guide() -> None:
    told = guide.GUIDE.read_text()
    apart = {"-h", "--help", "--origin", "--timeout", "--most"}
    options = {option for action in arguments()._actions for option in action.option_strings}
    assert {option for option in options if option not in told} <= apart


@pytest.mark.parametrize("language", ["python", "js", "go"])
def test_every_program_is_run_by_a_command(language: str) -> None:
    commands = "".join(block.text for block in guide.blocks() if block.language == "sh")
    programs = [block.text.split()[1] for block in guide.blocks() if block.language == language]
    assert programs
    assert all(program in commands for program in programs)
