"""Is one volume fit for use: slices, kVp, HU, contrast, phase, mask.

In: Volume, mask (z, y, x), settings of the modality. Out: findings, each with a check of its own.
Source: requirements IMG-CT, IMG-MRI, IMG-US, IST-01; limits from config, project defaults.
"""

import numpy as np
import SimpleITK as sitk

from scripts.imaging.volumes import Finding, Volume

REQUIREMENT = {"ct": "IMG-CT", "mri": "IMG-MRI", "us": "IMG-US"}
_AIR_HU = (-1100.0, -900.0)


def _verdict(ok: bool, bad: str = "FAIL") -> str:
    return "PASS" if ok else bad


def check_slices(volume: Volume, modality: str, settings: dict) -> list[Finding]:
    """Slice thickness or spacing, the larger of the two, against the warning and failure limits."""
    facts = volume.acquisition
    known = [facts.get("slice_thickness_mm"), facts.get("slice_spacing_mm")]
    thick = round(max(value for value in known if value), 3)
    limit, warn = settings["slice_fail_mm"], settings["slice_warn_mm"]
    verdict = "FAIL" if thick > limit else _verdict(thick <= warn, "WARN")
    reason = f"slices of {thick:g} mm (limits: warn > {warn:g}, fail > {limit:g} mm)"
    threshold = f"<= {limit:g} mm"
    requirement = REQUIREMENT[modality]
    return [Finding(requirement, "slice thickness", verdict, thick, "mm", threshold, reason)]


def check_required_fields(volume: Volume, modality: str, settings: dict) -> list[Finding]:
    """Acquisition fields that DICOM must carry (kVp); other formats cannot, so NOT_ASSESSED."""
    found = []
    for field in settings["required_fields"]:
        value = volume.acquisition.get(field)
        if volume.acquisition["format"] != "dicom":
            verdict, reason = "NOT_ASSESSED", f"{field} is not in this file format"
        elif value is None:
            verdict, reason = "FAIL", f"{field} is blank in the DICOM header"
        else:
            verdict, reason = "PASS", ""
        found.append(
            Finding(REQUIREMENT[modality], f"{field} recorded", verdict, value, reason=reason)
        )
    return found


def check_hounsfield(volume: Volume, region: np.ndarray, settings: dict) -> list[Finding]:
    """HU are plausible: negative values exist, air near -1000, and the region is soft tissue."""
    array = sitk.GetArrayViewFromImage(volume.image)
    lowest = float(array.min())
    found = []
    if lowest > -200 and float(array.max()) > 200:
        reason = f"no value below {lowest:.0f}: these are no HU (rescale missing?)"
        found.append(Finding("IMG-CT", "values are HU", "FAIL", lowest, "HU", reason=reason))
    else:
        inside = array[(array > _AIR_HU[0]) & (array < _AIR_HU[1])]
        air = float(np.median(inside)) if len(inside) else None
        ok = air is not None and abs(air + 1000) <= settings["air_tolerance_hu"]
        reason = "" if ok else "no air near -1000 HU in the image; check rescale and field of view"
        verdict = _verdict(ok, "WARN")
        found.append(Finding("IMG-CT", "air near -1000 HU", verdict, air, "HU", reason=reason))
    low, high = settings["region_hu"]
    middle = float(np.median(array[region]))
    reason = f"median of the region is {middle:.0f} HU, expected {low:g} to {high:g}: wrong place?"
    verdict = _verdict(low <= middle <= high)
    threshold = f"{low:g} to {high:g} HU"
    found.append(Finding("IMG-CT", "region HU plausible", verdict, middle, "HU", threshold, reason))
    return found


def has_contrast(facts: dict) -> bool | None:
    """Intravenous contrast: agent recorded and not oral or rectal only; None when not in the file."""
    if facts.get("format") != "dicom":
        return None
    route = (facts.get("contrast_route") or "").lower()
    only_gut = any(w in route for w in ("oral", "rectal", "po")) and not any(
        w in route for w in ("iv", "intraven", "vein")
    )
    return bool(facts.get("contrast_agent")) and not only_gut


