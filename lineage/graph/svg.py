"""A lineage picture as SVG: no script, no inline style; every box a link, every colour a CSS class.

`static/css/picture.css` holds the colours; a picture that leaves the page carries them inside.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from html import escape
from typing import NamedTuple

from django.utils.safestring import SafeString

from lineage.graph.layout import MARGIN, Layout, Place, Point, lay_out
from lineage.graph.picture import Box, Line, Picture, failed_checks

BOX_WIDTH = 256.0
BOX_HEIGHT = 52.0
MARKED_HEIGHT = 68.0
TEXT_LEFT = 40.0
BUTTON = 24.0
EDGE = 6.0
#: The font sizes of a box's lines, in pixels.
SIZES = {"name": 12.5, "detail": 11.0, "mark": 11.0}
CAPTION_HEIGHT = 20.0

#: The shapes that tell kinds apart where colours don't.
LOOKS = {
    "dataset": "data",
    "dataset_version": "data",
    "job": "run",
    "run": "run",
    "model": "model",
    "model_version": "model",
    "deployment": "deployment",
    "outcome": "outcome",
    "incident": "incident",
    "agent": "agent",
    "agent_version": "agent",
    "tool": "agent",
}
#: Drawn in a square of 20 units.
ICONS = {
    "data": "M3 5c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3zm0 0v10c0 1.7 3.1 3 7 3s7-1.3 7-3V5"
    "M3 10c0 1.7 3.1 3 7 3s7-1.3 7-3",
    "run": "M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM8 6.5v7l5.5-3.5z",
    "model": "M10 1.8l7 4.1v8.2l-7 4.1-7-4.1V5.9zM10 10l7-4.1M10 10L3 5.9M10 10v8.2",
    "deployment": "M2.5 3h15v6h-15zM2.5 11h15v6h-15zM5.5 6h2M5.5 14h2",
    "outcome": "M4 2h8l4 4v12H4zM12 2v4h4M7 12l2 2 4-4",
    "incident": "M10 2.5L18 17H2zM10 8v4M10 14.2v.3",
    "agent": "M4 7h12v9H4zM10 7V3M7.5 11v1.5M12.5 11v1.5M2 10v3M18 10v3",
    "other": "M3 3h6v6H3zM11 3h6v6h-6zM3 11h6v6H3zM11 11h6v6h-6z",
}
NARROW = frozenset("iljtfrI.,:;|!'()[]/ -·")
WIDE = frozenset("mwMW@%…—")


class Links(NamedTuple):
    """Where a box leads: itself, the page about it, and its folding in or out. Empty: no link."""

    box: str = ""
    page: str = ""
    fold: str = ""


def look_of(kind: str) -> str:
    return LOOKS.get(kind, "other")


def anchor_of(box: str) -> str:
    """The element id of a box, for links within the page."""
    return "n-" + blake2b(box.encode(), digest_size=6).hexdigest()


def text_width(text: str, size: float) -> float:
    """About how wide a text is in pixels, in a common sans-serif; rather too much than too little."""
    width = 0.0
    for char in text:
        if char in NARROW:
            width += 0.34
        elif char in WIDE or char > "\u2e7f":
            width += 1.0
        elif char.isupper():
            width += 0.72
        else:
            width += 0.57
    return width * size


def fitted(text: str, size: float, width: float) -> str:
    """The text, with its middle left out where it is wider than `width` pixels."""
    if text_width(text, size) <= width:
        return text
    keep = len(text)
    while keep > 2:
        keep -= 1
        head = keep * 2 // 5
        short = f"{text[:head]}…{text[len(text) - (keep - head) :]}"
        if text_width(short, size) <= width:
            return short
    return "…"


def layout_of(picture: Picture) -> Layout:
    sizes = {
        box.id: (BOX_WIDTH, MARKED_HEIGHT if box.marks else BOX_HEIGHT) for box in picture.boxes.values()
    }
    focus = [box.id for box in picture.boxes.values() if box.focus]
    return lay_out(sizes, [(line.source, line.target) for line in picture.lines], focus)


def draw_svg(
    picture: Picture,
    links: Callable[[Box], Links],
    *,
    title: str,
    description: str,
    style: str = "",
    caption: Sequence[str] = (),
) -> SafeString:
    """Return the picture as one `<svg>` element.

    `style` is CSS to carry inside, and `caption` lines of text above the picture: for a file that is
    looked at elsewhere.
    """
    layout = layout_of(picture)
    above = CAPTION_HEIGHT * len(caption) + (MARGIN if caption else 0)
    width, height = max(layout.width, 640.0 if caption else 0), layout.height + above
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" role="group" '
            f'aria-labelledby="picture-title picture-description" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 {-above:.0f} {width:.0f} {height:.0f}">'
        ),
        f'<title id="picture-title">{escape(title)}</title>',
        f'<desc id="picture-description">{escape(description)}</desc>',
    ]
    if style:
        parts.append(f"<style>{style}</style>")
    parts.append(definitions(picture))
    if caption:
        parts.append(f'<rect class="ground" y="{-above:.0f}" width="100%" height="100%"/>')
        for index, text in enumerate(caption):
            y = MARGIN + CAPTION_HEIGHT * (index + 0.5) - above
            parts.append(f'<text class="caption" x="{MARGIN:.0f}" y="{y:.0f}">{escape(text)}</text>')
    parts.append('<g class="lines" aria-hidden="true">')
    for line, route in zip(picture.lines, layout.routes, strict=True):
        parts.append(line_svg(line, route, picture))
    parts.append("</g>")
    # Boxes in reading order: so does the Tab key go through them.
    in_order = sorted(layout.places.items(), key=lambda item: (item[1].column, item[1].y))
    parts += [box_svg(picture.boxes[key], place, links(picture.boxes[key])) for key, place in in_order]
    parts.append("</svg>")
    return SafeString("".join(parts))


def definitions(picture: Picture) -> str:
    looks = sorted({look_of(box.kind) for box in picture.boxes.values()})
    symbols = "".join(
        f'<symbol id="icon-{look}" viewBox="0 0 20 20"><path d="{ICONS[look]}"/></symbol>' for look in looks
    )
    arrow = '<path d="M0 0L8 4L0 8z"/></marker>'
    size = 'viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse"'
    return f'<defs>{symbols}<marker id="arrow" class="arrow" orient="auto" {size}>{arrow}</defs>'


def line_svg(line: Line, route: Sequence[Point], picture: Picture) -> str:
    if not route:
        return ""
    source, target = picture.boxes[line.source], picture.boxes[line.target]
    kinds = ", ".join(kind.replace("_", " ") for kind in line.kinds)
    title = f"{source.name} → {target.name}: {kinds}" + (f" ({line.edges} edges)" if line.edges > 1 else "")
    title += ", inferred" if line.inferred else ""
    look = "line inferred" if line.inferred else "line"
    return (
        f'<path class="{look} {" ".join(line.kinds)}" d="{path_of(route)}" marker-end="url(#arrow)">'
        f"<title>{escape(title)}</title></path>"
    )


def path_of(route: Sequence[Point]) -> str:
    """Level where the route crosses a column, an even curve between two columns."""
    at = route[0]
    path = [f"M{at.x:.1f} {at.y:.1f}"]
    for point in route[1:]:
        if abs(point.y - at.y) < 0.05:
            path.append(f"H{point.x:.1f}")
        else:
            bend = (at.x + point.x) / 2
            path.append(f"C{bend:.1f} {at.y:.1f} {bend:.1f} {point.y:.1f} {point.x:.1f} {point.y:.1f}")
        at = point
    return "".join(path)


def outline(look: str, width: float, height: float, *, small: bool = False) -> str:
    """The outline of a box, by its kind's look."""
    cut, fold, inset = (5, 6, 2) if small else (12, 14, 3)
    if look == "run":
        return f'<rect class="outline" width="{width:.0f}" height="{height:.0f}" rx="{height / 2:.0f}"/>'
    if look == "model":
        return (
            f'<path class="outline" d="M{cut} 0H{width - cut:.0f}L{width:.0f} {cut}V{height - cut:.0f}'
            f'L{width - cut:.0f} {height:.0f}H{cut}L0 {height - cut:.0f}V{cut}z"/>'
        )
    if look == "outcome":
        return (
            f'<path class="outline" d="M0 0H{width - fold:.0f}L{width:.0f} {fold}V{height:.0f}H0z"/>'
            f'<path class="outline" d="M{width - fold:.0f} 0V{fold}H{width:.0f}"/>'
        )
    plain = f'<rect class="outline" width="{width:.0f}" height="{height:.0f}" rx="5"/>'
    if look == "deployment":
        size = f'width="{width - 2 * inset:.0f}" height="{height - 2 * inset:.0f}"'
        return f'{plain}<rect class="outline inner" x="{inset}" y="{inset}" {size} rx="3"/>'
    return plain


