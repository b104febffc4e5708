"""Acceptance figures of the bundle in use: a removed block, what a bundle refuses, one new raw run, what never moves.

In: the folder of real test data. Out: CHECKS, see validate_methods.py.
Source: the acceptance list of docs/modelling.md, points 4, 6, 9, 10; breast_tcga: TCGA breast cancers, three omics, 150 tumours.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
ABSENT = "real test data are not here (HCC_OMICS_TESTDATA)"
SIMULATED = "simulated, two blocks, 400 + 2000 patients"


def line(name: str, data: str, measured: str, limit: str, holds: bool | None) -> dict:
    """A line of the table."""
    return {"name": name, "data": data, "measured": measured, "limit": limit, "holds": holds}


def settings_of(**more) -> dict:
    """The project's model settings with one grid point."""
    from scripts.core.config import default_config

    found = default_config()["model"]
    found["elastic_net"] = {"c": [0.1], "l1_ratio": [0.5], "max_iter": 200}
    return found | {"interval_refits": 10} | more


def trained(cohort, settings: dict):
    """A late fusion on a cohort."""
    from scripts.model import fused
    from scripts.model.cohort_tables import predictors

    allowed, _ = predictors(cohort, settings)
    return fused.train(fused.members_of("late", allowed, settings), cohort, settings, seed=1)


def without(cohort, block: str):
    """The same patients with one block taken away."""
    tables = {name: table for name, table in cohort.tables.items() if name != block}
    return type(cohort)(cohort.obs, tables, cohort.dictionaries)


def at_pattern(model, cohort, used: str) -> dict:
    """O/E, Brier score against the pattern's own out-of-fold one, net benefit at the pattern's own threshold."""
    from scripts.model import metrics
    from scripts.model.patterns import pattern_scores, pattern_thresholds

    names = tuple(used.split("+"))
    scores = model.score(cohort)
    scores = scores[scores["calibrated_on"] == used]
    y, p = cohort.obs.loc[scores.index, "label"].to_numpy(int), scores["probability"].to_numpy()
    own_y, own_p = pattern_scores(model, names)
    cut = pattern_thresholds(model, names)["youden"]
    return {
        "n": len(y),
        "o_e": y.sum() / p.sum(),
        "brier": float(((p - y) ** 2).mean()),
        "own": float(((own_p - own_y) ** 2).mean()),
        "benefit": metrics.net_benefit(y, p, cut),
        "cut": cut,
    }


def _removed(name: str, data: str, found: dict) -> dict:
    measured = (
        f"O/E {found['o_e']:.3f}, Brier {found['brier']:.3f} (pattern's own {found['own']:.3f}), "
        f"net benefit {found['benefit']:+.3f} at {found['cut']:.3f}"
    )
    limit = "O/E .85-1.15, Brier within .03 of the pattern's own, net benefit > 0"
    near = abs(found["brier"] - found["own"]) <= 0.03
    holds = bool(0.85 <= found["o_e"] <= 1.15 and near and found["benefit"] > 0)
    return line(name, data, measured, limit, holds)


def removed_block_simulated(folder: Path | None) -> dict:
    """Acceptance 4 on simulated patients: one block taken from everybody in the test set."""
    from tests.unit.model.conftest import build_cohort

    model = trained(build_cohort(n=400, missing=0.2), settings_of())
    fresh = without(build_cohort(n=2000, seed=9, missing=0.0), "ct")
    return _removed(
        "Block removed from the test patients", SIMULATED, at_pattern(model, fresh, "lcms")
    )


