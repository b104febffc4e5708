"""In: rows of the patients sheet. Out: who belongs together: one person enrolled twice, a family, a ward.
Source: docs/modelling.md, "Split"; requirement MOD-06.
"""

SAME_PERSON = ("person_id", "id1_hash", "id2_hash", "contact_hash")


def groups_of(rows: list[dict]) -> dict[str, str]:
    """{patient_id: group}: patients linked by person_id, an equal hash or a group_ column share a group, also over
    several links. The group is named after its first patient in sorted order.

    rows : a dict a patient; cells that are empty or absent link nobody
    """
    leader = {row["patient_id"]: row["patient_id"] for row in rows}
    first_with: dict[tuple, str] = {}

    def find(patient: str) -> str:
        while leader[patient] != patient:
            patient = leader[patient]
        return patient

    for row in rows:
        for column, value in row.items():
            if not value or not (column in SAME_PERSON or column.startswith("group_")):
                continue
            other = first_with.setdefault((column, value), row["patient_id"])
            low, high = sorted((find(other), find(row["patient_id"])))
            leader[high] = low
    return {patient: find(patient) for patient in sorted(leader)}
