"""In: gene and metabolite sets (GMT), names of features. Out: which features a set holds, and the step that turns
their values into one score a set.
Source: combined z-score (Lee 2008, PLoS Comput Biol 4:e1000217); sets and their sources: resources/knowledge.
"""

import functools
import re
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from scripts.core.hashing import ROOT
from scripts.model.pipelines import Limits, usable_features

MUTATED = "MUTATED_"  # sets of this name hold burdens of variants, all others amounts
# What may stand before a member's name, and behind it: derivative, UniProt accession, protein or promoter variant.
_NUMBERED = re.compile(
    r"^[a-z]\d+$"
)  # F2, C3: a name of nothing in particular unless an accession follows
_PREFIX = re.compile(r"^(altering|truncating|vaf)_")
_SUFFIX = re.compile(
    r"_(\d*tms|meox|\d+meox|[opq]\d[a-z\d]{3}\d|[a-nr-z]\d([a-z][a-z\d]{2}\d){1,2}|[a-z]\d+[a-z])$"
)


@functools.cache
def read_sets(path: str) -> dict[str, frozenset[str]]:
    """{name: members in lower case} of a GMT file; a path that is not absolute lies in the project."""
    sets = {}
    text = (ROOT / path).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split("\t")
        if not line.strip():
            continue
        if len(cells) < 3 or not cells[1].strip():
            raise ValueError(
                f"{Path(path).name}, line {number}: a set needs a name, a source and members, "
                "separated by tabs"
            )
        sets[cells[0]] = frozenset(c.strip().lower() for c in cells[2:] if c.strip())
    return sets


def bare_name(feature: str) -> str:
    """A feature's name without prefix, derivative, accession and variant, in lower case."""
    name = _PREFIX.sub("", feature.lower().replace("-", "_"))
    while _SUFFIX.search(name):
        name = _SUFFIX.sub("", name)
    return name


def is_variant(feature: str) -> bool:
    """Whether a feature tells of variants in a gene, not of the amount of its product."""
    return bool(_PREFIX.match(feature.lower()))


def sets_of(features: list[str], settings: dict) -> dict[str, tuple[str, ...]]:
    """{set: its features} of the sets that at least `minimum_set` of these features belong to."""
    own = settings["knowledge"]
    names = {feature: bare_name(feature) for feature in features}
    found = {}
    for path in own["sets"]:
        for title, members in read_sets(path).items():
            mutated = title.startswith(MUTATED)
            inside = tuple(
                f
                for f in features
                if names[f] in members
                and is_variant(f) == mutated
                and not _NUMBERED.match(f.lower())
            )
            if len(inside) >= int(own["minimum_set"]):
                found[title] = inside
    return dict(sorted(found.items()))


def published_scores(allowed: dict[str, list[str]], settings: dict) -> tuple[tuple[str, str], ...]:
    """(block, feature) of the published clinical scores that may enter a model."""
    columns = [tuple(name.split("__", 1)) for name in settings["knowledge"]["scores"]]
    return tuple((b, f) for b, f in columns if f in allowed.get(b, []))


class SetScores(TransformerMixin, BaseEstimator):
    """One score a set: the mean of its features, each filtered, logged where skewed and standardised.

    sets : positions of the columns of each set; names : of the sets; usable : untrained filter
    """

    def __init__(self, sets=(), names=(), usable=None):
        self.sets = sets
        self.names = names
        self.usable = usable

    def fit(self, X, y=None):
        """Learn filter, mean and SD of every feature. X : patients x features, NaN = missing."""
        from sklearn.base import clone

        self.usable_ = clone(self.usable).fit(X)
        Z = self.usable_.transform(X)
        observed = ~np.isnan(Z)
        counts = np.maximum(observed.sum(0), 1)
        self.mean_ = np.where(observed, Z, 0.0).sum(0) / counts
        spread = np.sqrt((np.where(observed, Z - self.mean_, 0.0) ** 2).sum(0) / counts)
        self.sd_ = np.where(spread > 0, spread, 1.0)
        place = np.cumsum(self.usable_.kept_) - 1
        kept = [[int(place[i]) for i in members if self.usable_.kept_[i]] for members in self.sets]
        self.members_ = [members for members in kept if members]
        self.names_ = [n for n, members in zip(self.names, kept, strict=True) if members]
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        """Patients x sets; NaN where no feature of a set was measured."""
        Z = (self.usable_.transform(X) - self.mean_) / self.sd_
        Z = Limits().transform(Z)
        observed = ~np.isnan(Z)
        out = np.full((len(Z), len(self.members_)), np.nan)
        for number, members in enumerate(self.members_):
            n = observed[:, members].sum(1)
            total = np.where(observed[:, members], Z[:, members], 0.0).sum(1)
            out[n > 0, number] = total[n > 0] / n[n > 0]
        return out


def set_preparation(columns, sets, settings: dict) -> Pipeline:
    """Set scores, imputed and scaled: the learned steps before the learner.

    columns : ((block, feature), ...) of the table; sets : ((name, features), ...).
    """
    place = {feature: i for i, (_, feature) in enumerate(columns)}
    inside = [(name, [place[f] for f in features if f in place]) for name, features in sets]
    inside = [(name, positions) for name, positions in inside if positions]
    scores = SetScores(
        [positions for _, positions in inside],
        [name for name, _ in inside],
        usable_features(settings),
    )
    return Pipeline(
        [
            ("sets", scores),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("limits", Limits()),
        ]
    )
