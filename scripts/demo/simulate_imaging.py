"""In: people, seed. Out: CT DICOM in three phases, MR NIfTI, ultrasound pictures, masks of readers.
Source: LI-RADS v2018 (arterial hyperenhancement, washout, T2 hyperintensity). The contrasts in HU
and their growth with the burden are assumptions of this project, of the order of published means.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.demo import imaging_files as files
from scripts.demo.latent import Person, Simulated, generator, relative, with_raw

# Liver and spleen-like background in HU by phase, and delay after injection in s.
LIVER_HU = {"arterial": 68.0, "portal": 108.0, "delayed": 92.0}
DELAY_S = {"arterial": 35, "portal": 70, "delayed": 180}
# Lesion minus liver: offset, gain per unit of burden, SD between people (HU).
LESION_HU = {"arterial": (2, 16, 8), "portal": (-4, -5, 7), "delayed": (-3, -11, 6)}
NOISE_HU = 11.0
CT_SHAPE, CT_SPACING = (24, 96, 96), (2.5, 2.0, 2.0)
MR_SHAPE, MR_SPACING = (20, 80, 80), (3.0, 2.4, 2.4)
US_SHAPE, US_PIXEL_MM = (200, 256), 0.5
SECOND_READER = "R2"


@dataclass(frozen=True)
class Anatomy:
    """Where body, liver and lesion are: bool arrays (z, y, x), and the lesion's signed distance."""

    body: np.ndarray
    liver: np.ndarray
    lesion: np.ndarray
    distance: np.ndarray


def smooth_noise(rng: np.random.Generator, shape: tuple, scale: float) -> np.ndarray:
    """Gaussian noise with a correlation length of `scale` voxels, SD 1."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(rng.normal(size=shape), scale, mode="wrap")
    return field / field.std()


def anatomy(rng: np.random.Generator, shape: tuple, spacing: tuple) -> Anatomy:
    """A body ellipse with a liver on one side and one lesion of 9 to 16 mm radius inside it.

    The lesion's size has the same distribution in everybody: a mask tells nothing by its size.
    """
    z, y, x = np.meshgrid(
        *(
            (np.arange(n) - (n - 1) / 2) * s / (n * s / 2)
            for n, s in zip(shape, spacing, strict=True)
        ),
        indexing="ij",
    )
    body = (x / 0.92) ** 2 + (y / 0.76) ** 2 < 1
    liver = ((x + 0.28) / 0.52) ** 2 + ((y + 0.02) / 0.56) ** 2 + (z / 1.4) ** 2 < 1
    half = np.array(shape) * spacing / 2
    centre = np.array([rng.uniform(-0.15, 0.15), rng.uniform(-0.2, 0.2), -0.28]) + (
        0.0,
        0.0,
        rng.uniform(-0.12, 0.12),
    )
    radius = float(np.clip(rng.lognormal(np.log(12.0), 0.2), 9, 16))
    stretch = rng.uniform(0.85, 1.15, 3)
    away = [(c - m) * h / s for c, m, h, s in zip((z, y, x), centre, half, stretch, strict=True)]
    bumps = smooth_noise(rng, shape, 3.0)
    distance = np.sqrt(sum(a**2 for a in away)) - radius + 0.8 * bumps
    return Anatomy(body, liver, (distance < 0) & liver, distance)


def second_contour(rng: np.random.Generator, place: Anatomy) -> np.ndarray:
    """Another reader's contour: a little larger or smaller, wobbling by less than 1 mm."""
    wobble = 0.6 * smooth_noise(rng, place.distance.shape, 4.0)
    return (place.distance + wobble + rng.normal(0, 0.3) < 0) & place.liver


def ct_volume(
    rng: np.random.Generator, place: Anatomy, person: Person, phase: str, own: dict
) -> np.ndarray:
    """One phase as int16 HU (z, y, x): air, fat, muscle, liver, vessels, lesion, noise."""
    shape = place.body.shape
    volume = np.full(shape, -1000.0)
    volume[place.body] = 45.0
    liver = LIVER_HU[phase] + own["liver"]
    volume[place.liver] = liver
    vessels = place.liver & (own["vessels"] > 2.0) & (place.distance > 4)
    volume[vessels] = liver + {"arterial": 10, "portal": 55, "delayed": 25}[phase]
    offset, gain, _ = LESION_HU[phase]
    contrast = offset + gain * person.latent["ct"] + own["contrast"][phase]
    mosaic = (2.0 + 6.0 * max(0.0, person.latent["ct"])) * own["mosaic"]
    volume[place.lesion] = liver + contrast + mosaic[place.lesion]
    texture = 3.0 + 2.0 * person.cirrhosis
    volume[place.liver] += texture * own["texture"][place.liver]
    volume += NOISE_HU * smooth_noise(rng, shape, 0.6) * np.where(place.body, 1.0, 0.5)
    return np.clip(np.rint(volume), -1024, 3071).astype(np.int16)