def box_svg(box: Box, place: Place, links: Links) -> str:
    look = look_of(box.kind)
    classes = ["box", look, *mark_classes(box)]
    buttons = bool(links.page) + bool(links.fold)
    room = place.width - TEXT_LEFT - buttons * BUTTON - EDGE - 4
    texts = texts_of(box, room)
    whole = " ".join(text for _, text, _ in texts)
    shown = " ".join(short for _, _, short in texts)
    # What is read out begins with what is seen, so that it can also be spoken to.
    label = shown if whole == shown else f"{shown} ({whole})"
    label += ", open this group" if box.is_group else f", {box.kind.replace('_', ' ')}"
    at = f'transform="translate({place.x:.1f} {place.y:.1f})"'
    parts = [f'<g class="{" ".join(classes)}" id="{anchor_of(box.id)}" {at}>']
    inside = [f"<title>{escape(whole)}</title>"]
    if box.is_group:
        inside.append(f'<g transform="translate(5 5)">{outline(look, place.width, place.height)}</g>')
    inside.append(outline(look, place.width, place.height))
    middle = place.height / 2
    inside.append(
        f'<use href="#icon-{look}" class="glyph" x="12" y="{middle - 10:.0f}" width="20" height="20"/>'
    )
    inside.append(text_svg(texts, room, place.height))
    if links.box:
        parts.append(f'<a href="{escape(links.box)}" aria-label="{escape(label)}">{"".join(inside)}</a>')
    else:
        parts += inside
    name = f"{box.name}, {box.detail}"
    y = middle - BUTTON / 2
    x = place.width - BUTTON - EDGE
    if links.fold:
        text, sign = fold_words(box, name)
        parts.append(button_svg("fold", links.fold, text, sign, x, y))
        x -= BUTTON
    if links.page:
        parts.append(button_svg("page", links.page, f"Page of {name}", "i", x, y))
    parts.append("</g>")
    return "".join(parts)


