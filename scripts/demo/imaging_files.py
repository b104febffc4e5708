"""In: arrays of simulated images and masks. Out: DICOM, DICOM SEG, NIfTI, NRRD and PNG files.
UIDs are made of seed, person and name, so that the same cohort has the same bytes; no names, no
identifiers. Source: DICOM PS3.3 A.3 (CT), A.6 (US), A.51 (SEG), C.8.5.5 (US region calibration).
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.demo.latent import Person

_CT = "1.2.840.10008.5.1.4.1.1.2"
_US = "1.2.840.10008.5.1.4.1.1.6.1"
_TISSUE_2D, _CM = 1, 3


@dataclass(frozen=True)
class Study:
    """What all files of one examination share."""

    seed: int
    person: Person
    modality: str

    def uid(self, *parts) -> str:
        """A UID that depends on seed, person, modality and the given parts only."""
        from pydicom.uid import generate_uid

        sources = [self.seed, self.person.number, self.modality, *parts]
        return generate_uid(entropy_srcs=[":".join(map(str, sources))])

    @property
    def date(self) -> str:
        """Day of the examination, YYYYMMDD."""
        return self.person.index_date.strftime("%Y%m%d")


def _dataset(study: Study, sop_class: str, *parts):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = study.uid(*parts)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = study.uid(*parts)
    dataset.StudyInstanceUID = study.uid("study")
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = study.date
    dataset.StudyTime = "100000"
    dataset.ContentDate, dataset.ContentTime = study.date, "100000"
    dataset.PatientName, dataset.PatientID = "", study.person.patient_id
    dataset.PatientBirthDate, dataset.PatientSex = "", ""
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.StudyID = ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    return dataset


def _pixels(dataset, array: np.ndarray, bits: int, signed: int) -> None:
    dataset.Rows, dataset.Columns = array.shape
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, signed
    dataset.PixelData = array.tobytes()
    dataset["PixelData"].VR = "OW" if bits == 16 else "OB"


def write_ct_series(
    folder: Path,
    volume: np.ndarray,
    spacing: tuple,
    study: Study,
    phase: str,
    delay_s: int,
    lost: set[int],
) -> None:
    """One phase as single-frame DICOM files; slices in `lost` are not written.

    volume : int16 HU (z, y, x); spacing : mm along z, y, x
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = datetime.datetime(2000, 1, 1, 10, 0, 0) + datetime.timedelta(seconds=delay_s)
    for number, plane in enumerate(volume):
        if number in lost:
            continue
        dataset = _dataset(study, _CT, phase, number)
        dataset.Modality, dataset.Manufacturer = "CT", "hcc-omics demo"
        dataset.ManufacturerModelName = "phantom"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SeriesInstanceUID = study.uid(phase)
        dataset.SeriesDescription = f"Liver {phase} phase"
        dataset.FrameOfReferenceUID = study.uid("frame")
        dataset.PositionReferenceIndicator = ""
        dataset.SeriesNumber = ("arterial", "portal", "delayed").index(phase) + 1
        dataset.InstanceNumber, dataset.AcquisitionNumber = number + 1, 1
        dataset.AcquisitionTime = start.strftime("%H%M%S")
        dataset.KVP, dataset.ConvolutionKernel = "120", "B30f"
        dataset.ContrastBolusAgent, dataset.ContrastBolusRoute = "iodinated", "IV"
        dataset.SliceThickness = spacing[0]
        dataset.PixelSpacing = [spacing[1], spacing[2]]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [0, 0, number * spacing[0]]
        dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
        dataset.RescaleType = "HU"
        _pixels(dataset, (plane + 1024).astype(np.uint16), 16, 0)
        dataset.save_as(folder / f"{number + 1:04d}.dcm", enforce_file_format=True)


def write_segmentation(
    path: Path, mask: np.ndarray, series: Path, study: Study, reader: str
) -> None:
    """A binary DICOM SEG of one segment that refers to a series; dates of the study, not of today."""
    import highdicom as hd
    import pydicom
    from highdicom.sr.coding import CodedConcept

    sources = [pydicom.dcmread(file) for file in sorted(series.glob("*.dcm"))]
    lesion = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Lesion",
        segmented_property_category=CodedConcept("49755003", "SCT", "Morphologic Abnormality"),
        segmented_property_type=CodedConcept("52988006", "SCT", "Lesion"),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    seg = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=mask.astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[lesion],
        series_instance_uid=study.uid("seg", reader),
        series_number=100,
        sop_instance_uid=study.uid("seg", reader, 1),
        instance_number=1,
        manufacturer="hcc-omics demo",
        manufacturer_model_name="phantom",
        software_versions="1",
        device_serial_number="1",
    )
    seg.ContentDate = seg.SeriesDate = seg.InstanceCreationDate = study.date
    seg.ContentTime = seg.SeriesTime = seg.InstanceCreationTime = "100000"
    _replace(seg, "DimensionOrganizationUID", study.uid("dimension", reader))
    _replace(seg, "ContributionDateTime", f"{study.date}100000")
    path.parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(path)


def _replace(dataset, keyword: str, value: str) -> None:
    """Give every element of that name one value, in nested sequences too."""
    for element in dataset.iterall():
        if element.keyword == keyword:
            element.value = value


def write_us(path: Path, picture: np.ndarray, pixel_mm: float, study: Study) -> None:
    """A grey B-mode picture (uint8) with one calibrated region."""
    from pydicom.dataset import Dataset

    dataset = _dataset(study, _US, "picture")
    dataset.Modality, dataset.Manufacturer = "US", "hcc-omics demo"
    dataset.ManufacturerModelName = "phantom"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL"]
    dataset.SeriesInstanceUID = study.uid("series")
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.BurnedInAnnotation = "NO"
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = _TISSUE_2D, 1, 0
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1 = picture.shape[1] - 1
    region.RegionLocationMaxY1 = picture.shape[0] - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = _CM
    region.PhysicalDeltaX = region.PhysicalDeltaY = pixel_mm / 10
    region.TransducerFrequency = 3500
    dataset.SequenceOfUltrasoundRegions = [region]
    _pixels(dataset, picture, 8, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def write_nifti(path: Path, array: np.ndarray, spacing: tuple, origin: tuple = (0, 0, 0)) -> None:
    """An image or mask (z, y, x) as NIfTI or NRRD; spacing and origin along z, y, x in mm, LPS."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(s) for s in reversed(spacing)])
    image.SetOrigin([float(o) for o in reversed(origin)])
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), useCompression=True)


def write_mask(path: Path, mask: np.ndarray, spacing: tuple, origin: tuple = (0, 0, 0)) -> None:
    """A mask (z, y, x, bool) as PNG (its one slice, 255 = region), NIfTI or NRRD."""
    if path.suffix != ".png":
        write_nifti(path, mask.astype(np.uint8), spacing, origin)
        return
    import SimpleITK as sitk

    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(255 * mask[0].astype(np.uint8)), str(path))
