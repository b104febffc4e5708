"""Facts of an acquisition from a DICOM header, none of which identifies a person.

In: pydicom datasets of one series, single-frame or enhanced. Out: plain values, a blank field is None; time of acquisition.
Source: DICOM PS3.3 C.8.2.1, C.8.15.3 (CT), C.8.3.1, C.8.13.5 (MR), C.7.6.4, C.7.6.4b (contrast), C.7.6.16.2 (functional groups).
"""

import datetime
import math
import re
from dataclasses import dataclass

from scripts.core.privacy import identifier_in_words
from scripts.imaging.phase_words import phase_in_text

# Where enhanced images keep what single frames have at the top.
_GROUPS = {
    "KVP": (("CTXRayDetailsSequence", "KVP"),),
    "ConvolutionKernel": (("CTReconstructionSequence", "ConvolutionKernel"),),
    "SliceThickness": (("PixelMeasuresSequence", "SliceThickness"),),
    "SpacingBetweenSlices": (("PixelMeasuresSequence", "SpacingBetweenSlices"),),
    "RepetitionTime": (("MRTimingAndRelatedParametersSequence", "RepetitionTime"),),
    "EchoTime": (("MREchoSequence", "EffectiveEchoTime"),),
    "DiffusionBValue": (("MRDiffusionSequence", "DiffusionBValue"),),
    "ContrastBolusAgentAdministered": (
        ("ContrastBolusUsageSequence", "ContrastBolusAgentAdministered"),
    ),
    "FrameAcquisitionDateTime": (
        ("FrameContentSequence", "FrameAcquisitionDateTime"),
        ("FrameContentSequence", "FrameReferenceDateTime"),
    ),
}
_UNASSIGNED = (
    "UnassignedSharedConvertedAttributesSequence",
    "UnassignedPerFrameConvertedAttributesSequence",
)
_NO_AGENT = {"none", "no", "n", "n/a", "na", "-", "0", "without", "nativ", "native", "ohne", "无"}
_GUT = r"(?<![a-z])(?:per)?(?:oral|rectal|po\b|p\.o)|口服|直肠"
_VEIN = r"(?<![a-z])(?:iv\b|i\.v|intra-?ven)|vein|venous|静脉"


@dataclass(frozen=True)
class Moment:
    """When an acquisition began: day (ordinal, None when the header gives none) and second of the day. Never written out."""

    day: int | None
    second: float

    def until(self, other: "Moment") -> float:
        """Seconds to another moment; without both days the shorter way round the clock."""
        apart = other.second - self.second
        if self.day is not None and other.day is not None:
            return apart + 86400 * (other.day - self.day)
        return (apart + 43200) % 86400 - 43200


def values_of(dataset, keyword: str) -> list:
    """Distinct values of a field that are not blank: at the top, else in the shared, else in the frames' functional groups."""
    top = dataset.get(keyword)
    if not _blank(top):
        return [top]
    places = [(sequence, keyword) for sequence in _UNASSIGNED]
    places = [*_GROUPS.get(keyword, ()), *places]
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        found = []
        for item in dataset.get(groups) or ():
            for sequence, name in places:
                inner = item.get(sequence) or ()
                found += [part.get(name) for part in inner if not _blank(part.get(name))]
        if found:
            return list(dict.fromkeys(map(_hashable, found)))
    return []


def _blank(value) -> bool:
    return (
        value is None or (isinstance(value, str) and not value.strip()) or str(value) in ("", "[]")
    )


def _hashable(value):
    return value if isinstance(value, str | int | float) else str(value)


def numbers_of(datasets: list, keyword: str) -> list[float]:
    """Sorted distinct finite numbers of a field over the datasets of a series."""
    found = set()
    for dataset in datasets:
        for value in values_of(dataset, keyword):
            try:
                number = float(value)
            except (TypeError, ValueError):
                continue
            if math.isfinite(number):
                found.add(number)
    return sorted(found)


def plain_text(value) -> str | None:
    """A text of a header that may be written out: None when blank, `withheld` when it holds an identifier or is too long."""
    text = " ".join(str(value or "").split())
    if not text:
        return None
    unlike_a_device = len(text) > 64 or re.search(r"\d{6,}", re.sub(r"[^0-9A-Za-z]", "", text))
    return "withheld" if unlike_a_device or identifier_in_words(text) else text


