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


def people_in_both_roles(rows: list[dict], roles: dict[str, str]) -> list[str]:
    """Ids of one person (person_id or an id hash, not a contact) in development and external data, "P1 = E1" each.

    rows : of the patients sheet; roles : {patient: role} of the admitted
    """
    strong = SAME_PERSON[:3]
    owners: dict[tuple, list[str]] = {}
    for row in rows:
        if roles.get(row["patient_id"]) in ("development", "external"):
            for column in strong:
                if row.get(column):
                    owners.setdefault((column, row[column]), []).append(row["patient_id"])
    both = [ids for ids in owners.values() if len({roles[patient] for patient in ids}) > 1]
    return list(dict.fromkeys(" = ".join(ids) for ids in both))
