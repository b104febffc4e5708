"""What leaves the site: only what the consent covers, under other names and days, and never without a record."""

import csv
import datetime
import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from scripts.core.config import default_config
from scripts.core.features import write_block
from scripts.core.gate import compute_gate
from scripts.core.job import Named
from scripts.core.privacy import identifier_in
from scripts.share import crate, share_package
from scripts.share.pseudonyms import Pseudonyms
from scripts.share.terms import ExportRefused, check_declared

ROOT = Path(__file__).parents[3]
ALL = "clinical;imaging;genomics;metabolomics;proteomics;ihc"
FAR = "2999-01-01"


def person(number: int, **more) -> dict:
    row = {"patient_id": f"HCC-{number:03d}", "centre": "SiteA", "role": "development"}
    row |= {
        "diagnosis": "hcc" if number % 2 else "cirrhosis",
        "sex": "female",
        "age": 60.5 + number,
    }
    return row | {"index_date": "2025-06-10", "id1_hash": "0123456789abcdef"} | more


def signed(patient: str, purposes: str = "research;sharing", **more) -> list[dict]:
    shared = {"patient_id": patient, "status": "signed", "signed_date": "2025-06-01"}
    base = shared | {"kind": "base", "document_id": f"{patient}-base"}
    use = shared | {"kind": "data_use", "scope_modalities": ALL, "scope_purposes": purposes}
    return [base, use | {"document_id": f"{patient}-use"} | more]


