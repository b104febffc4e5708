"""A sample with its events, aliquots and extracts, and what a check of it says.

In: rows of the sheets. Out: Sample, Finding. Source: docs/clinical.md, "Sample chain".
"""

import datetime
from dataclasses import dataclass, field

USE_OF_MODALITY = {
    "cfdna": "cfdna",
    "wes": "gdna",
    "wgs": "gdna",
    "rnaseq": "rna",
    "lcms": "metabolomics",
    "gcms": "metabolomics",
    "dda": "proteomics",
    "dia": "proteomics",
    "serology": "serology",
}


@dataclass(frozen=True)
class Finding:
    """One check of one sample. `uses` are the uses that a FAIL makes impossible; () = every use of
    the sample."""

    requirement_id: str
    check: str
    verdict: str
    reason: str = ""
    value: float | str | None = None
    unit: str = ""
    threshold: str = ""
    uses: tuple[str, ...] = ()


@dataclass
class Sample:
    """A sample with everything that the sheets say about it; times as datetime, None where only the
    day is known."""

    row: dict
    events: list[dict] = field(default_factory=list)
    aliquots: list[dict] = field(default_factory=list)
    extractions: list[dict] = field(default_factory=list)
    used_for: list[str] = field(default_factory=list)  # modalities of the runs that name it
    run_days: list[str] = field(default_factory=list)  # days of these runs

    @property
    def uses(self) -> list[str]:
        """Uses that it is meant for, in the order of the sheet, and those of runs that name it."""
        wanted = [*self.row.get("intended_assays", "").split(";"), *self.used_for]
        return list(dict.fromkeys(USE_OF_MODALITY[m] for m in wanted if m in USE_OF_MODALITY))

    @property
    def tube(self) -> str:
        """Container, "" when not said."""
        return self.row.get("tube_type", "")

    def times(self, *kinds: str) -> list[datetime.datetime]:
        """Times of the events of these kinds, sorted; events without a time of day are left out."""
        found = [moment(e["time"]) for e in self.events if e["event"] in kinds]
        return sorted(t for t in found if t is not None)

    def days(self, *kinds: str) -> list[str]:
        """Days of the events of these kinds, sorted; also of events without a time of day."""
        return sorted(e["time"][:10] for e in self.events if e["event"] in kinds)

    def spins(self) -> list[dict]:
        """Centrifugations in order of time."""
        return sorted(
            (e for e in self.events if e["event"] == "centrifuged"), key=lambda e: e["time"]
        )

    def hours_to_spin(self) -> float | None:
        """Hours from collection to the first spin; None when a time of day is missing."""
        start, spins = moment(self.row["collected_at"]), self.times("centrifuged")
        if start is None or not spins:
            return None
        return (spins[0] - start).total_seconds() / 3600


def moment(text: str) -> datetime.datetime | None:
    """A time with its time of day; None for a bare date."""
    return datetime.datetime.fromisoformat(text) if len(text) > 10 else None


def is_before(one: str, other: str) -> bool:
    """Whether a time lies before another; by the day where one of them has no time of day."""
    if len(one) > 10 and len(other) > 10:
        return moment(one) < moment(other)
    return one[:10] < other[:10]


def grade(value: float, limits: dict) -> str:
    """PASS up to `warn`, WARN up to `fail`, FAIL above: a value equal to a limit is still on its
    good side."""
    if value > limits["fail"]:
        return "FAIL"
    return "WARN" if value > limits["warn"] else "PASS"


def limit_text(limits: dict) -> str:
    return f"<= {limits['fail']}, warning above {limits['warn']}"
