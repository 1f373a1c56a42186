"""Where in a JSON value the first breach of a type is, as a JSON pointer (RFC 6901).

The decoder itself says only *that* and *what*: it doesn't name the keys of maps, and positions
inside a facet are relative to that facet. This runs on refusals alone, so it may be slow.
"""

import re
import sys
from functools import cache
from typing import Any

from msgspec import inspect

Breach = tuple[str, str]

_JSON_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def step(pointer: str, token: str | int) -> str:
    """Return `pointer` one step further, the token escaped."""
    return f"{pointer}/{str(token).replace('~', '~0').replace('/', '~1')}"


def first_breach(value: Any, of: Any, pointer: str) -> Breach | None:
    """Return (pointer, reason) of the first place where `value` is no `of`, None where it is one.

    `of` is a type as msgspec takes it; `value` is decoded JSON, found at `pointer`.
    """
    return _breach(value, _info(of), pointer)


@cache
def _info(of: Any) -> inspect.Type:
    return inspect.type_info(of)


def _is_not(value: Any, wanted: str, pointer: str) -> Breach:
    return pointer, f"must be {wanted}, not {_JSON_NAMES.get(type(value), 'a number')}"


def _breach(value: Any, info: inspect.Type, pointer: str) -> Breach | None:
    if isinstance(info, inspect.UnionType):
        return _of_union(value, info, pointer)
    if isinstance(info, inspect.StructType):
        return _of_struct(value, info, pointer)
    if isinstance(info, inspect.DictType):
        return _of_dict(value, info, pointer)
    if isinstance(info, inspect.ListType):
        if not isinstance(value, list):
            return _is_not(value, "an array", pointer)
        return next(
            filter(None, (_breach(v, info.item_type, step(pointer, i)) for i, v in enumerate(value))), None
        )
    if isinstance(info, inspect.LiteralType):
        if value not in info.values:
            return pointer, f"must be one of {', '.join(map(str, info.values))}"
    elif isinstance(info, inspect.StrType):
        return _of_text(value, info, pointer)
    elif isinstance(info, inspect.BoolType):
        if not isinstance(value, bool):
            return _is_not(value, "a boolean", pointer)
    elif isinstance(info, inspect.FloatType):
        return _of_number(value, info, pointer)
    return None


def _of_union(value: Any, info: inspect.UnionType, pointer: str) -> Breach | None:
    tagged = {kind.tag: kind for kind in info.types if isinstance(kind, inspect.StructType)}
    if not isinstance(value, dict):
        return _is_not(value, "an object", pointer)
    if "type" not in value:
        return step(pointer, "type"), "is missing"
    if not isinstance(value["type"], str) or value["type"] not in tagged:
        return step(pointer, "type"), f"must be one of {', '.join(sorted(map(str, tagged)))}"
    return _breach(value, tagged[value["type"]], pointer)


def _of_struct(value: Any, info: inspect.StructType, pointer: str) -> Breach | None:
    if not isinstance(value, dict):
        return _is_not(value, "an object", pointer)
    for member in info.fields:
        at = step(pointer, member.encode_name)
        if member.encode_name in value:
            if breach := _breach(value[member.encode_name], member.type, at):
                return breach
        elif member.required:
            return at, "is missing"
    if info.forbid_unknown_fields:
        for name in value.keys() - {member.encode_name for member in info.fields}:
            return step(pointer, name), "is not allowed here"
    return None


def _of_dict(value: Any, info: inspect.DictType, pointer: str) -> Breach | None:
    if not isinstance(value, dict):
        return _is_not(value, "an object", pointer)
    for name, member in value.items():
        at = step(pointer, name)
        if breach := _breach(name, info.key_type, at) or _breach(member, info.value_type, at):
            return breach
    return None


def _of_text(value: Any, info: inspect.StrType, pointer: str) -> Breach | None:
    if not isinstance(value, str):
        return _is_not(value, "a string", pointer)
    if len(value) < (info.min_length or 0):
        return pointer, "must not be empty"
    if info.max_length is not None and len(value) > info.max_length:
        return pointer, f"has {len(value):,} characters; at most {info.max_length:,} are taken"
    if info.pattern and not re.search(info.pattern, value):
        return pointer, "must be a UUID such as 01890c5e-7f6b-7c3a-9d59-1e4b3a5c6d7e"
    return None


def _of_number(value: Any, info: inspect.FloatType, pointer: str) -> Breach | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _is_not(value, "a whole number" if info.multiple_of else "a number", pointer)
    if abs(value) > sys.float_info.max:
        return pointer, "is a number too large to take"
    if info.multiple_of and value % info.multiple_of:
        return pointer, "must be a whole number"
    if info.ge is not None and value < info.ge:
        return pointer, f"must be at least {info.ge:g}"
    return None
