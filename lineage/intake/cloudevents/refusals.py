"""From msgspec's complaints to refusals that a person can act on, with an exact JSON pointer."""

import re
from typing import Any, TypeVar

import msgspec

from lineage.intake.derived import Refused

T = TypeVar("T")

#: Numbers stay as they are spelt.
_untyped = msgspec.json.Decoder(float_hook=msgspec.Raw)
_AT = re.compile(r"(?P<reason>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[([0-9]+)\]|(\[\.\.\.\])")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_PLAIN = (
    (_MISSING, r"`\1` is required"),
    (re.compile(r"Expected `str` of length >= 1$"), "must not be empty"),
    (re.compile(r"Expected `str` of length <= ([0-9]+)$"), r"is longer than \1 characters"),
    (re.compile(r"Invalid enum value (.+)$"), r"\1 is not one of the values that may stand here"),
    (re.compile(r"Expected `str` matching regex (.+)$"), r"does not match \1"),
    (re.compile(r"^Expected "), "expected "),
)


def token(part: str | int) -> str:
    """One reference token of a JSON pointer (RFC 6901 section 3), with its slash."""
    return "/" + str(part).replace("~", "~0").replace("/", "~1")


def decode(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, base: str = "") -> T:
    """Decode JSON by a typed decoder. Raises Refused, with a pointer that starts with `base`."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        if str(error).startswith("Integer value out of range"):
            raise Refused("a number has thousands of digits", base, code="malformed") from None
        raise _refused(decoder, raw, base, str(error)) from None
    except RecursionError:
        raise Refused("the JSON is nested too deeply", base, code="too-deep") from None
    except UnicodeDecodeError:
        raise Refused("the text is not valid UTF-8", base, code="malformed") from None
    except (msgspec.DecodeError, ValueError) as error:
        what = str(error).removeprefix("JSON is malformed: ")
        raise Refused(f"the JSON is malformed: {what}", base, code="malformed") from None


def _refused(decoder: Any, raw: bytes | msgspec.Raw, base: str, message: str) -> Refused:
    match = _AT.fullmatch(message)
    assert match is not None
    reason, path = match["reason"], match["path"] or ""
    if match["key"]:
        path += "[...]"  # the path leads to the object whose member has a bad name
    document = place = _untyped.decode(raw)
    pointer = base
    for name, index, anyone in _STEP.findall(path):
        step = _culprit(decoder, document, place, message) if anyone else name or int(index)
        if step is None:
            break
        pointer += token(step)
        try:
            place = place[step]
        except (LookupError, TypeError):  # a repeated member, whose last value is of another shape
            place = None
    code = "invalid"
    if missing := _MISSING.fullmatch(reason):
        pointer += token(missing[1])
        code = "missing"
    for pattern, plain in _PLAIN:
        reason = pattern.sub(plain, reason)
    return Refused(reason.replace("`", ""), pointer, code=code)


def _culprit(decoder: Any, document: Any, members: Any, message: str) -> str | None:
    """msgspec doesn't tell which member of an open object is wrong: find it by trying each alone."""
    if not isinstance(members, dict):
        return None
    everyone = dict(members)
    try:
        for name, value in everyone.items():
            members.clear()
            members[name] = value
            try:
                decoder.decode(msgspec.json.encode(document))
            except msgspec.ValidationError as error:
                if str(error) == message:
                    return name
    finally:
        members.clear()
        members.update(everyone)
    return None
