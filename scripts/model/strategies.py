"""In: a strategy's name and the features that may enter. Out: the pipelines that it trains, its title and rank.
Source: docs/modelling.md, "Fusion": data level (early), model level (late, stacking), knowledge level (knowledge).
"""

from dataclasses import dataclass

from scripts.model import knowledge

JOINT = "joint"
SCORES = "clinical_scores"
MEAN, STACKING, KNOWLEDGE = "mean", "stacking", "knowledge"
_SUFFIXES = {"_svm": "svm", "_forest": "forest", "_xgboost": "xgboost"}
_LEVELS = {"late": "late fusion", "early": "early fusion"}
_OF_BLOCKS = {"late": "per block", "early": "on all blocks"}
_LEARNER_TITLES = {
    "elastic_net": "elastic net",
    "svm": "SVM",
    "forest": "random forest",
    "xgboost": "XGBoost",
}
# Simplicity for the 1-SE rule: one block, then fusions by level, then by learner.
_ORDER = ("late", "knowledge", "stacking", "early")
_LEARNER_ORDER = ("elastic_net", "svm", "forest", "xgboost")


@dataclass(frozen=True)
class Member:
    """One pipeline to train. `columns` : ((block, feature), ...), ordered by block.

    sets : ((set, features), ...) when it sees set scores instead of the features themselves; fusion : how
    its evidence is joined with that of the others (mean, stacking, knowledge).
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    learner: str
    sets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    fusion: str = MEAN

    @property
    def blocks(self) -> list[str]:
        """Blocks that it uses, in order."""
        return list(dict.fromkeys(block for block, _ in self.columns))


def split_name(strategy: str) -> tuple[str, str]:
    """Level or baseline, and learner, of a strategy's name: late_svm -> (late, svm)."""
    for suffix, learner in _SUFFIXES.items():
        if strategy.removesuffix(suffix) in _LEVELS and strategy.endswith(suffix):
            return strategy.removesuffix(suffix), learner
    return strategy, "elastic_net"


def level_of(strategy: str) -> str:
    """data, model, knowledge; "" for a block alone and a baseline."""
    levels = {"early": "data", "late": "model", "stacking": "model", "knowledge": "knowledge"}
    return levels.get(split_name(strategy)[0], "")


def source_of(strategy: str) -> str:
    """The strategy whose cross-validation also scores this one: late fusion gives its blocks and their stacking."""
    return "late" if strategy.startswith(("block_", "stacking")) else strategy


def title_of(strategy: str) -> str:
    """A short English name."""
    kind, learner = split_name(strategy)
    if kind in _LEVELS:
        return f"{_LEVELS[kind]} ({_LEARNER_TITLES[learner]} {_OF_BLOCKS[kind]})"
    if strategy.startswith("block_"):
        return f"{strategy.removeprefix('block_')} alone (elastic net)"
    known = {
        "stacking": "late fusion (stacked elastic nets per block)",
        "knowledge": "knowledge fusion (set scores, published scores, rules)",
    }
    return known.get(strategy, f"baseline {strategy}")


def rank_of(strategy: str) -> int:
    """Place in the order of simplicity: 1 = one block alone, XGBoost last."""
    kind, learner = split_name(strategy)
    if kind not in _ORDER:
        return 1
    if learner == "elastic_net":
        return 2 + _ORDER.index(kind)
    later = 2 * _LEARNER_ORDER.index(learner) + (kind == "early")
    return len(_ORDER) + later


def members_of(strategy: str, allowed: dict[str, list[str]], settings: dict) -> list[Member]:
    """What a strategy trains: a member per block (late, stacking), one joint (early), members of sets
    and published scores (knowledge), one block, or a baseline."""
    kind, learner = split_name(strategy)
    if kind in ("late", "stacking"):
        fusion = STACKING if kind == "stacking" else MEAN
        return [
            Member(block, tuple((block, f) for f in names), learner, fusion=fusion)
            for block, names in allowed.items()
        ]
    if kind == "early":
        columns = tuple((block, f) for block, names in allowed.items() for f in names)
        return [Member(JOINT, columns, learner)]
    if kind == "knowledge":
        return _knowledge_members(allowed, settings)
    if kind.startswith("block_"):
        block = kind.removeprefix("block_")
        return [Member(block, tuple((block, f) for f in allowed[block]), learner)]
    columns = tuple(tuple(name.split("__", 1)) for name in settings["baselines"][kind])
    return [Member(kind, columns, learner)]


def _knowledge_members(allowed: dict[str, list[str]], settings: dict) -> list[Member]:
    members = []
    for block, names in allowed.items():
        sets = knowledge.sets_of(names, settings)
        used = {feature for features in sets.values() for feature in features}
        columns = tuple((block, f) for f in names if f in used)
        if sets:
            found = Member(block, columns, "elastic_net", tuple(sets.items()), KNOWLEDGE)
            members.append(found)
    scores = knowledge.published_scores(allowed, settings)
    if scores:
        members.append(Member(SCORES, scores, "elastic_net", fusion=KNOWLEDGE))
    return members
