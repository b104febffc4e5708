"""SPREC code of a fluid, derived from its events.

In: a Sample. Out: seven elements joined by -, and whether the registered code agrees. Source: SPREC 2.0 (Lehmann 2012), BLD-08.
"""

from scripts.clinical.samples import Finding, Sample

_SPREC_CONTAINER = {
    "K2EDTA": "PED",
    "K3EDTA": "PED",
    "SST": "SST",
    "LI_HEPARIN": "LHG",
    "CITRATE": "SCI",
}


def sprec(sample: Sample) -> str:
    """SPREC code of a fluid, seven elements joined by -; X where the sheets do not say (Lehmann
    2012, SPREC 2.0).

    The letters of centrifugation need the braking, which is not recorded: N for none, X for any.
    """
    spins = sample.spins()
    kind = {"plasma": "PL2" if len(spins) > 1 else "PL1", "serum": "SER", "blood": "BLD"}
    specimen = sample.row.get("specimen", "")
    container = _SPREC_CONTAINER.get(sample.tube, "ZZZ" if sample.tube else "XXX")
    hours, cold = sample.hours_to_spin(), sample.row.get("transport_temp_c")
    delay = "X"
    if hours is not None and cold is not None and 2 <= cold <= 30:
        steps = ((2, "AB"), (4, "CD"), (8, "EF"), (12, "GH"), (24, "IJ"), (48, "KL"))
        letters = next((pair for limit, pair in steps if hours < limit), "OO")
        delay = letters[1] if cold <= 10 else letters[0]
    unknown = "" if sample.events else "X"  # no event at all says nothing about spins
    first = unknown or ("N" if not spins else "X")
    second = unknown or ("N" if len(spins) < 2 else "X")
    return "-".join([kind.get(specimen, "ZZZ"), container, delay, first, second, "X", "X"])


def code_agrees(sample: Sample) -> list[Finding]:
    """BLD-08: the registered SPREC code agrees with the derived one wherever both say something.

    Kind of specimen, container and, of what is spun, the delay must be derived for a pass; the elements behind them mostly cannot
    be. The code is that of fluids.
    """
    specimen = sample.row.get("specimen", "")
    if specimen in ("tumour", "adjacent", "tissue"):
        return []
    derived, registered = sprec(sample), sample.row.get("sprec")
    if not registered:
        return [Finding("BLD-08", "SPREC code", "NOT_ASSESSED", "no SPREC code is registered")]
    pairs = zip(derived.split("-"), registered.split("-"), strict=True)
    differ = [i for i, (a, b) in enumerate(pairs, 1) if a != b and not {"X", "XXX"} & {a, b}]
    text = (
        f"element {', '.join(map(str, differ))}: {registered} registered, {derived} derived"
        if differ
        else ""
    )
    unknown = {"X", "XXX", "ZZZ"} & set(derived.split("-")[: 2 if specimen == "blood" else 3])
    if unknown and not differ:
        text = f"specimen, container or delay cannot be derived: {derived}"
        return [Finding("BLD-08", "SPREC code", "NOT_ASSESSED", text, registered, "", derived)]
    return [
        Finding("BLD-08", "SPREC code", "FAIL" if differ else "PASS", text, registered, "", derived)
    ]
