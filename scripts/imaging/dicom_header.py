"""Facts of an acquisition from a DICOM header, none of which identifies a person.

In: a pydicom dataset. Out: plain values; a blank field is None; the contrast phase that texts name.
Source: DICOM PS3.3 C.8.2.1 (CT image), C.8.3.1 (MR image), C.7.6.4 (contrast).
"""

import math
import re


def acquisition_of(head, gap: float) -> dict:
    """Facts of the acquisition that carry no identifier; a field that is blank is None."""

    def number(name: str) -> float | None:
        value = head.get(name)
        try:
            value = float(value)
        except (TypeError, ValueError):
            return None
        return value if math.isfinite(value) else None

    def text(name: str) -> str | None:
        return str(head.get(name) or "").strip() or None

    kernel = head.get("ConvolutionKernel")
    return {
        "format": "dicom",
        "manufacturer": text("Manufacturer"),
        "model": text("ManufacturerModelName"),
        "kvp": number("KVP") or None,
        "kernel": (kernel if isinstance(kernel, str) else "/".join(kernel or [])) or None,
        "slice_thickness_mm": number("SliceThickness"),
        "slice_spacing_mm": round(gap, 4),
        "field_strength_t": number("MagneticFieldStrength"),
        "repetition_time_ms": number("RepetitionTime"),
        "echo_time_ms": number("EchoTime"),
        "contrast_agent": text("ContrastBolusAgent") is not None,
        "contrast_route": text("ContrastBolusRoute"),
        "phase_hint": phase_in_text(
            " ".join(str(head.get(k) or "") for k in ("SeriesDescription", "ProtocolName"))
        ),
    }


_PHASE_WORDS = {
    "arterial": ("arterial", "art", "hap", "aphase", "动脉"),
    "portal": ("portal", "venous", "pvp", "pv", "ven", "门静脉", "门脉"),
    "delayed": ("delayed", "delay", "equilibrium", "late", "延迟", "平衡"),
    "hepatobiliary": ("hepatobiliary", "hbp", "肝胆"),
    "native": ("native", "plain", "unenhanced", "noncontrast", "precontrast", "平扫"),
}


def phase_in_text(text: str) -> str | None:
    """The one contrast phase that a series description names, or None when it names none or several."""
    words = set(re.findall(r"[a-z]+|[\u4e00-\u9fff]+", text.lower().replace("non-", "non")))
    found = {
        phase
        for phase, names in _PHASE_WORDS.items()
        if any(n in words or (not n.isascii() and any(n in w for w in words)) for n in names)
    }
    return found.pop() if len(found) == 1 else None


def seconds_of(head) -> float | None:
    """Acquisition time of day in s, or None; only its order between phases is used."""
    text = str(head.get("AcquisitionTime") or "")
    if len(text) < 6 or not text[:6].isdigit():
        text = str(head.get("AcquisitionDateTime") or "")[8:]
    if len(text) < 6 or not text[:6].isdigit():
        return None
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + float(text[4:].split("+")[0].split("-")[0])
