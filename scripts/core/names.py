"""The ids of certain people, as they occur in texts, paths and sheets.

In: patient ids and the sheets. Out: a recogniser of these ids and of those of their runs and samples, and sheets without their
rows. Source: ids are whole words of letters, digits, _ and - (docs/inputs.md).
"""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

from scripts.core.assays import default_assay_id
from scripts.core.sheets import SheetErrors, decode, read_text_table

# Columns that name a person or something that is one person's alone, and the sheets that are read for them, in an order in
# which each only needs those before it.
KEYS = (
    "patient_id",
    "assay_id",
    "sample_id",
    "aliquot_id",
    "extraction_id",
    "study_id",
    "series_id",
    "annotation_id",
    "pathology_no",
)
_SHEETS = {
    "assays": "assay_id",
    "samples": "sample_id",
    "ihc": "sample_id",
    "imaging_studies": "study_id",
    "aliquots": "aliquot_id",
    "extractions": "extraction_id",
    "imaging_series": "series_id",
    "annotations": "annotation_id",
    "pathology": "pathology_no",
}
_PATHS = ("file", "file2", "mask")
MASK = "[withdrawn]"


class Names:
    """Recognises people. A patient id counts as a part of a longer word too (P7 in "P7_R1"), the other ids as whole words.

    ids : {column of KEYS: ids}; paths : raw files that are theirs alone; others : patient ids that are not theirs.
    """

    def __init__(self, ids: dict[str, set[str]], paths: set[str], others: set[str]):
        self.ids = ids
        patients = ids.get("patient_id", set())
        whole = set().union(*(ids.get(column, set()) for column in KEYS[1:])) - patients
        strong = {p for p in patients if len(p) > 2 and re.search("[A-Za-z]", p)}
        self._plain = [name.encode() for name in sorted(patients | whole | paths)]
        self._patient = _any_of(strong, r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])")
        # "12" or "A" means a person only where an id stands.
        weak = (patients - strong) | {name for name in whole if len(name) < 3}
        start, end = r"(?:(?<=[\"'/\t])|(?<=subject )|^)", r"(?=[\"'/.\t]|, |$)"
        self._weak = _any_of(weak, start, end)
        # In a log a line too many does no harm. Slurm's logs lie in folders named after wildcards, such as ct_1003.
        short = {name for name in weak if len(name) < 3 and not re.search("[A-Za-z]", name)}
        self._logged = [
            _any_of(weak - short, r"(?<![A-Za-z0-9.:-])", r"(?![A-Za-z0-9:-]*[A-Za-z0-9]|\.\d)"),
            _any_of(short, r"(?:(?<==)|(?<= of )|(?<=[a-z]_))", r"(?=[,_ /]|$)"),
        ]
        self._whole = _any_of(
            whole - weak | paths,
            r"(?<![A-Za-z0-9_-])",
            r"(?![A-Za-z0-9_-])",
        )
        self._others = _any_of(
            {o for o in others - patients if self._patient and self._patient.search(o)},
            r"(?<![A-Za-z0-9])",
            r"(?![A-Za-z0-9])",
        )

    def found(self, text: str) -> bool:
        """Whether a text names one of them."""
        if any(p and p.search(text) for p in (self._whole, self._weak)):
            return True
        return self._patient is not None and any(map(self._theirs, self._words(text)))

    def logged(self, text: str) -> bool:
        """Whether a line of a log, or a folder of Slurm's logs, names one of them; finds more than `found`."""
        return self.found(text) or any(p and p.search(text) for p in self._logged)

    def logged_in(self, path: Path) -> bool:
        """Whether a line of a log names one of them."""
        data = path.read_bytes()
        return any(p in data for p in self._plain) and self.logged(data.decode("latin-1"))

    def found_in(self, path: Path) -> bool:
        """Whether a file's bytes name one of them."""
        data = path.read_bytes()
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return self.found(data.decode("utf-16", errors="replace"))
        return any(p in data for p in self._plain) and self.found(data.decode("latin-1"))

    def _words(self, text: str):
        for match in self._patient.finditer(text):
            start, end = match.span()
            while start and re.match(r"[A-Za-z0-9_-]", text[start - 1]):
                start -= 1
            while end < len(text) and re.match(r"[A-Za-z0-9_-]", text[end]):
                end += 1
            yield text[start:end]

    def _theirs(self, word: str) -> bool:
        """Whether a word is not that of another patient whose id holds theirs (P7 in "P7-2_R1", when there is a P7-2)."""
        return self._others is None or not self._others.search(word)

    def masked(self, text: str) -> str:
        """A text in which every word that names one of them is replaced."""
        if self._whole:
            text = self._whole.sub(MASK, text)
        for word in set(self._words(text)) if self._patient else ():
            text = text.replace(word, MASK) if self._theirs(word) else text
        return text

    def without_rows(
        self, data: bytes, allows: Callable[[str, str], bool] = lambda column, text: True
    ) -> bytes:
        """A sheet without their rows, as UTF-8, and their ids masked in other people's text cells; the same bytes when it
        does not name them.

        Blank lines stand where their rows stood, so that every other record keeps the line that it has in the site's file.
        allows : whether a column may hold a text. One that may not hold a mask has words of its own, which name nobody.
        """
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        if not wide and not any(name in data for name in self._plain):
            return data
        text, _ = decode(data)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
        records = [(record, reader.line_num) for record in reader]
        place = next((i for i, (cells, _) in enumerate(records) if any(map(str.strip, cells))), 0)
        header = [cell.strip() for cell in records[place][0]] if records else []
        keyed = [(i, self.ids.get(c, set())) for i, c in enumerate(header) if c in KEYS]
        plain = [(i, c) for i, c in enumerate(header) if c not in (*KEYS, *_PATHS)]
        changed, codes = False, {}
        for number, (row, end) in enumerate(records[place + 1 :], start=place + 1):
            if any(i < len(row) and row[i].strip() in own for i, own in keyed):
                records[number], changed = ([], end), True
                continue
            for i, column in plain:
                if i < len(row) and self.found(row[i]):
                    masked = self._mask(column, row[i].strip(), codes)
                    if masked != row[i] and allows(column, masked):
                        row[i], changed = masked, True
        return _in_their_lines(records).encode() if changed else data

    def _mask(self, column: str, text: str, codes: dict[str, str]) -> str:
        """What stands for a cell: the same code for the same word, so that those whom it links stay linked, and no others."""
        links = column == "person_id" or column.startswith("group_")
        if re.fullmatch("[A-Za-z0-9_-]+", text) and (links or self.masked(text) == MASK):
            return codes.setdefault(text, f"withdrawn-{len(codes) + 1}")
        return self.masked(text)


