"""Checks of one sample's way from the vein to the freezer.

In: a Sample, limits. Out: Findings. Source: requirements BLD-01 to BLD-08 and CHN-01; config names the source of each limit.
"""

from scripts.clinical import extract_quality, sprec
from scripts.clinical.checks import day_of
from scripts.clinical.samples import Finding, Sample, grade, is_before, limit_text, moment

SERUM_TUBES = ("SST", "SERUM")


def tube_fits(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-01: the container fits every use."""
    out = []
    for use in sample.uses:
        allowed = limits["tubes"].get(use)
        if allowed is None:
            continue
        if not sample.tube:
            out.append(
                Finding("BLD-01", f"tube fits {use}", "NOT_ASSESSED", "tube_type is not said")
            )
            continue
        good = sample.tube in allowed
        reason = "" if good else f"{sample.tube} does not fit {use}; allowed: {', '.join(allowed)}"
        out.append(
            Finding("BLD-01", f"tube fits {use}", "PASS" if good else "FAIL", reason, sample.tube,
                    threshold=", ".join(allowed), uses=(use,))
        )  # fmt: skip
    return out


def draw_to_spin(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-03: hours from draw to spin by tube and use; clotting time of serum."""
    hours = sample.hours_to_spin()
    out = []
    for use in sample.uses:
        key = _delay_limit(use, sample.tube)
        if not key:
            continue
        check = f"draw to spin, {use}"
        if not sample.tube:
            out.append(Finding("BLD-03", check, "NOT_ASSESSED", "tube_type is not said"))
            continue
        if hours is None:
            text = "time of day of collection or spin is missing"
            out.append(Finding("BLD-03", check, "NOT_ASSESSED", text))
            continue
        if hours < 0:
            text = "the spin is recorded before the collection"
            out.append(Finding("BLD-03", check, "NOT_ASSESSED", text))
            continue
        limit = limits["draw_to_spin_h"][key]
        verdict = grade(round(hours, 6), limit)
        reason = (
            "" if verdict == "PASS" else f"{hours:.2f} h from draw to spin, {limit_text(limit)} h"
        )
        out.append(
            Finding(
                "BLD-03", check, verdict, reason, round(hours, 4), "h", limit_text(limit), (use,)
            )
        )
    if sample.tube in SERUM_TUBES and hours is not None and hours >= 0:
        low, high = limits["serum_clot_min"]
        minutes = hours * 60
        if minutes < low:
            text = f"serum spun after {minutes:.0f} min, before it had clotted"
            out.append(
                Finding(
                    "BLD-03",
                    "clotting time",
                    "WARN",
                    text,
                    round(minutes, 1),
                    "min",
                    f"{low} to {high}",
                )
            )
    return out


def temperature_until_spin(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-03: the temperature for which the limits of the delay hold."""
    check, (low, high) = "temperature until the spin", limits["transport_temp_c"]
    value = sample.row.get("transport_temp_c")
    if value is None:
        return [Finding("BLD-03", check, "NOT_ASSESSED", "transport_temp_c is not said")]
    good = low <= value <= high
    text = "" if good else f"{value:g} C, {low:g} to {high:g} C is wanted"
    wanted = f"{low:g} to {high:g}"
    return [Finding("BLD-03", check, "PASS" if good else "WARN", text, value, "Cel", wanted)]


def _delay_limit(use: str, tube: str) -> str:
    if use == "cfdna":
        return "cfdna_streck" if tube == "STRECK_BCT" else "cfdna_edta"
    if use in ("metabolomics", "proteomics"):
        return "serum" if tube in SERUM_TUBES else "plasma"
    return ""


def spins_fit(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-04: number of spins and force of each."""
    out = []
    forces = [e.get("rcf_g") for e in sample.spins()]
    for use in sample.uses:
        wanted = limits["spins"].get("cfdna" if use == "cfdna" else "plasma")
        if use not in ("cfdna", "metabolomics", "proteomics"):
            continue
        check = f"spins, {use}"
        if not sample.events:
            out.append(Finding("BLD-04", check, "NOT_ASSESSED", "no events of this sample"))
            continue
        problems = []
        if len(forces) < len(wanted):
            problems.append(f"{len(forces)} of {len(wanted)} spins recorded")
        for i, (force, (low, high)) in enumerate(zip(forces, wanted, strict=False), 1):
            if force is not None and not low <= force <= high:
                problems.append(f"spin {i} at {force:g} g, wanted {low} to {high} g")
        own = sample.spins()[: len(wanted)]
        gone = [n for n in ("rcf_g", "minutes", "temp_c") if any(n not in spin for spin in own)]
        verdict = "FAIL" if problems else "NOT_ASSESSED" if gone else "PASS"
        reason = "; ".join(problems) or (f"{', '.join(gone)} of a spin is missing" if gone else "")
        out.append(
            Finding("BLD-04", check, verdict, reason, len(forces), "spins", str(wanted), (use,))
        )
    return out


def storage(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-05: temperature and age of storage."""
    temperatures = [a["storage_temp_c"] for a in sample.aliquots if "storage_temp_c" in a]
    temperatures += [e["temp_c"] for e in sample.events if e["event"] == "stored" and "temp_c" in e]
    blood_uses = [u for u in sample.uses if u in ("cfdna", "metabolomics", "proteomics")]
    if not blood_uses:
        return []
    if not temperatures:
        return [Finding("BLD-05", "storage temperature", "NOT_ASSESSED", "no storage is recorded")]
    warmest, limit = max(temperatures), limits["storage_max_c"]
    good = warmest <= limit
    out = [
        Finding("BLD-05", "storage temperature", "PASS" if good else "FAIL",
                "" if good else f"stored at {warmest:g} C, at most {limit} C is wanted",
                warmest, "Cel", f"<= {limit}", tuple(blood_uses))
    ]  # fmt: skip
    frozen = sample.days("frozen") + sorted(
        a["frozen_at"][:10] for a in sample.aliquots if "frozen_at" in a
    )
    assayed = sample.days("assayed") + sample.run_days
    if not frozen or not assayed:
        gone = " and ".join(n for n, d in (("freezing", frozen), ("assay", assayed)) if not d)
        text = f"the day of {gone} is not said"
        out.append(Finding("BLD-05", "storage age", "NOT_ASSESSED", text))
    else:
        years = (day_of(max(assayed)) - day_of(min(frozen))).days / 365.25
        for use in blood_uses:
            most = limits["storage_years"][use]
            verdict = "PASS" if years <= most else "FAIL"
            text = "" if verdict == "PASS" else f"stored {years:.1f} years"
            out.append(
                Finding(
                    "BLD-05",
                    f"storage age, {use}",
                    verdict,
                    text,
                    round(years, 2),
                    "a",
                    f"<= {most}",
                    (use,),
                )
            )
    return out


def freeze_thaw(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-06: number of thaws by use, from the aliquots or else from the events."""
    counts = [a["freeze_thaw_count"] for a in sample.aliquots if "freeze_thaw_count" in a]
    thaws = sum(event["event"] == "thawed" for event in sample.events)
    counts += [thaws] if thaws else []  # no event of thawing is no proof that there was none
    out = []
    for use in sample.uses:
        limit = limits["freeze_thaw"].get(use)
        if limit is None:
            continue
        check = f"freeze-thaw cycles, {use}"
        if not counts:
            out.append(
                Finding("BLD-06", check, "NOT_ASSESSED", "no freeze_thaw_count and no event thawed")
            )
            continue
        verdict = grade(max(counts), limit)
        reason = "" if verdict == "PASS" else f"thawed {max(counts)} times, {limit_text(limit)}"
        out.append(
            Finding(
                "BLD-06", check, verdict, reason, max(counts), "thaws", limit_text(limit), (use,)
            )
        )
    return out


def haemolysis(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-07: free haemoglobin, else the visual grade."""
    if "free_hb_mg_dl" in sample.row:
        value, limit = sample.row["free_hb_mg_dl"], limits["free_hb_mg_dl"]
        verdict = grade(value, limit)
        reason = (
            "" if verdict == "PASS" else f"free haemoglobin {value:g} mg/dL, {limit_text(limit)}"
        )
        return [Finding("BLD-07", "haemolysis", verdict, reason, value, "mg/dL", limit_text(limit))]
    if "hemolysis_grade" in sample.row:
        value, most = sample.row["hemolysis_grade"], limits["hemolysis_grade"]
        verdict = "PASS" if value <= most else "FAIL"
        text = "" if verdict == "PASS" else f"haemolysis grade {value}"
        return [Finding("BLD-07", "haemolysis", verdict, text, value, "grade", f"<= {most}")]
    return [Finding("BLD-07", "haemolysis", "NOT_ASSESSED", "no haemolysis index")]


def lipaemia_and_icterus(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-07: both indices are recorded. Above a limit a warning only: jaundice belongs to the disease."""
    check = "lipaemia and icterus"
    gone = [n for n in ("lipemia_index", "icterus_index") if n not in sample.row]
    if gone:
        return [Finding("BLD-07", check, "NOT_ASSESSED", f"not said: {', '.join(gone)}")]
    found = {n: sample.row[n] for n in ("lipemia_index", "icterus_index")}
    high = [f"{n} {value:g}" for n, value in found.items() if value > limits[n]]
    shown = ", ".join(f"{n} {value:g}" for n, value in found.items())
    wanted = ", ".join(f"{n} <= {limits[n]:g}" for n in found)
    verdict = "WARN" if high else "PASS"
    return [Finding("BLD-07", check, verdict, ", ".join(high), shown, "", wanted)]


def links_recorded(sample: Sample) -> list[Finding]:
    """CHN-01: the links between collection and assay that the sheets name; fluids are spun and stored too."""
    kinds = {event["event"] for event in sample.events}
    asked = {"transport": {"shipped", "received"}, "assay": {"assayed"}}
    if sample.row.get("specimen") in ("plasma", "serum"):
        asked |= {"processing": {"centrifuged"}, "storage": {"stored", "frozen"}}
    if sample.used_for:
        del asked["assay"]  # the run names it
    gone = [link for link, events in asked.items() if not events & kinds]
    verdict, text = ("WARN", f"not recorded: {', '.join(gone)}") if gone else ("PASS", "")
    return [Finding("CHN-01", "links of the chain", verdict, text, len(kinds), "kinds of events")]


def use_is_said(sample: Sample) -> list[Finding]:
    """BLD-01, BLD-03 to BLD-06, CHN-01: what the tube is for decides which limits hold and which run it leads to."""
    if sample.row.get("intended_assays") or sample.used_for:
        return []
    text = "intended_assays is not said, and no run names the sample"
    names = ("BLD-01", "BLD-03", "BLD-04", "BLD-05", "BLD-06", "CHN-01")
    return [Finding(name, "use of the sample", "NOT_ASSESSED", text) for name in names]


def order_of_events(sample: Sample) -> list[Finding]:
    """CHN-01: collection comes first, spins before the first freezing or after a thaw, an assay after the first spin.

    Two events of which one has no time of day are compared by their days.
    """
    if not sample.events:
        return [Finding("CHN-01", "chain of events", "NOT_ASSESSED", "no events of this sample")]
    by_kind: dict[str, list[str]] = {}
    for event in sample.events:
        by_kind.setdefault(event["event"], []).append(event["time"])
    start, problems = sample.row["collected_at"], []
    early = sorted(
        kind for kind, times in by_kind.items() if any(is_before(t, start) for t in times)
    )
    problems += [f"{kind} before collection" for kind in early]
    frozen, thawed = by_kind.get("frozen", []), by_kind.get("thawed", [])
    for kind in ("centrifuged", "collected", "excised"):
        for time in by_kind.get(kind, []):
            late = any(is_before(f, time) for f in frozen)
            if late and not any(not is_before(time, t) for t in thawed):
                problems.append(f"{kind} after freezing")
    spins = by_kind.get("centrifuged", [])
    for time in by_kind.get("assayed", []):
        if spins and all(is_before(time, spin) for spin in spins):
            problems.append("assayed before the spin")
    verdict, text = "FAIL" if problems else "PASS", "; ".join(dict.fromkeys(problems))
    return [Finding("CHN-01", "chain of events", verdict, text, len(sample.events), "events")]


def collection_said(sample: Sample, limits: dict) -> list[Finding]:
    """BLD-02: place and time of the collection, fasting where metabolites are measured."""
    gone = [] if "collection_site" in sample.row else ["collection_site"]
    if moment(sample.row["collected_at"]) is None:
        gone.append("time of day of collected_at")
    out = []
    fasting, least = sample.row.get("fasting_h"), limits["fasting_h"]
    if "metabolomics" in sample.uses:
        if fasting is None:
            gone.append("fasting_h")
        elif fasting < least:
            text = f"fasted {fasting:g} h, {least} h are wanted"
            out.append(Finding("BLD-02", "fasting", "WARN", text, fasting, "h", f">= {least}"))
    verdict, text = ("NOT_ASSESSED", f"not said: {', '.join(gone)}") if gone else ("PASS", "")
    return [Finding("BLD-02", "place, time and fasting are recorded", verdict, text), *out]


def all_checks(sample: Sample, limits: dict) -> list[Finding]:
    """Every check that needs nothing but the sample itself."""
    delay = draw_to_spin(sample, limits)
    out = tube_fits(sample, limits) + delay + spins_fit(sample, limits)
    out += temperature_until_spin(sample, limits) if delay else []
    out += storage(sample, limits) + freeze_thaw(sample, limits)
    if sample.row.get("specimen") in ("plasma", "serum"):
        out += haemolysis(sample, limits) + lipaemia_and_icterus(sample, limits)
    if sample.events:
        out += links_recorded(sample)
    if sample.row.get("specimen") not in ("tumour", "adjacent", "tissue"):
        out += collection_said(sample, limits) + use_is_said(sample)
    return (
        out
        + extract_quality.tissue(sample, limits)
        + order_of_events(sample)
        + extract_quality.extracts(sample, limits)
        + sprec.code_agrees(sample)
    )
