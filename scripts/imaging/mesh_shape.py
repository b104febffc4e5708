"""Shape of a large region in seconds: pyradiomics' own mesh, area, volume and diameters.

In: mask (z, y, x, bool), spacing in mm. Out: surface area, volume, diameters; a shape class.
Source: pyradiomics' cShape, asked once for each of the 256 cells of marching cubes; its diameters
compare all pairs of vertices, here only those of the convex hull, which hold the farthest pair.
"""

import contextlib
import functools
from itertools import product

import numpy as np
import SimpleITK as sitk

_CORNERS = tuple(product((0, 1), repeat=3))


@functools.cache
def _cell_table(spacing: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per cell pattern (256): area, volume seen from the cell's first corner, and the change of that
    volume per cell of distance along z, y, x."""
    from radiomics import cShape

    step = np.array(spacing, dtype=float)

    def measure(cells: np.ndarray) -> tuple[float, float]:
        area, volume, _ = cShape.calculate_coefficients(np.ascontiguousarray(cells), step)
        return area, volume

    area, local, shift = np.zeros(256), np.zeros(256), np.zeros((256, 3))
    cells = np.zeros((256, 2, 2, 2), dtype=bool)
    for pattern in range(256):
        for bit, corner in enumerate(_CORNERS):
            cells[pattern][corner] = bool(pattern >> bit & 1)
        area[pattern], local[pattern] = measure(cells[pattern])
    for pattern, axis in product(range(256), range(3)):
        # The cell at distance 1, behind a cell whose corners repeat its first face.
        before = np.take(cells[pattern], [0], axis=axis)
        _, both = measure(np.concatenate([before, cells[pattern]], axis=axis))
        repeated = np.concatenate([before, before], axis=axis)
        code = sum(int(repeated[c]) << bit for bit, c in enumerate(_CORNERS))
        shift[pattern, axis] = both - local[pattern] - local[code]
    return area, local, shift


def area_and_volume(mask: np.ndarray, spacing: tuple) -> tuple[float, float]:
    """Surface area (mm2) and volume (mm3) of the mesh of a mask whose border is empty."""
    area, local, shift = _cell_table(tuple(float(s) for s in spacing))
    pattern = np.zeros(tuple(n - 1 for n in mask.shape), dtype=np.uint8)
    for bit, corner in enumerate(_CORNERS):
        window = tuple(slice(c, n - 1 + c) for c, n in zip(corner, mask.shape, strict=True))
        pattern |= mask[window].astype(np.uint8) << bit
    cut = np.flatnonzero((pattern > 0) & (pattern < 255))
    place = np.stack(np.unravel_index(cut, pattern.shape), axis=1)
    kind = pattern.ravel()[cut]
    volume = local[kind].sum() + (place * shift[kind]).sum()
    return float(area[kind].sum()), float(volume)


def _vertices(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Mesh vertices in mm: half-way between every two neighbours of which one is in the mask."""
    found = []
    for axis in range(3):
        points = np.argwhere(np.diff(mask.astype(np.int8), axis=axis) != 0).astype(float)
        points[:, axis] += 0.5
        found.append(points * spacing)
    return np.concatenate(found)


def _farthest(points: np.ndarray) -> float:
    """Largest distance between two points; through the convex hull when there are many."""
    from scipy.spatial import ConvexHull, QhullError
    from scipy.spatial.distance import pdist

    if len(points) < 2:
        return 0.0
    if len(points) > 50:
        with contextlib.suppress(QhullError):  # all points in one plane or line: compare them all
            points = points[ConvexHull(points).vertices]
    return float(pdist(points).max())


def diameters(mask: np.ndarray, spacing: tuple) -> tuple[float, float, float, float]:
    """Largest distance of vertices within slices (z), columns (y), rows (x), and in 3D, in mm."""
    points = _vertices(mask, np.array(spacing, dtype=float))
    flat = []
    for axis in range(3):
        points = points[np.argsort(points[:, axis], kind="stable")]
        ends = np.flatnonzero(np.diff(points[:, axis]) > 1e-9) + 1
        others = [other for other in range(3) if other != axis]
        flat.append(max(_farthest(group) for group in np.split(points[:, others], ends)))
    return (*flat, _farthest(points))


@functools.cache
def shape_class():
    """pyradiomics' RadiomicsShape on these numbers, with eigenvalues that are always real."""
    from radiomics.shape import RadiomicsShape

    class MeshShape(RadiomicsShape):
        __module__ = RadiomicsShape.__module__

        def _initSegmentBasedCalculation(self):
            self.pixelSpacing = np.array(self.inputImage.GetSpacing()[::-1])
            self.maskArray = np.pad(sitk.GetArrayFromImage(self.inputMask) == self.label, 1)
            self.labelledVoxelCoordinates = np.where(self.maskArray)
            spacing = tuple(self.pixelSpacing)
            self.SurfaceArea, self.Volume = area_and_volume(self.maskArray, spacing)
            self.diameters = diameters(self.maskArray, spacing)
            points = np.stack(self.labelledVoxelCoordinates, axis=1) * self.pixelSpacing
            points -= points.mean(axis=0)
            covariance = points.T @ points / len(points)
            self.eigenValues = np.clip(np.linalg.eigvalsh(covariance), 0, None)

    return MeshShape