def simulate_ct(person: Person, folder: Path, seed: int, mess: bool, out: Simulated) -> None:
    """Three phases as DICOM; masks as DICOM SEG, NIfTI or NRRD; two readers in development."""
    rng = generator(seed, "imaging.ct", person.number)
    place = anatomy(rng, CT_SHAPE, CT_SPACING)
    own = {
        "liver": rng.normal(0, 6),
        "contrast": {p: rng.normal(0, sd) for p, (_, _, sd) in LESION_HU.items()},
        "vessels": smooth_noise(rng, CT_SHAPE, 2.0),
        "mosaic": smooth_noise(rng, CT_SHAPE, 1.5),
        "texture": smooth_noise(rng, CT_SHAPE, 1.5),
    }
    second = second_contour(rng, place)
    here = folder / "raw" / "ct" / person.patient_id
    study = files.Study(seed, person, "ct")
    for phase in LIVER_HU:
        volume = ct_volume(rng, place, person, phase, own)
        # The defect is the loss of one slice on the way, so the other files stay the same.
        lost = {11} if mess and person.number == 3 and phase == "arterial" else set()
        files.write_ct_series(here / phase, volume, CT_SPACING, study, phase, DELAY_S[phase], lost)
        if lost:
            note = "one slice of the arterial phase lost in transfer"
            out.findings.append(_finding(person, "ct_arterial", "IMG-CT", note))
    kind = ("dcm", "nii.gz", "nrrd")[person.number % 3]
    masks = [("R1", here / f"R1.{kind}", place.lesion)]
    if person.role == "development":
        other = ("nii.gz", "nrrd", "nii.gz")[person.number % 3]
        masks.append((SECOND_READER, here / f"R2.{other}", second))
    for reader, path, mask in masks:
        if path.suffix == ".dcm":
            files.write_segmentation(path, mask, here / "portal", study, reader)
        else:
            files.write_mask(path, mask, CT_SPACING)
    for phase in LIVER_HU:
        for reader, path, _ in masks:
            row = _row(person, "ct", here / phase, path, reader, folder)
            out.assays.append(row | {"phase": phase})


def mr_volume(
    rng: np.random.Generator, place: Anatomy, person: Person, sequence: str, own: dict
) -> np.ndarray:
    """One sequence in arbitrary units, with a coil's bias field (int16)."""
    liver = {"t1": 420.0, "t2": 210.0}[sequence]
    gain = {"t1": -0.07, "t2": 0.16}[sequence]  # of the liver's signal, per unit of burden
    volume = np.where(place.body, 0.75 * liver, 0.0)
    volume[place.liver] = liver
    contrast = gain * person.latent["mri"] + own["contrast"][sequence]
    volume[place.lesion] = liver * (1 + contrast)
    volume += np.where(place.lesion, 0.04 * liver * own["mosaic"], 0.0)
    volume += np.where(place.liver, 0.02 * liver * own["texture"], 0.0)
    scale = float(own["scanner"])
    noise = 0.03 * liver
    real, imaginary = (noise * rng.normal(size=volume.shape) for _ in range(2))
    signal = np.hypot(volume * np.exp(0.15 * own["bias"]) + real, imaginary)
    return np.clip(np.rint(signal * scale), 0, 32000).astype(np.int16)


def simulate_mri(person: Person, folder: Path, seed: int, mess: bool, out: Simulated) -> None:
    """T1 and T2 as NIfTI, one mask per sequence and reader."""
    rng = generator(seed, "imaging.mri", person.number)
    place = anatomy(rng, MR_SHAPE, MR_SPACING)
    own = {
        "contrast": {s: rng.normal(0, 0.06) for s in ("t1", "t2")},
        "mosaic": smooth_noise(rng, MR_SHAPE, 1.5),
        "texture": smooth_noise(rng, MR_SHAPE, 1.5),
        "bias": smooth_noise(rng, MR_SHAPE, 18.0),
        "scanner": rng.uniform(0.7, 1.6),
    }
    second = second_contour(rng, place)
    here = folder / "raw" / "mri" / person.patient_id
    for sequence in ("t1", "t2"):
        image = here / f"{sequence}.nii.gz"
        files.write_nifti(image, mr_volume(rng, place, person, sequence, own), MR_SPACING)
        readers = [("R1", place.lesion)]
        if person.role == "development":
            readers.append((SECOND_READER, second))
        for reader, mask in readers:
            path = here / f"{sequence}_{reader}.nii.gz"
            shifted = mess and person.number == 0 and sequence == "t1" and reader == "R1"
            files.write_mask(path, mask, MR_SPACING, origin=(0.0, 0.0, 4.5 if shifted else 0.0))
            if shifted:
                note = "mask of T1 drawn on another series: 4.5 mm off the image grid"
                out.findings.append(_finding(person, "mri_t1", "IST-01", note))
            row = _row(person, "mri", image, path, reader, folder)
            out.assays.append(row | {"sequence": sequence})