def breast_cohort(folder: Path):
    """breast_tcga train as a cohort: Basal against the other subtypes, three omics, 150 tumours."""
    from scripts.model.cohort_tables import Cohort

    place = folder / "tables" / "breast_tcga"
    tables = {
        block: pd.read_csv(place / f"train_{block}.csv", index_col=0)
        for block in ("mrna", "mirna", "protein")
    }
    index = tables["mrna"].index.astype(str)
    tables = {block: table.set_axis(index).sort_index() for block, table in tables.items()}
    subtype = pd.read_csv(place / "train_subtype.csv")["subtype"].to_numpy()
    obs = pd.DataFrame({"label": (subtype == "Basal").astype(int), "centre": "T"}, index=index)
    obs["group"] = index
    dictionaries = {
        block: pd.DataFrame(
            {"role": "predictor", "unit": "", "stability": np.nan}, index=table.columns
        )
        for block, table in tables.items()
    }
    return Cohort(obs.sort_index(), tables, dictionaries)


def removed_block_breast(folder: Path | None) -> dict:
    """Acceptance 4 on real tumours: proteins taken from a third of the patients, who were left out of training."""
    name, data = (
        "Block removed from the test patients",
        "breast_tcga train, 100 + 50 tumours, 20 splits",
    )
    if folder is None:
        return line(name, data, ABSENT, "", None)
    from sklearn.model_selection import StratifiedShuffleSplit

    cohort = breast_cohort(folder)
    splits = StratifiedShuffleSplit(20, test_size=1 / 3, random_state=0)
    found = []
    for train, test in splits.split(cohort.labels, cohort.labels):
        model = trained(cohort.subset(cohort.obs.index[train]), settings_of())
        fresh = without(cohort.subset(cohort.obs.index[test]), "protein")
        found.append(at_pattern(model, fresh, "mirna+mrna"))
    return _removed(name, data, pd.DataFrame(found).mean().to_dict())


