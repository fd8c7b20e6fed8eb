"""One object as it looks: a frame of it, in a window that can be chosen, to see that an image is an image.

Links and a form do all of it; a script adds dragging for the window, and the wheel for frames.
"""

import io
import json

from edge.verbs.verb import Misused, Refused
from edge.web import page, studies, words
from edge.web.markup import el, join

_SIZE = 1024
_PROBE = 256  # a small picture, made to learn what the object says
_PRESETS = (
    ("brain", 40, 80), ("soft tissue", 40, 400), ("lung", -600, 1500), ("bone", 400, 1800),
)  # fmt: skip


def render(ask, request):
    """Return the page."""
    asked = page.asked("center", "width", numbers=("object", "frame"))(request.args)
    if "object" not in asked:
        raise Misused("say which object: choose one of a study")
    number = asked["object"]
    known = ask("object", object=number)[1]
    try:
        told = ask("picture", size=_PROBE, file=io.BytesIO(), **asked)[1]
        seen = _picture(told, asked, known["modality"] == "CT")
    except Misused:
        raise
    except Refused as refusal:
        told = None
        seen = el("p", page.state("warn", str(refusal)), class_="no-picture")
    return join(
        page.card("", el("p", el("strong", studies.NOT_FOR_DIAGNOSIS), class_="soft"), seen),
        page.card(
            "Object %d" % number,
            _facts(known, told),
            studies.take_away("Download as DICOM file", "object-%d.dcm" % number, object=number),
        ),
        studies.send_form(ask, request, object=number),
    )


def _facts(each, told):
    size = told and "%d × %d, %s%s" % (
        told["columns"], told["rows"], told["photometric"] or "no named kind of colour",
        ", " + words.count(told["frames"], "frame") if told["frames"] > 1 else "")  # fmt: skip
    return page.facts(
        ("Study", page.link("all of the study", "/study", key=each["study_key"])),
        ("Kind", each["kind"]),
        ("Pixels", size),
        ("Transfer syntax", each["syntax"]),
        ("SOP Instance UID", el("code", each["sop_instance"])),
        ("Received", join(words.when(each["received"]), each["calling"] and " from " + each["calling"])),
        ("Size", words.octets(each["bytes"])),
        ("Where it went", studies.went(each["destinations"])),
        ("Held", each["hold"] and page.state("warn", each["error"] or each["hold"])),
    )


def _picture(told, asked, is_ct):
    window = {name: asked[name] for name in ("center", "width") if name in asked}
    number, frame, frames = asked["object"], told["frame"], told["frames"]

    def to(words_of, **changed):
        return page.link(words_of, "/picture", **{"object": number, "frame": frame, **window, **changed})

    at = window
    if not window and told["center"] is not None and not told["windows"]:  # found in the small one: it is to stay so
        at = {"center": repr(told["center"]), "width": repr(told["width"])}
    longer = max(told["columns"], told["rows"])
    size = min(longer, _SIZE)
    about = {"object": number, "frame": frame, "frames": frames, "size": _SIZE, "grey": not told["colour"]}
    about.update(center=told["center"], width=told["width"])
    image = el(
        "img", id="picture", src=page.at("/api/v1/picture", object=number, frame=frame, size=_SIZE, **at),
        alt="frame %d of %d of object %d" % (frame, frames, number), data_picture=json.dumps(about),
        width=max(1, told["columns"] * size // longer), height=max(1, told["rows"] * size // longer),
    )  # fmt: skip
    moves = []
    if frames > 1:
        steps = (("First", 1), ("Previous", max(1, frame - 1)), ("Next", min(frames, frame + 1)), ("Last", frames))
        moves = el("nav", [to(label, frame=at) for label, at in steps], class_="row", aria_label="Frames")
    windows = []
    if not told["colour"]:
        own = [(each["name"] or "window %d" % number_of, each["center"], each["width"])
               for number_of, each in enumerate(told["windows"], 1)]  # fmt: skip
        presets = [to(name, center=_figure(center), width=_figure(width)) for name, center, width in own]
        if is_ct:
            presets += [to(name, center=center, width=width) for name, center, width in _PRESETS]
        windows = el("nav", to("As it comes", center=None, width=None), presets, class_="row", aria_label="Windows")
    fields = []
    if frames > 1:
        fields.append(page.field("Frame, 1 to %d" % frames, "frame", frame, type="number", min=1, max=frames))
    if not told["colour"]:
        fields.append(page.field("Center", "center", _figure(told["center"]), inputmode="decimal"))
        fields.append(page.field("Width", "width", _figure(told["width"]), inputmode="decimal"))
    form = fields and page.search(
        "/picture", el("input", type="hidden", name="object", value=number), fields, page.button("Show", "quiet")
    )
    return join(el("figure", image, el("figcaption", _caption(told)), class_="picture"), moves, windows, form)


def _caption(told):
    said = "frame %d of %d" % (told["frame"], told["frames"]) if told["frames"] > 1 else ""
    if told["function"] == "LUT":
        return ", ".join([part for part in (said, "shades by the object's own table") if part])
    if told["center"] is not None:
        window = "center %s, width %s" % (_figure(told["center"]), _figure(told["width"]))
        return ", ".join([part for part in (said, window) if part])
    return said


def _figure(value):
    return "" if value is None else "%g" % value


PAGES = (page.Page("/picture", "Image", "viewer", render),)
