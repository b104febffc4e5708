"""Is one volume fit for use: slices, kVp, HU, contrast, phase, region.

In: what prepare_volumes measured of one block (its part of meta.json), limits. Out: findings, each with a check of its own.
Source: requirements IMG-CT, IMG-MRI, IMG-US, IST-01; limits from config, project defaults.
"""

from dataclasses import dataclass

REQUIREMENT = {"ct": "IMG-CT", "mri": "IMG-MRI", "us": "IMG-US"}
_ONE_EXAMINATION = 12 * 3600  # seconds; phases further apart are of several examinations


@dataclass(frozen=True)
class Finding:
    """One check of one volume: what `Step.check` needs, made where the facts are known."""

    requirement_id: str
    check: str
    verdict: str
    value: float | int | str | None = None
    unit: str = ""
    threshold: str = ""
    reason: str = ""


def record(step, findings: list[Finding], evidence: str) -> None:
    """Hand findings to the step."""
    for finding in findings:
        step.check(
            finding.requirement_id,
            finding.check,
            finding.verdict,
            value=finding.value,
            unit=finding.unit,
            threshold=finding.threshold,
            reason=finding.reason if finding.verdict != "PASS" else "",
            evidence=evidence,
        )


def _verdict(ok: bool, bad: str = "FAIL") -> str:
    return "PASS" if ok else bad


def check_slices(facts: dict, modality: str, limits: dict) -> list[Finding]:
    """Slice thickness or spacing, the larger of the two, against the warning and failure limits.

    Positions are rounded text: a spacing may exceed a limit by the share `spacing_tolerance`.
    """
    known = [facts.get("slice_thickness_mm"), facts.get("slice_spacing_mm")]
    thick = round(max(value for value in known if value), 3)
    limit, warn = limits["slice_fail_mm"], limits["slice_warn_mm"]
    allowed = 1 + limits["spacing_tolerance"]
    verdict = "FAIL" if thick > limit * allowed else _verdict(thick <= warn * allowed, "WARN")
    reason = f"slices of {thick:g} mm (limits: warn > {warn:g}, fail > {limit:g} mm)"
    threshold = f"<= {limit:g} mm"
    return [
        Finding(REQUIREMENT[modality], "slice thickness", verdict, thick, "mm", threshold, reason)
    ]


def check_required_fields(facts: dict, modality: str, limits: dict) -> list[Finding]:
    """Acquisition fields that DICOM must carry (kVp); other formats cannot, so NOT_ASSESSED."""
    found = []
    for field in limits["required_fields"]:
        value = facts.get(field)
        if facts["format"] != "dicom":
            verdict, reason = "NOT_ASSESSED", f"{field} is not in this file format"
        elif value is None:
            verdict, reason = "FAIL", f"{field} is blank in the DICOM header"
        else:
            verdict, reason = "PASS", ""
        found.append(
            Finding(REQUIREMENT[modality], f"{field} recorded", verdict, value, reason=reason)
        )
    return found


def check_hounsfield(measured: dict, limits: dict) -> list[Finding]:
    """HU are plausible: negative values exist, air near -1000, and the region is soft tissue."""
    lowest, air = measured["lowest_hu"], measured["air_hu"]
    found = []
    if lowest > -200 and measured["highest_hu"] > 200:
        reason = f"no value below {lowest:.0f}: these are no HU (rescale missing?)"
        found.append(Finding("IMG-CT", "values are HU", "FAIL", lowest, "HU", reason=reason))
    else:
        ok = air is not None and abs(air + 1000) <= limits["air_tolerance_hu"]
        reason = "" if ok else "no air near -1000 HU in the image; check rescale and field of view"
        verdict = _verdict(ok, "WARN")
        found.append(Finding("IMG-CT", "air near -1000 HU", verdict, air, "HU", reason=reason))
    low, high = limits["region_hu"]
    middle = measured["region_hu"]
    reason = f"median of the region is {middle:.0f} HU, expected {low:g} to {high:g}: wrong place?"
    verdict = _verdict(low <= middle <= high)
    threshold = f"{low:g} to {high:g} HU"
    found.append(Finding("IMG-CT", "region HU plausible", verdict, middle, "HU", threshold, reason))
    return found


def has_contrast(facts: dict) -> bool | None:
    """Intravenous contrast: agent recorded and not oral or rectal only; None when not in the file."""
    if facts.get("format") != "dicom":
        return None
    return bool(facts.get("contrast_agent")) and facts.get("contrast_route") != "gut"