def fresh_process(folder: Path, sheet: Path) -> np.ndarray:
    """Probabilities of a sheet of new patients by a bundle that a new process loads."""
    code = (
        "import sys, json\nfrom pathlib import Path\nfrom scripts.model import bundle\n"
        "from scripts.model.new_sheet import read_new\n"
        "model, about = bundle.load_bundle(Path(sys.argv[1]), Path(sys.argv[1]).name)\n"
        "found = model.score(read_new(sys.argv[2], about))['probability']\n"
        "print(json.dumps(found.astype(float).tolist()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(sheet)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return np.array(json.loads(done.stdout), float)


def write_new(cohort, path: Path) -> None:
    """Patients as a sheet of new patients, all digits."""
    parts = {
        f"{b}__{c} [{cohort.dictionaries[b].loc[c, 'unit']}]": t[c]
        for b, t in cohort.tables.items()
        for c in t
    }
    table = pd.DataFrame(parts).reindex(cohort.obs.index)
    table.insert(0, "centre", cohort.obs["centre"])
    table.rename_axis("patient_id").to_csv(path, sep="\t", float_format="%.17g", na_rep="NA")


def reload_in_a_fresh_process(folder: Path | None) -> dict:
    """Acceptance 6: a bundle loaded elsewhere predicts as the model that was trained here."""
    from tests.unit.model.bundles import written
    from tests.unit.model.conftest import build_cohort

    cohort, worst = build_cohort(n=200, effect=1.5), 0.0
    with tempfile.TemporaryDirectory() as place:
        for strategy in ("late", "early", "late_xgboost"):
            name, model, _ = written(Path(place), cohort, settings_of(), strategy)
            write_new(cohort, Path(place) / "new.tsv")
            theirs = fresh_process(Path(place) / name, Path(place) / "new.tsv")
            ours = model.score(cohort)["probability"].to_numpy(float)
            worst = max(worst, float(np.nanmax(np.abs(ours - theirs))))
    text = f"largest difference {worst:.1e}"
    return line(
        "Bundle reloaded in a fresh process",
        "simulated, 3 strategies",
        text,
        "<= 1e-12",
        worst <= 1e-12,
    )


def tampered_bundles_are_refused(folder: Path | None) -> dict:
    """Acceptance 6: one flipped byte in any file, a file or a type more, another unit, an unknown centre."""
    from scripts.model import bundle, fused, predict_patients
    from tests.unit.model.bundles import written
    from tests.unit.model.conftest import build_cohort

    cohort, refused, tried = build_cohort(n=200, effect=1.5), 0, 0
    with tempfile.TemporaryDirectory() as place:
        name, model, description = written(Path(place), cohort, settings_of(), "late")
        original = Path(place) / name
        files = sorted(p.name for p in original.iterdir())
        for file in [*files, "extra file", "extra type", "another unit"]:
            tried += 1
            copied = Path(place) / "copy" / name
            shutil.rmtree(copied.parent, ignore_errors=True)
            shutil.copytree(original, copied)
            if file in files:
                data = bytearray((copied / file).read_bytes())
                data[len(data) // 2] ^= 1
                (copied / file).write_bytes(data)
            elif file == "extra file":
                (copied / "more.txt").write_text("x")
            elif file == "extra type":
                member = next(copied.glob("*.model.skops"))
                member.write_bytes(bundle.skops_bytes(fused.Member("x", (), "y")))
                bundle.write_sums(copied)
            try:
                if file == "another unit":
                    other = cohort.dictionaries["ct"].assign(unit="mmol/L")
                    bundle.check_units(description, {"ct": other})
                bundle.load_bundle(copied, name if file != "extra type" else "")
            except bundle.BundleError:
                refused += 1
        tried += 1
        outside = cohort.subset(cohort.obs.index[:20])
        outside.obs = outside.obs[["centre"]].assign(centre="X9")
        scores, _ = predict_patients.predict(model, description, outside, original, "refuse")
        refused += bool(scores["probability"].isna().all() and (scores["refused"] != "").all())
    name = "Changed bundle, unit or centre refused"
    return line(name, "simulated", f"{refused} of {tried} refused", "all", refused == tried)


def two_runs_are_equal(folder: Path | None) -> dict:
    """Acceptance 6: trained twice, a bundle has the same bytes (with its refits)."""
    from tests.unit.model.bundles import written
    from tests.unit.model.conftest import build_cohort

    equal = 0
    for strategy in ("late", "early", "late_xgboost"):
        names = []
        for _ in range(2):
            with tempfile.TemporaryDirectory() as place:
                cohort = build_cohort(n=160, effect=1.5)
                names.append(written(Path(place), cohort, settings_of(), strategy)[0])
        equal += names[0] == names[1]
    text = f"{equal} of 3 strategies"
    return line("Two fits give a byte-identical bundle", "simulated", text, "all", equal == 3)


def new_raw_patients(folder: Path | None) -> dict:
    """Acceptance 9: raw files of new patients through apply, alone and together, against the development rows."""
    from tests.workflow.new_folder import rows_apart

    with tempfile.TemporaryDirectory() as place:
        found = rows_apart(Path(place))
    measured = ", ".join(f"{block} {gap:.1e}" for block, gap in sorted(found.items()))
    name = "New raw patient alone, with others, and as in development"
    data = "cut of the demo: LC-MS, CT, laboratory sheet"
    return line(name, data, measured, "<= 1e-9", max(found.values()) <= 1e-9 and len(found) == 3)


def what_never_moves(folder: Path | None) -> dict:
    """Acceptance 10: one patient added, one withdrawn, a comment in a script: same split, same bundle."""
    from tests.workflow.new_folder import moved_by_small_changes

    with tempfile.TemporaryDirectory() as place:
        moved, changed = moved_by_small_changes(Path(place))
    text = f"{moved} patients changed sides, {changed} files of the bundle changed"
    name = "One added, one withdrawn, a comment changed"
    return line(name, "cohort of tables, 80 patients", text, "none", moved == 0 and changed == 0)


CHECKS = [
    removed_block_simulated,
    removed_block_breast,
    reload_in_a_fresh_process,
    tampered_bundles_are_refused,
    two_runs_are_equal,
    new_raw_patients,
    what_never_moves,
]