def texts_of(box: Box, room: float) -> list[tuple[str, str, str]]:
    """The lines of text of a box: their look, the whole text, and what of it fits in `room` pixels."""
    lines = [("name", box.name), ("detail", box.detail), ("mark", ", ".join(box.marks))]
    return [(look, text, fitted(text, SIZES[look], room)) for look, text in lines if text]


def text_svg(texts: Sequence[tuple[str, str, str]], room: float, height: float) -> str:
    """The lines of text in place; a nested `<svg>` cuts off what is wider than was reckoned."""
    y = height / 2 - 8 * (len(texts) - 1) + 4
    drawn = " ".join(
        f'<text class="{look}" y="{y + 16 * index:.1f}" font-size="{SIZES[look]}">{escape(short)}</text>'
        for index, (look, _, short) in enumerate(texts)
    )
    return f'<svg x="{TEXT_LEFT:.0f}" width="{room:.0f}" height="{height:.0f}">{drawn}</svg>'


def button_svg(look: str, href: str, label: str, sign: str, x: float, y: float) -> str:
    side, middle = f"{BUTTON:.0f}", f"{BUTTON / 2:.0f}"
    return (
        f'<a class="button {look}" href="{escape(href)}" aria-label="{escape(label)}" '
        f'transform="translate({x:.0f} {y:.0f})"><title>{escape(label)}</title>'
        f'<rect width="{side}" height="{side}"/><circle cx="{middle}" cy="{middle}" r="9"/>'
        f'<text x="{middle}" y="{BUTTON / 2 + 4:.0f}" text-anchor="middle">{escape(sign)}</text>'
        "</a>"
    )


def fold_words(box: Box, name: str) -> tuple[str, str]:
    """What the folding link says, and its sign."""
    if box.hidden:
        return (
            f"Show the {box.hidden} hidden behind {name}",
            f"+{box.hidden}" if box.hidden < 100 else "+",
        )
    if box.more:
        return f"Show what lies beyond {name}", "+"
    return f"Hide what lies beyond {name}", "−"


def sample(classes: str, look: str = "") -> SafeString:
    """A small box or, without a look, a small line, for a legend."""
    if look:
        shape = outline(look, 30, 20, small=True)
        glyph = f'<path class="glyph" d="{ICONS[look]}"/>'
        icon = f'<svg x="8" y="3" width="14" height="14" viewBox="0 0 20 20">{glyph}</svg>'
        inside = f'<g class="box {classes}" transform="translate(2 2)">{shape}{icon}</g>'
    else:
        inside = f'<path class="line {classes}" d="M2 12H32"/>'
    return SafeString(f'<svg class="picture" width="34" height="24" aria-hidden="true">{inside}</svg>')


def mark_classes(box: Box) -> list[str]:
    """CSS classes for what needs attention."""
    classes = ["group"] if box.is_group else []
    if box.focus:
        classes.append("focus")
    if any(failed_checks(node) for node in box.members) or any("failed" in mark for mark in box.marks):
        classes.append("failing")
    if any(node.conflicting for node in box.members):
        classes.append("conflicting")
    if "unknown" in box.marks:
        classes.append("unknown")
    if box.members and all(node.inferred for node in box.members):
        classes.append("guessed")
    return classes
