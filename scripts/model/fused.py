"""In: a cohort and a strategy. Out: trained members (one pipeline each) and their fusion.
Source: late fusion as prior-corrected mean of calibrated log odds; docs/modelling.md, "Missing blocks".
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from scripts.model import calibrators, pipelines
from scripts.model.cohort_tables import Cohort

JOINT = "joint"


@dataclass(frozen=True)
class Member:
    """One pipeline to train. `columns` : ((block, feature), ...), ordered by block."""

    name: str
    columns: tuple[tuple[str, str], ...]
    learner: str

    @property
    def blocks(self) -> list[str]:
        """Blocks that it uses, in order."""
        return list(dict.fromkeys(block for block, _ in self.columns))


@dataclass
class TrainedMember:
    """A trained pipeline. Calibrated log odds = intercept + slope * its log odds.

    columns : what it was trained on; evidence : calibrated log odds minus the log odds of the prior,
    out of fold, per training patient; weights : {(block, feature): coefficient or gain}
    """

    member: Member
    columns: tuple[tuple[str, str], ...]
    preparation: object
    model: object
    intercept: float
    slope: float
    prior: float
    evidence: pd.Series
    weights: dict[tuple[str, str], float]
    parameters: dict

    def evidence_of(self, cohort: Cohort, minimum_observed: float) -> pd.Series:
        """Evidence for hcc of every patient who has enough of the features."""
        table = present(matrix(cohort, self.columns), minimum_observed, len(self.member.blocks) > 1)
        if table.empty:
            return pd.Series(dtype=float, index=table.index)
        linear = pipelines.decision(self.model, self.preparation.transform(table.to_numpy(float)))
        return pd.Series(self.intercept + self.slope * linear - self.prior, index=table.index)


def matrix(cohort: Cohort, columns) -> pd.DataFrame:
    """Patients with at least one of the blocks x columns (block, feature); what lacks is NaN."""
    wanted: dict[str, list[str]] = {}
    for block, feature in columns:
        wanted.setdefault(block, []).append(feature)
    parts = {
        block: cohort.tables[block].reindex(columns=features)
        for block, features in wanted.items()
        if block in cohort.tables
    }
    if not parts:
        return pd.DataFrame(columns=pd.MultiIndex.from_tuples(list(columns)), dtype=float)
    joined = pd.concat(parts, axis=1).sort_index()
    return joined.reindex(columns=pd.MultiIndex.from_tuples(list(columns)))


def present(table: pd.DataFrame, minimum_observed: float, joint: bool) -> pd.DataFrame:
    """Rows with enough observed values; a joint table needs any value, its blocks are imputed."""
    share = table.notna().mean(axis=1)
    return table[share > 0] if joint else table[share >= minimum_observed]


def usable_columns(table: pd.DataFrame, maximum_missing: float, joint: bool):
    """Columns measured often enough among those who have the block."""
    if joint:
        return [c for c in table.columns if table[c].notna().any()]
    return [c for c in table.columns if table[c].isna().mean() <= maximum_missing]


def inner_folds(y: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> list:
    """Grouped, stratified folds in which both sides have both classes."""
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    found = splitter.split(np.zeros(len(y)), y, groups)
    return [(a, b) for a, b in found if 0 < y[a].sum() < len(a)]


def train_member(member: Member, cohort: Cohort, settings: dict, seed: int) -> TrainedMember | None:
    """Choose the learner's setting and the calibration in inner folds, then fit on all patients.

    None when too few patients of a class have the blocks.
    """
    joint = len(member.blocks) > 1
    table = matrix(cohort, member.columns)
    if table.empty:
        return None
    columns = usable_columns(table, float(settings["maximum_missing"]), joint)
    table = present(table[columns], float(settings["minimum_observed"]), joint)
    patients = table.index
    y = cohort.obs.loc[patients, "label"].to_numpy(int)
    folds = int(settings["inner_folds"])
    if not columns or min(y.sum(), len(y) - y.sum()) < folds:
        return None
    X = table.to_numpy(float)
    groups = cohort.obs.loc[patients, "group"].to_numpy(str)
    grid = pipelines.learner_grid(member.learner, settings, seed)
    linear = np.full((len(y), len(grid)), np.nan)
    for train, test in inner_folds(y, groups, folds, seed):
        ready = _preparation(columns, settings).fit(X[train], y[train])
        a, b = ready.transform(X[train]), ready.transform(X[test])
        for number, learner in enumerate(pipelines.learner_grid(member.learner, settings, seed)):
            linear[test, number] = pipelines.decision(learner.fit(a, y[train]), b)
    scored = ~np.isnan(linear[:, 0])
    best = _best(linear[scored], y[scored])
    intercept, slope = calibrators.fit_line(linear[scored, best], y[scored])
    prior = float(logit(y.mean()))
    ready = _preparation(columns, settings).fit(X, y)
    model = grid[best].fit(ready.transform(X), y)
    evidence = pd.Series(intercept + slope * linear[:, best] - prior, index=patients)
    return TrainedMember(
        member=member,
        columns=tuple(columns),
        preparation=ready,
        model=model,
        intercept=intercept,
        slope=slope,
        prior=prior,
        evidence=evidence.dropna(),
        weights=feature_weights(ready, model, columns),
        parameters=_parameters(model),
    )


def _preparation(columns, settings: dict):
    sizes: dict[str, int] = {}
    for block, _ in columns:
        sizes[block] = sizes.get(block, 0) + 1
    if len(sizes) > 1:
        return pipelines.joint_preparation(settings, list(sizes.values()))
    return pipelines.preparation(settings, int(settings["screen"]))


def _best(linear: np.ndarray, y: np.ndarray) -> int:
    """Grid point with the smallest deviance; within one standard error the most regularised."""
    loss = np.logaddexp(0, np.where(y[:, None] == 1, -linear, linear))
    mean = loss.mean(0)
    winner = int(np.argmin(mean))
    difference = loss - loss[:, [winner]]
    error = difference.std(0) / np.sqrt(len(y))
    return int(np.flatnonzero(mean - mean[winner] <= error)[0])


def _parameters(model) -> dict:
    names = ("C", "l1_ratio", "max_depth", "n_estimators", "learning_rate")
    return {k: v for k, v in model.get_params().items() if k in names and v is not None}


def kept_columns(preparation, columns) -> list:
    """Columns that reach the learner, in its order."""
    columns = list(columns)
    if "blocks" not in preparation.named_steps:
        kept = np.flatnonzero(preparation.named_steps["usable"].kept_)
        return [columns[i] for i in kept[preparation.named_steps["screen"]._get_support_mask()]]
    out = []
    for name, part, positions in preparation.named_steps["blocks"].transformers_:
        if name != "remainder":
            out += kept_columns(part, [columns[i] for i in positions])
    return out


def feature_weights(preparation, model, columns) -> dict:
    """{(block, feature): coefficient (elastic net) or share of gain} of features in use."""
    values = model.coef_[0] if hasattr(model, "coef_") else model.feature_importances_
    kept = kept_columns(preparation, columns)
    return {c: float(v) for c, v in zip(kept, values, strict=True) if abs(v) > 1e-9}


def members_of(strategy: str, allowed: dict[str, list[str]], settings: dict) -> list[Member]:
    """What a strategy trains: late (a member per block), early (one joint), a baseline."""
    learner = "xgboost" if strategy.endswith("_xgboost") else "elastic_net"
    kind = strategy.removesuffix("_xgboost")
    if kind == "late":
        return [
            Member(block, tuple((block, f) for f in names), learner)
            for block, names in allowed.items()
        ]
    if kind == "early":
        columns = tuple((block, f) for block, names in allowed.items() for f in names)
        return [Member(JOINT, columns, learner)]
    if kind.startswith("block_"):
        block = kind.removeprefix("block_")
        return [Member(block, tuple((block, f) for f in allowed[block]), learner)]
    columns = tuple(tuple(name.split("__", 1)) for name in settings["baselines"][kind])
    return [Member(kind, columns, learner)]


def pattern_name(names) -> str:
    """A pattern of present members as text, e.g. "clinical+lcms"."""
    return "+".join(sorted(names))


@dataclass
class FusedModel:
    """Members and how their evidence becomes one probability.

    evidence : training patients x members, out of fold, NaN = not measured; y : their labels
    """

    members: list[TrainedMember]
    evidence: pd.DataFrame
    y: np.ndarray
    settings: dict

    def calibration(self, names: tuple[str, ...]) -> tuple[float, float] | None:
        """Line from the mean evidence of these members to log odds at the overall prior.

        Fitted on all training patients who have at least these members; None when they are too
        few. The share of events of that subset is taken out again: having or not having been
        measured is no evidence.
        """
        have = self.evidence[list(names)].notna().all(axis=1).to_numpy()
        y = self.y[have]
        minimum = int(self.settings["minimum_class"])
        if min(int(y.sum()), int(len(y) - y.sum())) < minimum:
            return None
        mean = self.evidence.loc[have, list(names)].mean(axis=1).to_numpy()
        intercept, slope = calibrators.fit_line(mean, y)
        return intercept - float(logit(y.mean())) + float(logit(self.y.mean())), slope

    def fallback(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The largest subset of the names that training patients show together often enough."""
        seen = {
            tuple(self.evidence.columns[row])
            for row in self.evidence.notna().to_numpy()
            if row.any()
        }
        options = {tuple(sorted(set(names) & set(p))) for p in seen} | {(n,) for n in names}
        for option in sorted(options, key=lambda o: (-len(o), o)):
            if option and self.calibration(option) is not None:
                return option
        return ()

    def score(self, cohort: Cohort) -> pd.DataFrame:
        """Probability of every patient.

        Returns index patient_id; probability (NaN when refused), pattern (members present),
        calibrated_on (members used), refused (plain reason or "").
        """
        limit = float(self.settings["minimum_observed"])
        found = pd.DataFrame(
            {m.member.name: m.evidence_of(cohort, limit) for m in self.members}
        ).reindex(cohort.obs.index)
        out = pd.DataFrame(
            {"probability": np.nan, "pattern": "", "calibrated_on": "", "refused": ""},
            index=cohort.obs.index,
        )
        required = set(self.settings["required_blocks"])
        masks = found.notna()
        for key, rows in found.groupby([masks[c] for c in found.columns]):
            key = key if isinstance(key, tuple) else (key,)
            names = tuple(sorted(n for n, has in zip(found.columns, key, strict=True) if has))
            out.loc[rows.index, "pattern"] = pattern_name(names)
            blocks = {b for m in self.members if m.member.name in names for b in m.member.blocks}
            reason = self.refusal(names, blocks, required)
            used = () if reason else self.fallback(names)
            if not reason and not used:
                reason = "no pattern of blocks like this one was seen in training"
            out.loc[rows.index, "refused"] = reason
            if reason:
                continue
            intercept, slope = self.calibration(used)
            mean = rows[list(used)].mean(axis=1)
            out.loc[rows.index, "probability"] = expit(intercept + slope * mean)
            out.loc[rows.index, "calibrated_on"] = pattern_name(used)
        return out

    def refusal(self, names, blocks: set[str], required: set[str]) -> str:
        """Why a pattern is below the minimum set of blocks, "" when it is not."""
        least = min(int(self.settings["minimum_blocks"]), len(self.members))
        if len(names) < least:
            return f"below the minimum set of blocks: {len(names)} usable, {least} needed"
        lacking = sorted(required - blocks)
        return f"required block missing: {', '.join(lacking)}" if lacking else ""


def train(members: list[Member], cohort: Cohort, settings: dict, seed: int) -> FusedModel | None:
    """Train all members on a cohort; None when none of them has enough patients."""
    trained = [train_member(m, cohort, settings, seed) for m in members]
    return fuse([m for m in trained if m is not None], cohort, settings)


def fuse(trained: list[TrainedMember], cohort: Cohort, settings: dict) -> FusedModel | None:
    """A FusedModel of trained members; patients without any of them are left out."""
    if not trained:
        return None
    evidence = pd.DataFrame({m.member.name: m.evidence for m in trained})
    evidence = evidence.reindex(cohort.obs.index).dropna(how="all")
    y = cohort.obs.loc[evidence.index, "label"].to_numpy(int)
    return FusedModel(trained, evidence, y, settings)