def phase_of(volume: Volume, row: dict) -> tuple[str | None, str]:
    """The contrast phase and its source: the sheet, else the series description, else unknown."""
    if row.get("phase"):
        return row["phase"], "sheet"
    hint = volume.acquisition.get("phase_hint")
    return (hint, "series description") if hint else (None, "unknown")


def check_phase(volume: Volume, row: dict, modality: str) -> list[Finding]:
    """The sheet's phase against the series description, and against the contrast that was given."""
    requirement = REQUIREMENT[modality]
    phase, source = phase_of(volume, row)
    hint = volume.acquisition.get("phase_hint")
    found = []
    if phase is None:
        verdict = "NOT_ASSESSED"
        found.append(Finding(requirement, "phase recorded", verdict, reason="no phase given"))
    else:
        agree = hint is None or hint == phase
        reason = "" if agree else f"the sheet says {phase}, the series description {hint}"
        verdict = _verdict(agree, "WARN")
        found.append(
            Finding(requirement, "phase recorded", verdict, phase, "", source, reason=reason)
        )
    contrast = has_contrast(volume.acquisition)
    if phase not in (None, "native"):
        verdict = "NOT_ASSESSED" if contrast is None else _verdict(contrast, "WARN")
        reason = "" if verdict == "PASS" else f"no intravenous contrast recorded for {phase} phase"
        found.append(Finding(requirement, "contrast recorded", verdict, reason=reason))
    return found


def check_region(region: np.ndarray, settings: dict, modality: str) -> list[Finding]:
    """The region is large enough and does not touch the image's edge (all axes longer than 1)."""
    requirement = REQUIREMENT[modality]
    count, limit = int(region.sum()), settings["min_voxels"]
    reason = f"the region has {count} voxels, at least {limit} are needed"
    found = [
        Finding(
            requirement, "region size", _verdict(count >= limit), count, "voxels", f">= {limit}"
        )
        if count >= limit
        else Finding(requirement, "region size", "FAIL", count, "voxels", f">= {limit}", reason)
    ]
    touched = [
        axis
        for axis, n in enumerate(region.shape)
        if n > 1 and (region.take(0, axis).any() or region.take(n - 1, axis).any())
    ]
    reason = "the region touches the edge of the image and may be cut off" if touched else ""
    verdict = _verdict(not touched, "WARN")
    found.append(Finding(requirement, "region inside the image", verdict, reason=reason))
    return found


def ring_median(volume: Volume, region: np.ndarray, settings: dict) -> float | None:
    """Median HU of soft tissue 3 to 12 mm around the region: liver, when the region is a lesion."""
    from scipy.ndimage import distance_transform_edt

    from scripts.imaging.volumes import crop_box

    spacing = volume.image.GetSpacing()
    box = crop_box(region, spacing, 14.0)
    near = distance_transform_edt(~region[box], sampling=spacing[::-1])
    values = sitk.GetArrayViewFromImage(volume.image)[box][(near >= 3) & (near <= 12)]
    low, high = settings["region_hu"]
    tissue = values[(values > max(low, 0)) & (values < high)]
    return float(np.median(tissue)) if len(tissue) >= 100 else None


def swapped_phases(
    surroundings: dict[str, float | None], seconds: dict[str, float | None], margin_hu: float
) -> dict[str, str]:
    """{phase: reason} for phases of one CT study that cannot be what the sheet calls them.

    surroundings : median HU around the lesion; liver is brighter in the portal phase than in the
        arterial, by more than -margin_hu; seconds : acquisition times, arterial < portal < delayed
    """
    found: dict[str, str] = {}
    order = [p for p in ("native", "arterial", "portal", "delayed") if p in seconds]
    for first, second in zip(order, order[1:], strict=False):
        earlier, later = seconds[first], seconds[second]
        if earlier is not None and later is not None and later < earlier:
            reason = f"phases look swapped: {second} was acquired before {first}"
            found |= dict.fromkeys((first, second), reason)
    arterial, portal = surroundings.get("arterial"), surroundings.get("portal")
    if arterial is not None and portal is not None and arterial > portal + margin_hu:
        reason = (
            f"phases look swapped: liver {arterial:.0f} HU in arterial, {portal:.0f} HU in portal"
        )
        found |= dict.fromkeys(("arterial", "portal"), reason)
    return found
