"""The quick shape equals pyradiomics' own C code, which compares all pairs of vertices."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from scripts.imaging import mesh_shape, radiomic_features


def random_mask(size, smooth, seed=0):
    """Random blobs (z, y, x) with an empty border; many ambiguous cells when not smooth."""
    field = np.random.default_rng(seed).normal(size=(size, size + 3, size + 1))
    field = gaussian_filter(field, smooth) if smooth else field
    return np.pad(field > np.quantile(field, 0.7), 1)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.9)])
@pytest.mark.parametrize(("size", "smooth"), [(3, 0), (12, 0), (12, 1), (30, 2)])
def test_equals_pyradiomics(spacing, size, smooth):
    from radiomics import cShape

    mask = random_mask(size, smooth)
    area, volume, diameters = cShape.calculate_coefficients(mask, np.array(spacing))
    own_area, own_volume = mesh_shape.area_and_volume(mask, spacing)
    assert own_area == pytest.approx(area, rel=1e-9)
    assert own_volume == pytest.approx(volume, rel=1e-9)
    assert mesh_shape.diameters(mask, spacing) == pytest.approx(diameters, rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 5), (1, 1, 6), (9, 9, 1)])
def test_flat_and_tiny_regions(shape):
    from radiomics import cShape

    mask = np.pad(np.ones(shape, bool), 1)
    area, volume, diameters = cShape.calculate_coefficients(mask, np.ones(3))
    assert mesh_shape.area_and_volume(mask, (1, 1, 1)) == pytest.approx((area, volume))
    assert mesh_shape.diameters(mask, (1, 1, 1)) == pytest.approx(diameters)


def test_every_shape_feature_equals_pyradiomics(image_of):
    mask = random_mask(14, 1.5)
    image = image_of(np.zeros(mask.shape, np.float32), (2.5, 0.8, 0.9))
    own = radiomic_features._execute(mesh_shape.shape_class(), image, mask)
    stock = radiomic_features._execute(radiomic_features._feature_class("shape"), image, mask)
    assert own.keys() == stock.keys()
    for name, value in stock.items():
        assert own[name] == pytest.approx(value, rel=1e-9), name