def us_picture(rng: np.random.Generator, person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Grey picture (uint8) with Rayleigh speckle, and the signed distance to the lesion in pixels."""
    rows, columns = np.mgrid[: US_SHAPE[0], : US_SHAPE[1]].astype(float)
    radius = float(np.clip(rng.lognormal(np.log(12.0), 0.2), 9, 16)) / US_PIXEL_MM
    centre = np.array([110 + rng.uniform(-15, 15), 128 + rng.uniform(-25, 25)])
    bumps = smooth_noise(rng, US_SHAPE, 8.0)
    distance = np.hypot(rows - centre[0], (columns - centre[1]) / rng.uniform(0.9, 1.15)) - radius
    distance = distance + 1.2 * bumps
    liver = 62.0 + 10 * person.cirrhosis + rng.normal(0, 4)
    # Most small HCC are hypoechoic; the darkening per unit of burden is an assumption.
    echo = liver * (1 - 0.12 * person.latent["us"] + rng.normal(0, 0.08))
    level = np.where(distance < 0, echo * (1 + 0.15 * smooth_noise(rng, US_SHAPE, 5.0)), liver)
    level = np.clip(level, 8, None) * (1 - 0.15 * rows / US_SHAPE[0])
    parts = [smooth_noise(rng, US_SHAPE, 0.7) for _ in range(2)]
    speckle = np.hypot(*parts) / 1.2533
    sector = np.abs(columns - 127.5) < 40 + 0.5 * rows
    return np.where(sector, np.clip(level * speckle, 0, 255), 0).astype(np.uint8), distance


def simulate_us(person: Person, folder: Path, seed: int, mess: bool, out: Simulated) -> None:
    """One B-mode picture: DICOM with region calibration and PNG masks, or NIfTI."""
    rng = generator(seed, "imaging.us", person.number)
    picture, distance = us_picture(rng, person)
    wobble = 1.5 * smooth_noise(rng, US_SHAPE, 9.0) + rng.normal(0, 0.8)
    here = folder / "raw" / "us" / person.patient_id
    dicom = person.number % 4 != 2
    image = here / ("picture.dcm" if dicom else "picture.nii.gz")
    if dicom:
        files.write_us(image, picture, US_PIXEL_MM, files.Study(seed, person, "us"))
    else:
        files.write_nifti(image, picture[None], (1.0, US_PIXEL_MM, US_PIXEL_MM))
    readers = [("R1", distance < 0)]
    if person.role == "development":
        readers.append((SECOND_READER, distance + wobble < 0))
    for reader, mask in readers:
        path = here / f"{reader}.{'png' if dicom else 'nii.gz'}"
        if mess and person.number == 4 and reader == "R1":
            mask = np.zeros_like(mask)
            out.findings.append(_finding(person, "us", "IST-01", "the mask was saved empty"))
        files.write_mask(path, mask[None], (1.0, US_PIXEL_MM, US_PIXEL_MM))
        out.assays.append(_row(person, "us", image, path, reader, folder))


def _finding(person: Person, block: str, requirement: str, note: str) -> dict:
    return {
        "subject": person.patient_id,
        "block": block,
        "requirement_id": requirement,
        "verdict": "FAIL",
        "step": "prepare_volumes",
        "note": note,
    }


def _row(person: Person, modality: str, file: Path, mask: Path, reader: str, folder: Path) -> dict:
    return {
        "patient_id": person.patient_id,
        "modality": modality,
        "file": relative(file, folder),
        "mask": relative(mask, folder),
        "reader": reader,
        "date": person.index_date.isoformat(),
    }


def simulate(people: list[Person], folder: Path, seed: int, mess: bool) -> Simulated:
    """Write the imaging files of everybody who has raw files; see the module's first lines."""
    out = Simulated()
    for modality, make in (("ct", simulate_ct), ("mri", simulate_mri), ("us", simulate_us)):
        for person in with_raw(people, modality):
            make(person, folder, seed, mess, out)
    return out
