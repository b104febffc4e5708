"""In: a fused model and its training cohort. Out: the same model refitted on bootstrap samples of the patients, as one archive
in the bundle, and from it the spread of a new patient's log odds.
Source: bootstrap of the fitting (Efron 1979; TRIPOD+AI item 12): hyper-parameters and the line of each block stay fixed.
"""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from scripts.model import fused, learners, refits, rules
from scripts.model.cohort_tables import Cohort
from scripts.model.contributions import prepared

ARCHIVE = "refits.zip"
COUNTS = "counts.npy"
Z95 = 1.959964  # two-sided 95 % of the normal distribution
METHOD = (
    "log odds +- 1.96 SD over {n} refits on bootstrap samples of the training patients; "
    "hyper-parameters and the calibration of single blocks fixed"
)


def method(model: fused.FusedModel, settings: dict) -> str:
    """How intervals are made; "" without refits: none are wanted, or forests, whose refits are as large as themselves."""
    wanted = int(settings["interval_refits"])
    forests = any(member.member.learner == "forest" for member in model.members)
    return "" if not wanted or forests else METHOD.format(n=wanted)


def draw_counts(y: np.ndarray, groups: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each patient is in each bootstrap sample, (draws, patients); whole groups are drawn, stratified by label.

    A group counts as a case when one of its patients is.
    """
    names, position = np.unique(groups, return_inverse=True)
    case = np.zeros(len(names), int)
    np.maximum.at(case, position, y)
    rng = np.random.default_rng([seed, 17])
    drawn = np.zeros((draws, len(names)), int)
    for label in (0, 1):
        members = np.flatnonzero(case == label)
        for number in range(draws if len(members) else 0):
            chosen = rng.integers(len(members), size=len(members))
            drawn[number, members] = np.bincount(chosen, minlength=len(members))
    return drawn[:, position].astype(np.uint16)


def refit_member(rows: refits.Rows, X: np.ndarray, times: np.ndarray) -> fused.TrainedMember:
    """One pipeline with the same settings on one bootstrap sample; the member itself where a class is missing in it.

    X : the member's training rows, harmonised; times : how often each of them was drawn
    """
    drawn = np.repeat(np.arange(len(rows.y)), times)
    y = rows.y[drawn]
    if min(int(y.sum()), int(len(y) - y.sum())) < refits.LEAST:
        return rows.member
    return refits.fit_again(rows.member, X[drawn], y)


def refit(model: fused.FusedModel, cohort: Cohort, settings: dict, seed: int) -> dict[str, bytes]:
    """{ARCHIVE: bytes} of `interval_refits` refits, {} when the settings ask for none.

    The archive is byte-identical for equal data and seed.
    """
    if not method(model, settings):
        return {}
    from scripts.core.hashing import person_hash
    from scripts.model.bundle import model_bytes, skops_bytes

    patients = model.evidence.index
    groups = cohort.obs.loc[patients, "group"].to_numpy(str)
    counts = draw_counts(model.y, groups, int(settings["interval_refits"]), seed)
    order = np.argsort([person_hash(patient) for patient in patients], kind="stable")
    held = io.BytesIO()
    np.save(held, counts[:, order])  # as oof.parquet: sorted by the hash of the person
    members = {COUNTS: held.getvalue()}
    minimum = float(settings["minimum_observed"])
    seen = rules.withheld(cohort, model.rules)
    trained = [refits.rows_of(member, seen, minimum) for member in model.members]
    values = [prepared(rows.member, rows.X, rows.centre) for rows in trained]
    # Where each row stands among the patients who were drawn; who is none of them was drawn no time.
    places = [patients.get_indexer(cohort.obs.index[rows.place]) for rows in trained]
    with learners.plain_fits():
        for number, drawn in enumerate(counts):
            for position, (rows, X, place) in enumerate(zip(trained, values, places, strict=True)):
                again = refit_member(rows, X, np.where(place < 0, 0, drawn[place]))
                stem = f"{number:03d}/{position:02d}"
                members[f"{stem}.preparation"] = skops_bytes(again.preparation)
                members[f"{stem}.model"] = model_bytes(again)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, members[name])
    return {ARCHIVE: out.getvalue()}


def log_odds_of_refits(
    archive: bytes, model: fused.FusedModel, cohort: Cohort, scores: pd.DataFrame
) -> np.ndarray:
    """(refits, patients) log odds of the scored patients by each refit; NaN where a patient got no probability.

    The blocks used and their order are those of the score itself (column calibrated_on); the line of a pattern is fitted anew on
    the out-of-fold evidence of each bootstrap sample.
    """
    from scripts.model.bundle import load_model, load_skops

    limit = float(model.settings["minimum_observed"])
    seen = rules.withheld(cohort, model.rules)
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        counts = np.load(io.BytesIO(held.read(COUNTS)), allow_pickle=False)
        out = np.full((len(counts), len(scores)), np.nan)
        for number, times in enumerate(counts):
            members = []
            for position, member in enumerate(model.members):
                stem = f"{number:03d}/{position:02d}"
                preparation = load_skops(held.read(f"{stem}.preparation"), f"{ARCHIVE} {stem}")
                learner = load_model(member.member.learner, held.read(f"{stem}.model"), ARCHIVE)
                members.append(replace(member, preparation=preparation, model=learner))
            evidence = pd.DataFrame({m.member.name: m.evidence_of(seen, limit) for m in members})
            evidence = evidence.reindex(scores.index)
            rows = np.repeat(np.arange(len(times)), times)
            sample = replace(
                model, members=members, evidence=model.evidence.iloc[rows], y=model.y[rows]
            )
            for used in sorted(set(scores["calibrated_on"]) - {""}):
                names = tuple(used.split("+"))
                line = sample.calibration(names) or model.calibration(names)
                have = (scores["calibrated_on"] == used).to_numpy()
                mean = model.mean_evidence(evidence[have], names).to_numpy()
                out[number, have] = line[0] + line[1] * mean
    return out


def interval(probability: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of each probability: its log odds plus and minus 1.96 SD of the refits' log odds.

    probability : (patients,), NaN when refused; drawn : (refits, patients) log odds.
    """
    centre = logit(np.clip(probability, 1e-12, 1 - 1e-12))
    spread = np.full(len(probability), np.nan)
    known = ~np.isnan(probability)
    spread[known] = drawn[:, known].std(axis=0, ddof=1) if len(drawn) > 1 else np.nan
    return expit(centre - Z95 * spread), expit(centre + Z95 * spread)