def write_sheet(path: Path, rows: list[dict]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    share_package.write_tsv(path, columns, rows)
    return str(path)


class Export:
    """A run folder of five people and one export from it.

    001 and 002 share all; 003's consent does not name sharing; 004 shares clinical data only; 005 is 95 years old.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.patients = [person(n) for n in (1, 2, 3, 4)] + [person(5, age=95, role="external")]
        ids = [row["patient_id"] for row in self.patients]
        self.consents = {p: signed(p) for p in ids}
        self.consents[ids[2]] = signed(ids[2], "research")
        narrow = {"scope_modalities": "clinical", "document_id": "HCC-004-more"}
        self.consents[ids[3]] = [*signed(ids[3], "research"), signed(ids[3])[1] | narrow]
        self.withdrawn: dict[str, int] = {}  # by centre; nothing else of these people is kept
        self.settings = default_config()["share"] | {
            "recipient": "Hospital X",
            "purpose": "research",
        }
        self.history = [
            {"patient_id": p, "weight_kg": 70.5, "cirrhosis": "yes", "treatment_date": "2025-07-01"}
            for p in ids
        ]
        self.samples = [
            {"sample_id": f"TUBE{n}", "patient_id": p, "collected_at": "2025-06-10 07:30"}
            | {"collection_site": "room of Dr Wu", "intended_assays": "lcms", "tube_type": "K2EDTA"}
            for n, p in enumerate(ids)
        ]
        self.values = pd.DataFrame({"age": 1.0, "fib4": 2.0, "alb": 40.0}, index=ids)
        self.values["age"] = [row["age"] for row in self.patients]
        self.masses = pd.DataFrame({"m1": [0.5] * 5}, index=ids)
        self.variants = pd.DataFrame({"tmb": [3.0] * 5}, index=ids)

    def job(self, **settings):
        settings = self.settings | settings
        consents = [row for rows in self.consents.values() for row in rows]
        gate = compute_gate(self.patients, consents, [], as_of="2026-03-01", purpose="research")
        gate |= {"folder": "cohort", "withdrawn": self.withdrawn}
        (self.folder / ".hcc").mkdir(exist_ok=True)
        (self.folder / ".hcc/plan.json").write_text(json.dumps(gate), encoding="utf-8")
        inputs = {
            "patients": [write_sheet(self.folder / "patients.tsv", self.patients)],
            "consents": [write_sheet(self.folder / "consents.tsv", consents)],
            "assays": [],
            "sheets": [
                write_sheet(self.folder / "history.tsv", self.history),
                write_sheet(self.folder / "samples.tsv", self.samples),
            ],
            "labs": [self._labs()],
            "variables": str(ROOT / "resources/variable_dictionary.csv"),
            "tables": [],
            "dictionaries": [],
        }
        blocks = []
        for name, domain, table in (
            ("clinical", "clinical", self.values),
            ("lcms", "metabolomics", self.masses),
            ("wes", "genomics", self.variants),
        ):
            if domain in settings["domains"]:
                write_block(self.folder / f"{name}.parquet", table)
                lines = [f"{column}\tof {column}\t1\tpredictor\n" for column in table]
                path = self.folder / f"{name}.features.tsv"
                path.write_text("feature\tdescription\tunit\trole\n" + "".join(lines))
                inputs["tables"].append(str(self.folder / f"{name}.parquet"))
                inputs["dictionaries"].append(str(path))
                blocks.append([name, domain, 1])
        outputs = {"package": "results/share/one", "ledger": "ledger.jsonl"}
        params = {"settings": settings, "blocks": blocks, "log": "locks/exports.tsv"}
        return SimpleNamespace(
            input=Named([], **inputs),
            output=Named(list(outputs.values()), **outputs),
            wildcards=Named(),
            params=SimpleNamespace(**params),
            log=["log.txt"],
            threads=1,
            rule="share_package",
        )

    def _labs(self) -> str:
        table = pd.DataFrame({"patient_id": [*self.values.index, "HCC-001"], "variable": "alb"})
        table = table.assign(value=40.0, censor="", date=pd.Timestamp("2025-06-08"), used=True)
        table["status"] = ["ok"] * len(self.values) + ["quarantined"]
        table.to_parquet(self.folder / "labs.parquet")
        return str(self.folder / "labs.parquet")

    def run(self, **settings) -> Path:
        job = self.job(**settings)
        share_package.main(job)
        return self.folder / job.output.package

    def refused(self, capsys, **settings) -> str:
        """The message of an export that is refused: nothing is published or recorded."""
        with pytest.raises(SystemExit) as ended:
            share_package.main(self.job(**settings))
        assert ended.value.code == 1
        assert not Path("results/share/one").exists() and not Path("locks/exports.tsv").exists()
        [line] = capsys.readouterr().err.strip().splitlines()
        return line


@pytest.fixture
def export(tmp_path, monkeypatch) -> Export:
    monkeypatch.chdir(tmp_path)
    return Export(tmp_path)


def rows_of(path: Path) -> list[dict]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def text_of(package: Path) -> str:
    files = [p for p in package.rglob("*") if p.is_file()]
    return "".join(f"{p.name}\n{p.read_text(encoding='utf-8')}" for p in files)


def test_only_people_whose_consent_covers_sharing_are_in_it(export):
    package = export.run()
    assert len(rows_of(package / "patients.tsv")) == 4
    scope = {(r["domain"], r["state"], r["reason"]): r["n"] for r in rows_of(package / "scope.tsv")}
    assert scope["clinical", "shared", ""] == "4"
    assert scope["metabolomics", "shared", ""] == "3"  # of 004 clinical data only
    why = "ETH-02: purpose sharing is outside the scope of the consent"
    assert scope["clinical", "left out", why] == "1"
    assert len(rows_of(package / "features/lcms.tsv")) == 3
    assert len(rows_of(package / "labs.tsv")) == 4


def test_nothing_of_the_site_is_in_it(export, monkeypatch):
    # With a key drawn anew one of the moved dates is now and then the very day that is looked for.
    monkeypatch.setattr("scripts.share.pseudonyms.secrets.token_hex", lambda size: "5a" * size)
    package = export.run()
    text = text_of(package)
    for secret in ("HCC-00", "TUBE", "SiteA", "Dr Wu", "0123456789abcdef", "2025-06-10"):
        assert secret not in text
    assert Path("locks/share.key").read_text().strip() not in text
    assert Path("locks/share.key").stat().st_mode & 0o077 == 0
    assert identifier_in(text) == []


def test_dates_move_by_the_same_days_for_one_person(export):
    package = export.run()
    patients = {r["subject"]: r["index_date"] for r in rows_of(package / "patients.tsv")}
    assert len(set(patients.values())) > 1
    for row in rows_of(package / "history.tsv"):
        index, treated = patients[row["subject"]], row["treatment_date"]
        days = datetime.date.fromisoformat(treated) - datetime.date.fromisoformat(index)
        assert days.days == 21  # 2025-06-10 to 2025-07-01


def test_relative_days_count_from_the_index_date(export):
    package = export.run(dates="relative")
    assert {r["treatment_date"] for r in rows_of(package / "history.tsv")} == {"21"}
    assert {r["day"] for r in rows_of(package / "labs.tsv")} == {"-2"}
    assert {r["index_date"] for r in rows_of(package / "patients.tsv")} == {"0"}


def test_high_ages_are_pooled_and_cannot_be_worked_out(export):
    package = export.run()
    assert sorted(r["age"] for r in rows_of(package / "patients.tsv")) == ["61", "62", "64", "90"]
    old = [r for r in rows_of(package / "features/clinical.tsv") if float(r["age"]) == 90]
    assert [(r["fib4"], r["alb"]) for r in old] == [("", "40.0")]


def test_two_recipients_cannot_compare_and_the_same_one_can():
    def name(recipient, key=b"k" * 32):
        return Pseudonyms(key, recipient, "research", dates="shifted", shift_days=364).name(
            "S", "P1"
        )

    assert name("A") == name("A") != name("B")
    assert name("A") != name("A", b"l" * 32)
    assert not any(c.isdigit() for c in name("A"))


def test_shift_is_never_zero_and_within_its_limit():
    made = Pseudonyms(b"k" * 32, "A", "research", dates="shifted", shift_days=30)
    shifts = {made.shift_of(f"P{n}") for n in range(2000)}
    assert shifts == set(range(-30, 31)) - {0}


def test_every_file_is_described_and_every_hash_right(export):
    package = export.run()
    assert crate.problems(package) == []
    for line in (package / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert share_package.digest_of_file(package / name) == digest
    described = {(r["table"], r["column"]) for r in rows_of(package / "data_dictionary.tsv")}
    for path in package.rglob("*.tsv"):
        table = str(path.relative_to(package)).removesuffix(".tsv")
        if table not in ("scope", "data_dictionary"):
            columns = set(rows_of(path)[0]) - ({"subject"} if "/" in table else set())
            assert {(table, column) for column in columns} <= described


def test_everybody_who_was_enrolled_is_shared_or_counted_as_left_out(export):
    """Beside those whose consent does not reach that far: one refused at the gate and one who withdrew."""
    refused = person(6)
    export.patients.append(refused)
    export.consents[refused["patient_id"]] = [
        row | ({"status": "withdrawn"} if row["kind"] == "data_use" else {})
        for row in signed(refused["patient_id"])
    ]
    export.withdrawn = {"SiteA": 1}
    package = export.run()
    scope = rows_of(package / "scope.tsv")
    for domain in {row["domain"] for row in scope}:
        assert sum(int(row["n"]) for row in scope if row["domain"] == domain) == 7
    assert {
        "domain": "clinical",
        "state": "left out",
        "reason": "ETH-06: consent withdrawn",
        "n": "1",
    } in scope
    assert "left out: 3 of 7" in (package / "README.md").read_text(encoding="utf-8")


def test_every_export_is_recorded_and_no_line_is_lost(export):
    package = export.run()
    export.run(purpose="joint validation of the model")
    first, second = rows_of(Path("locks/exports.tsv"))
    assert (first["recipient"], first["purpose"], first["subjects"]) == (
        "Hospital X",
        "research",
        "4",
    )
    assert first["left_out"].startswith("clinical=1")
    hashes = json.loads(second["files"])
    assert hashes == {
        p.relative_to(package).as_posix(): share_package.digest_of_file(p)
        for p in package.rglob("*")
        if p.is_file()
    }
    assert second["purpose"] == "joint validation of the model"
    assert identifier_in(Path("locks/exports.tsv").read_text()) == []


def test_records_say_what_was_looked_at(export):
    export.run()
    records = [json.loads(line) for line in Path("ledger.jsonl").read_text().splitlines()]
    assert {r["requirement_id"]: r["verdict"] for r in records} == {
        "SHR-01": "PASS",
        "ETH-08": "NOT_APPLICABLE",
        "ETH-09": "PASS",
        "ETH-10": "PASS",
    }


def test_genome_data_need_the_document_of_the_approval(export, capsys):
    message = export.refused(capsys, domains=["clinical", "genomics"])
    assert "hgr_document" in message and "art. 2" in message
    with pytest.raises(ExportRefused, match="human genetic resources"):
        check_declared(export.settings | {"domains": ["genomics"]})


def test_genome_data_with_the_document_leave_for_those_with_the_notice(export):
    notice = {"patient_id": "HCC-001", "kind": "special", "status": "signed"}
    notice |= {"signed_date": "2025-06-01", "special_test": "genomics", "document_id": "N1"}
    export.consents["HCC-001"].append(notice)
    package = export.run(domains=["clinical", "genomics"], hgr_document="HGR-2026-0001")
    assert len(rows_of(package / "features/wes.tsv")) == 1
    assert "HGR-2026-0001" in (package / "README.md").read_text(encoding="utf-8")
    assert rows_of(Path("locks/exports.tsv"))[0]["hgr_document"] == "HGR-2026-0001"


def test_genome_data_are_not_in_a_package_that_did_not_ask_for_them(export):
    assert not (export.run() / "features/wes.tsv").exists()


def test_nobody_who_shares_is_a_refusal(export, capsys):
    export.consents = {p: signed(p, "research") for p in export.consents}
    message = export.refused(capsys)
    assert "nobody's consent covers sharing" in message and "purpose sharing" in message


def test_purpose_that_no_consent_names_is_a_refusal(export, capsys):
    message = export.refused(capsys, purpose="product_development")
    assert "purpose product_development is outside the scope" in message


@pytest.mark.parametrize("name", ["recipient", "purpose"])
def test_undeclared_terms_are_a_refusal(export, capsys, name):
    assert f"share_package needs a {name}" in export.refused(capsys, **{name: " "})


def test_consent_that_ran_out_since_the_run_keeps_the_person_out(export):
    yesterday = (datetime.date.today() - datetime.timedelta(days=1)).isoformat()
    assert yesterday > "2026-03-01"  # the day of the run's gate
    export.consents["HCC-001"][0]["expires"] = yesterday
    export.consents["HCC-002"][0]["expires"] = FAR
    assert len(rows_of(export.run() / "patients.tsv")) == 3


def test_identifier_in_a_description_stops_the_export(export, capsys):
    export.masses = export.masses.rename(columns={"m1": "13812345678"})
    message = export.refused(capsys)
    assert "features/lcms.tsv: a mobile number" in message and "13812345678" not in message


def test_id_of_the_site_in_a_column_name_stops_the_export(export, capsys):
    export.masses = export.masses.rename(columns={"m1": "HCC-003"})
    message = export.refused(capsys)
    assert "an id of the site" in message and "HCC-003" not in message


def test_small_cells_are_told(export):
    text = (export.run() / "README.md").read_text(encoding="utf-8")
    assert "Small cells: 4 people" in text


def test_cohort_without_consents_shares_nothing(export, capsys):
    job = export.job()
    job.input.consents = []
    with pytest.raises(SystemExit):
        share_package.main(job)
    assert "there are no consents" in capsys.readouterr().err
