"""In: settings that the folds of a strategy chose, the grids. Out: settings that stand at the edge of their grid.
Source: a best value at the end of a search says that the search may end too early (Hastie 2009, section 7.10).
"""

# A learner's chosen parameter and the key of its settings that lists what to choose from.
GRID_KEYS = {"C": "c", "max_depth": "depth", "min_samples_leaf": "leaf"}
LEAST = 3  # values of a grid that has an inside
SHARE = 0.5  # of the folds that choose the same edge (project default)


def grid_edges(folds: list[dict], learner: str, settings: dict) -> list[dict]:
    """{member, parameter, value, edge (lowest or highest), folds, of} where most folds chose an end of the grid.

    folds : descriptions of cross-validation, with members and their parameters
    """
    grids = settings.get(learner)
    chosen: dict[tuple[str, str], list[float]] = {}
    for fold in folds:
        for member in fold["members"]:
            for parameter, key in GRID_KEYS.items():
                grid = grids.get(key) if isinstance(grids, dict) else None
                if (
                    isinstance(grid, list)
                    and len(grid) >= LEAST
                    and parameter in member["parameters"]
                ):
                    place = (str(member["member"]), parameter)
                    chosen.setdefault(place, []).append(float(member["parameters"][parameter]))
    found = []
    for (member, parameter), values in sorted(chosen.items()):
        grid = [float(value) for value in grids[GRID_KEYS[parameter]]]
        for edge, end in (("lowest", min(grid)), ("highest", max(grid))):
            count = sum(abs(value - end) <= 1e-9 * abs(end) for value in values)
            if count >= SHARE * len(values):
                line = {"member": member, "parameter": parameter, "value": end, "edge": edge}
                found.append(line | {"folds": count, "of": len(values)})
    return found