def acquisition_of(datasets: list, gap: float) -> dict:
    """Facts of the acquisition that carry no identifier; a field that is blank is None.

    Of a number that differs between slices the smallest is given, and `varying` names the field.
    """
    head = datasets[0]
    fields = {
        "kvp": "KVP",
        "slice_thickness_mm": "SliceThickness",
        "field_strength_t": "MagneticFieldStrength",
        "repetition_time_ms": "RepetitionTime",
        "echo_time_ms": "EchoTime",
    }
    numbers = {name: numbers_of(datasets, keyword) for name, keyword in fields.items()}
    kernel = next(iter(values_of(head, "ConvolutionKernel")), None)
    if kernel is not None and not isinstance(kernel, str):
        kernel = "/".join(map(str, kernel))
    return {
        "format": "dicom",
        "manufacturer": plain_text(head.get("Manufacturer")),
        "model": plain_text(head.get("ManufacturerModelName")),
        **{name: (found[0] if found else None) or None for name, found in numbers.items()},
        "kernel": plain_text(kernel),
        "slice_spacing_mm": round(gap, 4),
        "contrast_agent": has_agent(head),
        "contrast_route": route_of(head),
        "phase_of_series": phase_of_series(head),
        "varying": sorted(
            name for name in ("kvp", "echo_time_ms", "repetition_time_ms") if len(numbers[name]) > 1
        ),
    }


def has_agent(head) -> bool:
    """Whether the header records a contrast agent; words such as "none" are no agent."""
    if {str(v).upper() for v in values_of(head, "ContrastBolusAgentAdministered")} == {"NO"}:
        return False
    texts = [str(v).strip().lower() for v in values_of(head, "ContrastBolusAgent")]
    return bool([t for t in texts if t not in _NO_AGENT]) or bool(
        head.get("ContrastBolusAgentSequence")
    )


def route_of(head) -> str | None:
    """The route of the contrast agent in words: "iv", "gut" or both; None when none is recorded."""
    words = [str(head.get("ContrastBolusRoute") or "")]
    items = list(head.get("ContrastBolusAgentSequence") or ())
    for item in [head, *items]:
        for code in item.get("ContrastBolusAdministrationRouteSequence") or ():
            words.append(str(code.get("CodeMeaning") or ""))
    text = " ".join(words).lower()
    found = ["iv"] if re.search(_VEIN, text) else []
    found += ["gut"] if re.search(_GUT, text) else []
    return "+".join(found) or None


def phase_of_series(head) -> str | None:
    """The phase that the series description names, else the protocol's name."""
    for keyword in ("SeriesDescription", "ProtocolName"):
        phase = phase_in_text(str(head.get(keyword) or ""))
        if phase:
            return phase
    return None


def moment_of(datasets: list) -> Moment | None:
    """The earliest acquisition of a series: frame, acquisition date and time (DT, or DA and TM); None when not recorded."""
    found = [moment for dataset in datasets for moment in _moments(dataset)]
    dated = [moment for moment in found if moment.day is not None] or found
    return min(dated, key=lambda moment: (moment.day or 0, moment.second), default=None)


def _moments(dataset) -> list[Moment]:
    texts = [str(value) for value in values_of(dataset, "FrameAcquisitionDateTime")]
    texts = texts or [str(dataset.get("AcquisitionDateTime") or "")]
    found = [_moment(text[:8], text[8:]) for text in texts]
    if not any(found):
        date = str(dataset.get("AcquisitionDate") or dataset.get("SeriesDate") or "")
        found = [_moment(date, str(dataset.get("AcquisitionTime") or ""))]
    return [moment for moment in found if moment]


def _moment(date: str, time: str) -> Moment | None:
    match = re.match(r"(\d{2}):?(\d{2}):?(\d{2}(?:\.\d+)?)?", time)
    if not match:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), float(match[3] or 0)
    if hours > 23 or minutes > 59 or seconds >= 61:
        return None
    try:
        day = datetime.datetime.strptime(re.sub(r"[.\-]", "", date)[:8], "%Y%m%d").toordinal()
    except ValueError:
        day = None
    return Moment(day, hours * 3600 + minutes * 60 + seconds)
