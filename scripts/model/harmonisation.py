"""In: the columns of one member, the blocks that ask for ComBat. Out: values without the centres' shifts, and what
happened to patients of centres that training did not see.
Source: scripts/model/combat.py; docs/modelling.md, "Harmonisation": never silent about an unknown centre.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.model.combat import Combat
from scripts.model.pipelines import at_limit, block_steps, detection_limits, skewed_features


@dataclass
class BlockHarmoniser:
    """ComBat of one block on the logarithm of its skewed features.

    limit : what a value below the detection limit is taken for, before the logarithm (NaN : stays missing)
    """

    positions: np.ndarray
    logged: np.ndarray
    offset: np.ndarray
    limit: np.ndarray
    combat: Combat

    def to_log(self, X: np.ndarray) -> np.ndarray:
        """The block's columns of X, values below the detection limit filled in, skewed ones logged."""
        own = at_limit(np.array(X[:, self.positions], float), self.limit)
        logged = self.logged
        own[:, logged] = np.log(np.maximum(own[:, logged], 0) + self.offset[logged])
        return own


@dataclass
class Harmoniser:
    """The harmonised blocks of one member. minimum_adapt : patients from whom a new centre is estimated."""

    blocks: dict[str, BlockHarmoniser]
    minimum_adapt: int

    def apply(self, X: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """X harmonised, and for every row what has to be said about it ("" = nothing).

        Patients of an unknown centre: with `minimum_adapt` of them in X the centre is estimated from
        them, unlabelled; with fewer the block counts as not measured (NaN).
        """
        X, centre = np.array(X, float), np.asarray(centre, str)
        notes = [""] * len(X)
        for block, own in self.blocks.items():
            values = own.to_log(X)
            measured = ~np.isnan(values).all(axis=1)
            combat, gone = own.combat, np.zeros(len(X), bool)
            for name in sorted(set(centre[measured]) - set(combat.centres)):
                rows = measured & (centre == name)
                n = int(rows.sum())
                if n >= self.minimum_adapt:
                    combat = combat.adapt(values[rows], name, self.minimum_adapt)
                    text = f"block {block} adapted to new centre {name} from {n} of its patients"
                else:
                    gone |= rows
                    text = (
                        f"block {block} not used: centre {name or 'not given'} was not in training "
                        f"and {n} of its patients are too few to adapt to it ({self.minimum_adapt})"
                    )
                for row in np.flatnonzero(rows):
                    notes[row] = "; ".join(filter(None, [notes[row], text]))
            ready = measured & ~gone
            values[ready] = combat.transform(values[ready], centre[ready])
            values[gone] = np.nan
            X[:, own.positions] = values
        return X, notes


def fit_harmoniser(columns, settings: dict, X: np.ndarray, centre: np.ndarray) -> Harmoniser | None:
    """Learn from training patients; None when no block of the member asks for it.

    columns : ((block, feature), ...) of X.
    """
    found = {}
    for block in dict.fromkeys(block for block, _ in columns):
        if block_steps(settings, block)["harmonise"] != "combat":
            continue
        positions = np.array([i for i, (name, _) in enumerate(columns) if name == block])
        logged, offset = skewed_features(X[:, positions], float(settings["maximum_skew"]))
        limit = _limits(X[:, positions], block, settings)
        combat = Combat(int(settings["combat"]["minimum_centre"]))
        own = BlockHarmoniser(positions, logged, offset, limit, combat)
        values = own.to_log(X)
        measured = ~np.isnan(values).all(axis=1)
        own.combat.fit(values[measured], np.asarray(centre, str)[measured])
        found[block] = own
    return Harmoniser(found, int(settings["combat"]["minimum_adapt"])) if found else None


def _limits(X: np.ndarray, block: str, settings: dict) -> np.ndarray:
    """Detection limits of a block that asks for them, else NaN; NaN too for features so rarely measured that the filter of the
    pipeline has to see it.
    """
    if block_steps(settings, block)["imputation"] != "detection_limit":
        return np.full(X.shape[1], np.nan)
    rare = np.isnan(X).mean(0) > float(settings["maximum_missing"])
    return np.where(rare, np.nan, detection_limits(X))


def write_harmoniser(path: Path, harmoniser: Harmoniser) -> None:
    """As npz: plain arrays, equal bytes for equal numbers."""
    arrays = {"minimum_adapt": np.array(harmoniser.minimum_adapt)}
    for block, own in harmoniser.blocks.items():
        combat = own.combat
        parts = {
            "positions": own.positions,
            "logged": own.logged,
            "offset": own.offset,
            "limit": own.limit,
            "mean": combat.mean,
            "sd": combat.sd,
            "centres": np.array(combat.centres, dtype=str),
            "shift": np.array([combat.shift[name] for name in combat.centres]),
            "scale": np.array([combat.scale[name] for name in combat.centres]),
            "minimum_centre": np.array(combat.minimum_centre),
        }
        arrays |= {f"{block}/{name}": value for name, value in parts.items()}
    np.savez(path, **arrays)


def read_harmoniser(path: Path) -> Harmoniser:
    """What `write_harmoniser` wrote; no object arrays are loaded."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    blocks = {}
    for block in dict.fromkeys(name.split("/")[0] for name in arrays if "/" in name):
        own = {
            name.split("/")[1]: value
            for name, value in arrays.items()
            if name.startswith(f"{block}/")
        }
        centres = [str(name) for name in own["centres"]]
        combat = Combat(
            int(own["minimum_centre"]),
            own["mean"],
            own["sd"],
            dict(zip(centres, own["shift"], strict=True)),
            dict(zip(centres, own["scale"], strict=True)),
        )
        # Bundles locked before values below the detection limit were filled in here have no limits.
        limit = own.get("limit", np.full(len(own["positions"]), np.nan))
        blocks[block] = BlockHarmoniser(
            own["positions"], own["logged"], own["offset"], limit, combat
        )
    return Harmoniser(blocks, int(arrays["minimum_adapt"]))
