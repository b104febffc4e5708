"""What a model is to tell apart: the classes of the outcome that the configuration names.

In: the settings `model.outcome`, the folder of sheets. Out: an Outcome, or what has to be mended before anything runs.
Source: docs/modelling.md, "Outcome"; BCLC 2022 (J Hepatol 76:681) and CNLC 2022 for the stage groups.
"""

from dataclasses import dataclass
from pathlib import Path

from scripts.core.sheets import Problem, SheetErrors, read_text_table, schema_of, sheet_names

CONTROL, CASE = "control", "hcc"
NAMES = ("hcc_vs_controls", "early_hcc_vs_controls", "stage", "subtype")
STAGES = ("early", "intermediate", "advanced")
# Stage group of a recorded stage: BCLC 0 and A, CNLC I are early.
BCLC_GROUP = {"0": "early", "A": "early", "B": "intermediate", "C": "advanced", "D": "advanced"}
CNLC_GROUP = {
    **{"Ia": "early", "Ib": "early", "IIa": "intermediate", "IIb": "intermediate"},
    **{"IIIa": "advanced", "IIIb": "advanced", "IV": "advanced"},
}
NEEDS_STAGE = ("early_hcc_vs_controls", "stage")
DAYS_PER_MONTH = 30.44


@dataclass(frozen=True)
class Outcome:
    """The classes that a model tells apart; the label of a patient is a position in `classes`.

    With two classes the second is the event (label 1). `stages` : {class: stage groups of HCC in it}
    """

    name: str
    classes: tuple[str, ...]
    stages: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def multiclass(self) -> bool:
        """Whether it has three or more classes."""
        return len(self.classes) > 2

    def class_of_stage(self, stage: str) -> str:
        """Class of an HCC of a stage group, "" when the outcome leaves that group out."""
        return next((name for name, groups in self.stages if stage in groups), "")

    def describe(self) -> dict:
        """As it stands in results and bundles."""
        kind = "multiclass" if self.multiclass else "binary"
        return {"name": self.name, "kind": kind, "classes": list(self.classes)}


def outcome_of(settings: dict, labels: list[str] | None = None) -> Outcome:
    """The outcome of the configuration. `labels` : what the column of a subtype holds, where the configuration
    names no classes."""
    name = settings["name"]
    if name == "hcc_vs_controls":
        return Outcome(name, (CONTROL, CASE))
    if name == "early_hcc_vs_controls":
        return Outcome(name, (CONTROL, "early_hcc"), (("early_hcc", ("early",)),))
    if name == "stage":
        groups = tuple((entry["class"], tuple(entry["groups"])) for entry in settings["stages"])
        return Outcome(name, (CONTROL, *(key for key, _ in groups)), groups)
    classes = settings["classes"] or sorted({label for label in labels or [] if label})
    return Outcome(name, tuple(classes))


def no_control(patient: dict, least_days: float) -> str:
    """Why a patient without HCC is no control, "" for one with enough follow-up."""
    months = patient.get("follow_up_months")
    if months is None:
        return "no_follow_up"
    return "" if round(months * DAYS_PER_MONTH) >= least_days else "short_follow_up"


def column_of(settings: dict, folder: Path) -> list[tuple[int, str, str]]:
    """(line, patient_id, label) of the sheet and column of a subtype; SheetErrors when one is not there."""
    sheet, column = settings["sheet"], settings["column"]
    path = Path(folder) / f"{sheet}.tsv"
    if not path.is_file():
        text = f"the outcome subtype takes its labels from this sheet, and it is not in {folder}"
        raise SheetErrors([Problem(path.name, 0, "", "", text)])
    header, rows, lines, _ = read_text_table(path)
    if column not in header or "patient_id" not in header:
        text = f"no such column; the outcome subtype needs it. Columns: {', '.join(header)}"
        raise SheetErrors([Problem(path.name, 1, column, "", text)])
    person, cell = header.index("patient_id"), header.index(column)
    return [(line, row[person], row[cell]) for line, row in zip(lines, rows, strict=True)]


def check_outcome(settings: dict, folder: str | Path) -> None:
    """SheetErrors with what keeps the outcome of the configuration from being known, before anything runs."""
    folder = Path(folder)
    problems: list[Problem] = []
    if settings["name"] == "subtype":
        problems = _subtype_problems(settings, folder)
    elif settings["name"] == "stage" and (twice := _twice(settings["stages"])):
        text = f"{', '.join(twice)} twice; every class and every stage group once"
        problems = [Problem("config key model.outcome.stages", 0, "", "", text)]
    elif settings["name"] in NEEDS_STAGE and not stage_is_known(folder):
        text = (
            f"the outcome {settings['name']} needs the stage of HCC: fill column stage here, or bclc "
            "or cnlc in history.tsv, or give the tumour findings there and labs.tsv"
        )
        problems = [Problem("patients.tsv", 0, "stage", "", text)]
    if problems:
        raise SheetErrors(problems)


def _twice(stages: list[dict]) -> list[str]:
    words = [w for entry in stages for w in (entry["class"], *entry["groups"])]
    return sorted({word for word in words if words.count(word) > 1})


def _subtype_problems(settings: dict, folder: Path) -> list[Problem]:
    sheets = [n for n in sheet_names() if "patient_id" in schema_of(n)["properties"]]
    if settings["sheet"] not in sheets or not settings["column"]:
        text = f"outcome subtype needs sheet (one of {', '.join(sheets)}) and column"
        return [Problem("config key model.outcome", 0, "", "", text)]
    cells = column_of(settings, folder)
    labels = [label for _, _, label in cells if label]
    file, column, classes = f"{settings['sheet']}.tsv", settings["column"], settings["classes"]
    if not classes:
        if len(set(labels)) < 2:
            found = ", ".join(sorted(set(labels))) or "none"
            text = f"an outcome needs two or more different labels; found: {found}"
            return [Problem(file, 0, column, "", text)]
        return []
    allowed = f"unknown label; classes of the configuration: {', '.join(classes)} (or empty)"
    return [
        Problem(file, line, column, label, allowed)
        for line, _, label in cells
        if label and label not in classes
    ]


def stage_is_known(folder: Path) -> bool:
    """Whether any sheet says anything about the stage of HCC."""

    def filled(name: str, *columns: str) -> bool:
        path = folder / f"{name}.tsv"
        if not path.is_file():
            return False
        header, rows, _, _ = read_text_table(path)
        places = [header.index(column) for column in columns if column in header]
        return any(row[place] for row in rows for place in places)

    derived = filled("history", "tumour_max_cm") and (folder / "labs.tsv").is_file()
    return filled("patients", "stage") or filled("history", "bclc", "cnlc") or derived
