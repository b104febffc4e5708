"""Checks of tissue and of extracts: cold ischaemia, DNA, RNA, metabolites.

In: a Sample, limits. Out: Findings. Source: requirements TIS-01 to TIS-03, EXT-01, EXT-02, EXT-04; config names each limit's.
"""

from scripts.clinical.samples import Finding, Sample, grade, limit_text, moment


def tissue(sample: Sample, limits: dict) -> list[Finding]:
    """TIS-01 cold ischaemia, TIS-02 time in formalin, TIS-03 share of tumour cells."""
    if sample.row.get("specimen") not in ("tumour", "adjacent", "tissue"):
        return []
    out = []
    start = sample.times("excised") or [moment(sample.row["collected_at"])]
    end = sample.times("frozen", "fixed")
    limit = limits["cold_ischaemia_min"]
    if start[0] is None or not end:
        out.append(Finding("TIS-01", "cold ischaemia", "NOT_ASSESSED", "times are missing"))
    elif end[0] < start[0]:
        text = "freezing or fixation is recorded before the excision"
        out.append(Finding("TIS-01", "cold ischaemia", "NOT_ASSESSED", text))
    else:
        minutes = (end[0] - start[0]).total_seconds() / 60
        verdict = grade(minutes, limit)
        text = (
            "" if verdict == "PASS" else f"{minutes:.0f} min of cold ischaemia, {limit_text(limit)}"
        )
        out.append(
            Finding(
                "TIS-01",
                "cold ischaemia",
                verdict,
                text,
                round(minutes, 1),
                "min",
                limit_text(limit),
            )
        )
    out += _fixation(sample, limits)
    if sample.row["specimen"] == "tumour":
        out.append(_tumour_cells(sample, limits["tumour_content_pct"]))
    return out


def _fixation(sample: Sample, limits: dict) -> list[Finding]:
    """TIS-02: hours in formalin, of tissue that was fixed; frozen tissue never was."""
    fixed = [event for event in sample.events if event["event"] == "fixed"]
    check, (low, high) = "time in formalin", limits["fixation_h"]
    if not fixed:
        if sample.tube == "FFPE_BLOCK" or not sample.events:
            text = (
                "a block without an event of fixation"
                if sample.events
                else "no events of this sample"
            )
            return [Finding("TIS-02", check, "NOT_ASSESSED", text)]
        return [Finding("TIS-02", check, "NOT_APPLICABLE", "not fixed")]
    if "minutes" not in fixed[0]:
        return [Finding("TIS-02", check, "NOT_ASSESSED", "minutes of fixation are not said")]
    hours = fixed[0]["minutes"] / 60
    good = low <= hours <= high
    text = "" if good else f"{hours:g} h in formalin, {low:g} to {high:g} h are wanted"
    verdict = "PASS" if good else "FAIL"
    return [Finding("TIS-02", check, verdict, text, round(hours, 3), "h", f"{low} to {high}")]


def _tumour_cells(sample: Sample, least: float) -> Finding:
    value = sample.row.get("tumour_content_pct")
    if value is None:
        return Finding("TIS-03", "tumour cells", "NOT_ASSESSED", "tumour_content_pct is not said")
    text = "" if value >= least else f"{value:g} % tumour cells"
    verdict = "FAIL" if text else "PASS"
    return Finding("TIS-03", "tumour cells", verdict, text, value, "%", f">= {least}")


def extracts(sample: Sample, limits: dict) -> list[Finding]:
    """EXT-01 DNA, EXT-02 metabolite extracts, EXT-04 RNA."""
    out = []
    for row in sample.extractions:
        if row["kind"] in ("gdna", "cfdna"):
            out += _dna(row, limits)
        elif row["kind"] == "rna":
            out += _rna(row, limits)
        elif row["kind"] == "metabolite":
            out += _metabolite(row, limits)
    return out


def _dna(row: dict, limits: dict) -> list[Finding]:
    out, use = [], (row["kind"],)
    low, high = limits["a260_280"]
    value = row.get("a260_280")
    if value is not None:
        good = low <= value <= high
        text = "" if good else f"A260/280 {value:g} is outside {low} to {high}"
        out.append(
            Finding(
                "EXT-01",
                "A260/280",
                "PASS" if good else "FAIL",
                text,
                value,
                "1",
                f"{low} to {high}",
                use,
            )
        )
    if row.get("a260_230") is not None:
        value, least = row["a260_230"], limits["a260_230"]
        text = "" if value >= least else f"A260/230 {value:g} is under {least}"
        out.append(
            Finding(
                "EXT-01",
                "A260/230",
                "WARN" if text else "PASS",
                text,
                value,
                "1",
                f">= {least}",
                use,
            )
        )
    if row.get("total_ng") is not None:
        value, least = row["total_ng"], limits["total_ng"][row["kind"]]
        text = (
            ""
            if value >= least
            else f"{value:g} ng of {row['kind']}, at least {least} ng are wanted"
        )
        out.append(
            Finding(
                "EXT-01", "yield", "FAIL" if text else "PASS", text, value, "ng", f">= {least}", use
            )
        )
    if row.get("din") is not None and row["kind"] == "gdna":
        value, limit = row["din"], limits["din"]
        verdict = "FAIL" if value < limit["fail"] else "WARN" if value < limit["warn"] else "PASS"
        text = "" if verdict == "PASS" else f"DIN {value:g}"
        out.append(Finding("EXT-01", "DIN", verdict, text, value, "1", f">= {limit['warn']}", use))
    if not out:
        return [Finding("EXT-01", "DNA quality", "NOT_ASSESSED", "nothing was measured")]
    asked = ["a260_280", "a260_230", "conc_ng_ul", "total_ng"] + (
        ["din"] if row["kind"] == "gdna" else []
    )
    gone = [name for name in asked if row.get(name) is None]
    if gone:
        text = f"not measured: {', '.join(gone)}"
        out.append(Finding("EXT-01", "DNA quality complete", "NOT_ASSESSED", text))
    return out


def _rna(row: dict, limits: dict) -> list[Finding]:
    rin, dv200 = row.get("rin"), row.get("dv200")
    if rin is None and dv200 is None:
        return [Finding("EXT-04", "RNA integrity", "NOT_ASSESSED", "neither RIN nor DV200")]
    good = (rin or 0) >= limits["rin"] or (dv200 or 0) >= limits["dv200"]
    text = "" if good else f"RIN {rin}, DV200 {dv200}"
    wanted = f"RIN >= {limits['rin']} or DV200 >= {limits['dv200']} %"
    return [
        Finding(
            "EXT-04", "RNA integrity", "PASS" if good else "FAIL", text, rin, "1", wanted, ("rna",)
        )
    ]


def _metabolite(row: dict, limits: dict) -> list[Finding]:
    most, value = limits["internal_standard_cv"], row.get("internal_standard_cv")
    if value is None and "blank_present" not in row:
        return [Finding("EXT-02", "metabolite extraction", "NOT_ASSESSED", "nothing was measured")]
    problems = [] if row.get("blank_present", True) else ["no process blank"]
    if value is not None and value > most:
        problems.append(f"internal standard varies by {value:.0%}")
    gone = [n for n in ("internal_standard_cv", "blank_present") if row.get(n) is None]
    verdict = "FAIL" if problems else "NOT_ASSESSED" if gone else "PASS"
    if gone and not problems:
        problems = [f"not said: {', '.join(gone)}"]
    return [
        Finding(
            "EXT-02",
            "metabolite extraction",
            verdict,
            "; ".join(problems),
            value,
            "1",
            f"<= {most}",
        )
    ]
