# Genomics: sequenced samples of a patient and their files. Look-ups for rules/genomics.smk and its neighbours.
def sequenced_of(patient: str, modality: str = "") -> list[dict]:
    """First assay row of every sequenced sample (block) of a patient: exome, genome, cfDNA; or of one modality."""
    found = {}
    for name in [modality] if modality else ["wes", "wgs", "cfdna"]:
        for row in PLAN["assays"].get(name, {}).get(patient, []):
            found.setdefault(row["block"], row)
    return list(found.values())


def samples_of(patient: str, suffix: str, modality: str = "") -> list[str]:
    """A file of every sequenced sample of a patient: the alignment, its index, metrics or status, by its suffix."""
    return [
        f"results/genomics/{row['modality']}/{patient}/{row['block']}.{suffix}"
        for row in sequenced_of(patient, modality)
    ]


def identity_of(patient: str) -> list[str]:
    """Verdict of the identity check, for patients with more than one sequenced sample."""
    return [f"results/genomics/identity/{patient}.json"] if len(sequenced_of(patient)) > 1 else []


def other_normal_of(patient: str, modality: str, suffix: str) -> list[str]:
    """A file of the patient's blood exome or genome of the other modality, for tissue without blood of its own modality."""
    rows = [row for row in sequenced_of(patient) if row["block"] in ("wes", "wgs")]
    blocks = [row["block"] for row in sequenced_of(patient, modality)]
    if modality in blocks or not blocks:
        return []
    return [f"results/genomics/{row['modality']}/{patient}/{row['block']}.{suffix}" for row in rows]