def check_phase(block: dict, modality: str) -> list[Finding]:
    """The sheet's phase against the series description, and against the contrast that was given."""
    requirement, phase = REQUIREMENT[modality], block["phase"]
    hint = block["acquisition"].get("phase_of_series")
    found = []
    if phase is None:
        verdict = "NOT_ASSESSED"
        found.append(Finding(requirement, "phase recorded", verdict, reason="no phase given"))
    else:
        agree = hint is None or hint == phase
        reason = "" if agree else f"the sheet says {phase}, the series description {hint}"
        verdict, source = _verdict(agree, "WARN"), block["phase_source"]
        found.append(
            Finding(requirement, "phase recorded", verdict, phase, "", source, reason=reason)
        )
    contrast = has_contrast(block["acquisition"])
    if phase not in (None, "native"):
        verdict = "NOT_ASSESSED" if contrast is None else _verdict(contrast, "WARN")
        reason = "" if verdict == "PASS" else f"no intravenous contrast recorded for {phase} phase"
        found.append(Finding(requirement, "contrast recorded", verdict, reason=reason))
    return found


def check_region(measured: dict, limits: dict, modality: str) -> list[Finding]:
    """The region is large enough, one piece on every slice, of one label, and does not touch the image's edge."""
    requirement, count, limit = REQUIREMENT[modality], measured["voxels"], limits["min_voxels"]

    def finding(check, ok, reason, value=None, unit="", bad="WARN", threshold=""):
        verdict = _verdict(ok, bad)
        return Finding(requirement, check, verdict, value, unit, threshold, "" if ok else reason)

    reason = f"the region has {count} voxels, at least {limit} are needed"
    found = [
        finding("region size", count >= limit, reason, count, "voxels", "FAIL", f">= {limit}"),
        finding(
            "region inside the image",
            not measured["touches_edge"],
            "the region touches the edge of the image and may be cut off",
        ),
        _pieces(measured, limits["stray_voxels"], finding),
    ]
    labels = measured["labels"]
    reason = f"{labels} labels or segments are measured as one region; name one of them, or region_labels in the configuration"
    found.append(
        finding("one label", labels <= 1 or measured["labels_chosen"], reason, labels, "labels")
    )
    if modality == "us":
        return found
    slices, empty = measured["slices"], measured["empty_slices"]
    reason = f"the region lies in one slice of {measured['slices_of_image']}: its shape is not known in three dimensions"
    one = slices == 1 and measured["slices_of_image"] > 1
    found.append(finding("region on several slices", not one, reason, slices, "slices"))
    reason = f"{empty} slices between slices with the region have none of it; draw them"
    found.append(finding("no slice of the region missing", not empty, reason, empty, "slices"))
    return found


def _pieces(measured: dict, stray_voxels: int, finding) -> Finding:
    count, sizes = measured["piece_count"], measured["pieces"]
    stray = sum(size < stray_voxels for size in sizes[1:]) + max(count - len(sizes), 0)
    lesions = count - stray
    reasons = [f"the region has {count} separate pieces"]
    if stray:
        reasons.append(f"{stray} of fewer than {stray_voxels} voxels (a slip of the brush?)")
    if lesions > 1:
        reasons.append(
            f"{lesions} of the size of a lesion; give each lesion a label or ROI of its own"
        )
    return finding(
        "region in one piece",
        count <= 1,
        ": ".join([reasons[0], ", ".join(reasons[1:])]),
        count,
        "pieces",
    )


def check_readings(measured: dict, limits: dict) -> list[tuple[str, Finding]]:
    """[(assay, finding)]: Dice of every further reading with the first."""
    limit, found = limits["dice_min"], []
    for assay, agreement in measured["dice"].items():
        verdict = _verdict(agreement is not None and agreement >= limit, "WARN")
        threshold = f">= {limit:g}"
        finding = Finding("QCP-03", "Dice between readings", verdict, agreement, "", threshold)
        found.append((assay, finding))
    return found


def swapped_phases(
    surroundings: dict[str, float | None], seconds: dict[str, float | None], margin_hu: float
) -> dict[str, str]:
    """{phase: reason} for phases of one CT study that cannot be what the sheet calls them.

    surroundings : median HU around the lesion; liver is brighter in the portal phase than in the
        arterial, by more than -margin_hu; seconds : acquisition times, arterial < portal < delayed
    """
    found: dict[str, str] = {}
    order = [p for p in ("native", "arterial", "portal", "delayed") if seconds.get(p) is not None]
    for first, second in zip(order, order[1:], strict=False):
        if -_ONE_EXAMINATION < seconds[second] - seconds[first] < 0:
            reason = f"phases look swapped: {second} was acquired before {first}"
            found |= dict.fromkeys((first, second), reason)
    arterial, portal = surroundings.get("arterial"), surroundings.get("portal")
    if arterial is not None and portal is not None and arterial > portal + margin_hu:
        reason = (
            f"phases look swapped: liver {arterial:.0f} HU in arterial, {portal:.0f} HU in portal"
        )
        found |= dict.fromkeys(("arterial", "portal"), reason)
    return found


def several_examinations(seconds: dict[str, float | None]) -> bool:
    """Whether the phases were acquired more than half a day apart."""
    known = [second for second in seconds.values() if second is not None]
    return bool(known) and max(known) - min(known) > _ONE_EXAMINATION
