"""In: features of patients of several centres. Out: the same features without the centres' shifts and scales.
Source: ComBat, parametric empirical Bayes (Johnson, Li and Rabinovic 2007, Biostatistics 8:118), fitted on
training patients only and without the label; a centre that comes later is estimated from its unlabelled patients.
"""

from dataclasses import dataclass, field

import numpy as np

ROUNDS = 200  # of the fixed-point iteration; tens are needed
TOLERANCE = 1e-6
SMALLEST_VARIANCE = 1e-12


class UnknownCentre(KeyError):
    """A centre that was not in training and was not adapted."""

    def __str__(self) -> str:
        return f"centre {str(self.args[0])!r} was not in training; adapt it from its own patients first"


@dataclass
class Combat:
    """Location and scale of every centre.

    mean, sd : grand mean and pooled within-centre SD, one value a feature; shift, scale : {centre:
    array}, in pooled SDs and as a ratio of variances. Missing values (NaN) are left out and stay missing.
    """

    minimum_centre: int = 5
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))
    sd: np.ndarray = field(default_factory=lambda: np.zeros(0))
    shift: dict[str, np.ndarray] = field(default_factory=dict)
    scale: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def centres(self) -> list[str]:
        """Centres that can be transformed, sorted."""
        return sorted(self.shift)

    def fit(self, X: np.ndarray, centre: np.ndarray) -> "Combat":
        """Learn from training patients. X : patients x features, centre : names.

        A centre with fewer than `minimum_centre` patients, or the only one, is left as it is.
        """
        X, centre = np.asarray(X, float), np.asarray(centre, str)
        names = [str(name) for name in np.unique(centre)]
        observed = ~np.isnan(X)
        counts = np.maximum(observed.sum(0), 1)
        self.mean = np.where(observed, X, 0.0).sum(0) / counts
        residual = np.zeros_like(X)
        for name in names:
            rows = centre == name
            residual[rows] = X[rows] - _mean(X[rows], observed[rows])
        self.sd = np.sqrt((np.where(observed, residual, 0.0) ** 2).sum(0) / counts)
        self.sd[self.sd <= 0] = 1.0
        self.shift, self.scale = {}, {}
        for name in names:
            rows = centre == name
            alone = len(names) == 1 or rows.sum() < self.minimum_centre
            found = self._nothing() if alone else self._estimate(X[rows])
            self.shift[name], self.scale[name] = found
        return self

    def adapt(self, X: np.ndarray, centre: str, minimum: int) -> "Combat":
        """A copy that also knows a new centre, from at least `minimum` of its unlabelled patients.

        Raises UnknownCentre when they are fewer. Their case mix enters the estimate: where it differs
        from that of training, part of the signal is taken away as if it were a batch.
        """
        X = np.asarray(X, float)
        if len(X) < minimum:
            raise UnknownCentre(centre)
        shift, scale = self._estimate(X)
        return Combat(
            self.minimum_centre,
            self.mean,
            self.sd,
            {**self.shift, centre: shift},
            {**self.scale, centre: scale},
        )

    def transform(self, X: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """X with every patient's centre taken out. Raises UnknownCentre."""
        X, centre = np.asarray(X, float), np.asarray(centre, str)
        out = np.empty_like(X)
        for name in map(str, np.unique(centre)):
            if name not in self.shift:
                raise UnknownCentre(name)
            rows = centre == name
            z = (X[rows] - self.mean) / self.sd
            out[rows] = (z - self.shift[name]) / np.sqrt(self.scale[name]) * self.sd + self.mean
        return out

    def _nothing(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(len(self.mean)), np.ones(len(self.mean))

    def _estimate(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift and scale of one centre, shrunken towards what its features have in common."""
        z = (X - self.mean) / self.sd
        observed = ~np.isnan(z)
        n = observed.sum(0)
        own = _mean(z, observed)
        squares = (np.where(observed, z - own, 0.0) ** 2).sum(0)
        usable = (n >= 2) & (squares > 0)
        shift, scale = self._nothing()
        if not usable.any():
            return shift, scale
        shift[usable], scale[usable] = shrink(
            own[usable], squares[usable], n[usable].astype(float), z[:, usable]
        )
        return shift, scale


def _mean(X: np.ndarray, observed: np.ndarray) -> np.ndarray:
    return np.where(observed, X, 0.0).sum(0) / np.maximum(observed.sum(0), 1)


def shrink(
    own: np.ndarray, squares: np.ndarray, n: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior shift and scale of one centre's features (equations 3.1 of Johnson 2007).

    own : mean of each feature, squares : sum of squares around it, n : observed values, z :
    standardised values (patients x features). Priors: shift normal, scale inverse gamma, by moments.
    """
    variance = squares / (n - 1)
    if len(own) < 2:  # nothing to learn the priors from
        return own, np.maximum(variance, SMALLEST_VARIANCE)
    centre, spread = own.mean(), max(own.var(ddof=1), SMALLEST_VARIANCE)
    m, s2 = variance.mean(), max(variance.var(ddof=1), SMALLEST_VARIANCE)
    a, b = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
    shift, scale = own.copy(), variance.copy()
    for _ in range(ROUNDS):
        new_shift = (spread * n * own + scale * centre) / (spread * n + scale)
        around = np.nansum((z - new_shift) ** 2, axis=0)
        new_scale = (0.5 * around + b) / (n / 2 + a - 1)
        change = max(
            np.max(np.abs(new_shift - shift) / (np.abs(shift) + 1e-3)),
            np.max(np.abs(new_scale - scale) / scale),
        )
        shift, scale = new_shift, new_scale
        if change < TOLERANCE:
            break
    return shift, scale
