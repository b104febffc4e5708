"""Linking the features of aligned runs into one list.

In: (mz, rt, area, charge) of each run on a common time axis. Out: for each linked feature the members in the runs.
Source: OpenMS FeatureGroupingAlgorithmKD, without its own warping (the runs come aligned).
"""

from typing import TYPE_CHECKING

from scripts.metabolomics.mass_spectra import openms_output

if TYPE_CHECKING:
    import numpy as np


def link_features(maps: list[tuple], *, ppm: float, rt_tolerance: float, log=None) -> "np.ndarray":
    """(linked, runs) int: index of the member of each run, -1 where the run has none; sorted by median m/z, then time.

    `maps` holds (mz, rt, area, charge) arrays of each run. Features linked in one run only are left out when there are
    three runs or more.
    """
    import numpy as np
    import pyopenms

    filled = [number for number, table in enumerate(maps) if table[0].size]
    if len(filled) < 2:
        only = np.full((maps[filled[0]][0].size if filled else 0, len(maps)), -1)
        if filled:
            only[:, filled[0]] = np.arange(only.shape[0])
        return only
    consensus = pyopenms.ConsensusMap()
    headers = {}
    openms_maps = []
    for place, number in enumerate(filled):
        openms_maps.append(_feature_map(maps[number], place))
        header = pyopenms.ColumnHeader()
        header.filename, header.size = f"run{number}", int(maps[number][0].size)
        headers[place] = header
    consensus.setColumnHeaders(headers)
    algorithm = pyopenms.FeatureGroupingAlgorithmKD()
    parameters = algorithm.getDefaults()
    for name, value in {
        "warp:enabled": "false",
        "mz_unit": "ppm",
        "nr_partitions": 1,
        "link:mz_tol": float(ppm),
        "link:rt_tol": float(rt_tolerance),
    }.items():
        parameters.setValue(name, value)
    algorithm.setParameters(parameters)
    with openms_output(log):
        algorithm.group(openms_maps, consensus)
    linked = np.full((consensus.size(), len(maps)), -1)
    for row, group in enumerate(consensus):
        for member in group.getFeatureList():
            linked[row, filled[member.getMapIndex()]] = member.getUniqueId()
    if len(maps) >= 3:
        linked = linked[(linked >= 0).sum(axis=1) >= 2]
    mz, rt = medians(maps, linked, 0), medians(maps, linked, 1)
    return linked[np.lexsort((rt, mz))]


def _feature_map(table: tuple, place: int):
    import pyopenms

    out = pyopenms.FeatureMap()
    for index, (mz, rt, area, charge) in enumerate(zip(*table[:4], strict=True)):
        feature = pyopenms.Feature()
        feature.setMZ(float(mz))
        feature.setRT(float(rt))
        feature.setIntensity(float(area))
        feature.setCharge(int(charge))
        feature.setUniqueId(index)
        out.push_back(feature)
    return out


def medians(maps: list[tuple], linked: "np.ndarray", column: int) -> "np.ndarray":
    """(linked,) median over the members of one column of the maps (0 m/z, 1 time, 2 area ...)."""
    import numpy as np

    values = np.full(linked.shape, np.nan)
    for run, table in enumerate(maps):
        members = linked[:, run] >= 0
        values[members, run] = np.asarray(table[column])[linked[members, run]]
    return np.nanmedian(values, axis=1) if linked.size else np.zeros(linked.shape[0])
