"""Several images in one DICOM series (echoes, Dixon images, b-values, dynamic phases) told apart by their tags.

In: planes of a series, the part that the sheet or a mask means. Out: the planes of one image.
Source: DICOM PS3.3 C.7.6.1 (ImageType), C.8.3.1 (echo), C.8.13.5.9 (diffusion), C.7.6.16.2.2 (temporal position).
"""

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from scripts.imaging.dicom_header import values_of
from scripts.imaging.dicom_planes import SAME_PLACE_MM, Plane, defect_of

# Tags that tell images of one series apart, the most telling first.
PART_TAGS = (
    "DiffusionBValue",
    "EchoTime",
    "EchoNumbers",
    "ImageType",
    "ComplexImageComponent",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "InversionTime",
    "TriggerTime",
    "NominalCardiacTriggerDelayTime",
    "ConvolutionKernel",
    "KVP",
    "AcquisitionNumber",
    "StackID",
    "SeriesDescription",
    "ContentTime",
    "AcquisitionTime",
)
_IN_FRAME = {
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType"),
    "ComplexImageComponent": ("MRImageFrameTypeSequence", "ComplexImageComponent"),
    "TemporalPositionIndex": ("FrameContentSequence", "TemporalPositionIndex"),
    "NominalCardiacTriggerDelayTime": (
        "CardiacSynchronizationSequence",
        "NominalCardiacTriggerDelayTime",
    ),
    "StackID": ("FrameContentSequence", "StackID"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
}
_WITHHELD = (
    "SeriesDescription",
    "ContentTime",
    "AcquisitionTime",
)  # told apart by it, never repeated
_MOST_LISTED = 12


def value_of(plane: Plane, tag: str) -> str:
    """A tag of one slice as text, "" when blank; of ImageType the values after ORIGINAL\\PRIMARY."""
    value = None
    if plane.own is not None and tag in _IN_FRAME:
        sequence, name = _IN_FRAME[tag]
        inner = plane.own.get(sequence) or ()
        if not inner and tag == "ImageType":
            inner, name = plane.own.get("CTImageFrameTypeSequence") or (), "FrameType"
        value = inner[0].get(name) if len(inner) else None
    else:
        found = values_of(plane.dataset, tag)
        value = found[0] if len(found) == 1 else None
    if value is None:
        return ""
    if tag == "ImageType":
        return "-".join(map(str, list(value)[2:])) if not isinstance(value, str) else value
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return str(value)


def parts_of(planes: list[Plane]) -> tuple[str, dict[str, list[Plane]]]:
    """(tag, {value: planes}) where one tag splits the planes into whole stacks that cover one place once; ("", {}) otherwise."""
    normal = planes[0].normal
    places = np.rint([float(p.position @ normal) / SAME_PLACE_MM for p in planes])
    several = len(places) - len(set(places))
    for tag in PART_TAGS if several else ():
        groups: dict[str, list[int]] = defaultdict(list)
        for number, plane in enumerate(planes):
            groups[value_of(plane, tag)].append(number)
        stacks = [places[numbers] for numbers in groups.values()]
        if len(groups) > 1 and all(len(set(stack)) == len(stack) for stack in stacks):
            return tag, {value: [planes[n] for n in numbers] for value, numbers in groups.items()}
    return "", {}


def choose_part(planes: list[Plane], wanted: str, drawn_on: Callable[[], set[str]]) -> list[Plane]:
    """The slices of the one image that is meant; all of them when the series holds one image.

    wanted : `tag=value` of assays.tsv (`part`), "" when not given; drawn_on : UIDs of the slices that a mask refers to.
    InputDefect when several are left; it lists what to write.
    """
    tag, parts = parts_of(planes)
    if not parts and not wanted:
        return planes
    defect = defect_of([planes[0].dataset])
    name, _, value = wanted.partition("=")
    if wanted:
        chosen = [p for p in planes if value_of(p, name) == _as_number(value)]
        if not chosen:
            raise defect(
                "one image of the series",
                f"no slice of the series has {wanted} (part in assays.tsv)",
            )
        return choose_part(chosen, "", drawn_on) if parts_of(chosen)[1] else chosen
    named = drawn_on()
    meant = [
        members
        for members in parts.values()
        if any(str(p.dataset.get("SOPInstanceUID")) in named for p in members)
    ]
    if len(meant) == 1 and not any(p.own is not None for p in planes):
        return meant[0]
    values = sorted(parts)
    shown = ", ".join(f"{tag}={v}" for v in values[:_MOST_LISTED] if v and tag not in _WITHHELD)
    raise defect(
        "one image of the series",
        f"the series holds {len(parts)} images that differ in {tag}; choose one in assays.tsv, column part"
        + (f": {shown}" if shown else ""),
    )


def _as_number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text