def _in_their_lines(records: list[tuple[list[str], int]]) -> str:
    """Tab-separated text of (cells, line in which the record ended): what became shorter is filled up with blank lines."""
    out, line = io.StringIO(newline=""), 0
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    for cells, end in records:
        start = out.tell()
        if cells:
            writer.writerow(cells)
        out.seek(start)
        line += sum(1 for _ in out)
        out.write("\n" * (end - line))
        line = end
    return out.getvalue()


def _any_of(names: set[str], before: str, after: str) -> re.Pattern | None:
    """One pattern for all names, the longest first; None for no names."""
    if not names:
        return None
    words = "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name))))
    return re.compile(f"{before}(?:{words}){after}", re.MULTILINE)


def names_of(patients: set[str], folders: list[Path], plan: dict) -> Names:
    """The names of patients, by the sheets in these folders (today's, and those frozen before) and by the plan before.

    What is shared with anybody else (a report of a whole batch, a tube number used twice) is not theirs.
    """
    ids: dict[str, set[str]] = {"patient_id": set(patients)}
    paths, foreign, others = set(), set(), set()
    for name, key in _SHEETS.items():
        for folder in folders:
            for row in _rows(folder / f"{name}.tsv"):
                links = [c for c in KEYS if c in row and c != key] or [key]
                link = "patient_id" if "patient_id" in row else links[0]
                own = row.get(link, "") in ids.get(link, set())
                found = {column: row[column] for column in (key, "sample_id") if row.get(column)}
                if name == "assays":
                    filled = {column: cell for column, cell in row.items() if cell}
                    found.setdefault(key, default_assay_id(filled))
                    files = {filled[c].split("#")[0] for c in _PATHS if c in filled}
                    (paths if own else foreign).update(files)
                if not own:
                    foreign.update(found.values())
                    continue
                for column, value in found.items():
                    ids.setdefault(column, set()).add(value)
    for folder in folders:
        others |= {row.get("patient_id", "") for row in _rows(folder / "patients.tsv")} - patients
    for admitted in plan.get("assays", {}).values():
        for patient, rows in admitted.items():
            found = {row["assay_id"] for row in rows}
            if patient in patients:
                ids.setdefault("assay_id", set()).update(found)
            else:
                foreign |= found
    ids = {
        column: own - (foreign if column != "patient_id" else set()) for column, own in ids.items()
    }
    return Names(ids, paths - foreign, others - {""})


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of a sheet as they are; none when it is not there or cannot be read (the plan says so)."""
    if not path.is_file():
        return []
    try:
        header, rows, _, _ = read_text_table(path)
    except SheetErrors:
        return []
    return [dict(zip(header, row, strict=True)) for row in rows]
