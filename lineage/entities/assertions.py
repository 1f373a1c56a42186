"""What a source says about one node, before anything is made of it."""

from typing import Any

import msgspec

from lineage.entities.keys import NodeKey

#: Operations on a dataset after which the rows of the version before are still there.
INHERITING = ("append", "delete")


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What one event says about one node, at the event's time.

    `facets` holds facets as they came: name -> the JSON text of the value, untouched.
    `attributes` holds what the reader understood, name -> JSON value. Names with a meaning of
    their own (all others are kept, the newest standing):

    ==================== ==============================================================
    title, description   text
    tags, owners         list of text (a tag is `key` or `key=value`)
    department           name of a department
    fields               list of {name, type?, description?, fields?}: a dataset's schema
    classification       public | internal | confidential | restricted; the strictest stands
    risk_class           minimal | limited | high | prohibited; the strictest stands
    personal_data        true | false; true stands
    digest               two different ones are a conflict, and both are kept
    run_state            START | RUNNING | COMPLETE | ABORT | FAIL | OTHER (runs only)
    job                  key of the run's job; two different ones are a conflict (runs only)
    parent               key of the run's parent run (runs only)
    made                 true: the version came into being at this time (versions only)
    operation            overwrite | append | delete | truncate (versions only)
    previous             name of the version before (versions only)
    same_as              list of keys that name this very node too
    renamed_from         key that the node had until this time
    dropped              true: from this time on no version is current
    state                serving | stopped | failed | active | suspended | open | closed ...
    ==================== ==============================================================
    """

    node: NodeKey
    facets: dict[str, bytes] = {}
    attributes: dict[str, Any] = {}
