"""DICOM files opened with nothing inflated or decoded that is larger than its image may be.

In: a file, the largest number of voxels. Out: a pydicom dataset; one decoded frame. Source: DICOM PS3.5 A.5 (deflated), A.4
(encapsulated), ISO/IEC 10918-1 B.2.2 and 14495-1 C.2.2 (frame header), 15444-1 A.5.1 (SIZ).
"""

import warnings
import zlib
from pathlib import Path

import numpy as np

from scripts.core.job import InputDefect

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_CHUNK = 1 << 20
_STORED_BYTES = 2  # of a voxel of CT and MR
_HEADERS = 1 << 24  # bytes that everything but the pixels may take
# JPEG and JPEG-LS markers of the frame header, which gives height and width.
_FRAME_HEADERS = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xF7}


class TooLarge(ValueError):
    """The file becomes larger than an image of the allowed size."""


def read_dicom(path: str | Path, max_voxels: int, **how):
    """The dataset of a file (`how`: see pydicom.dcmread).

    Raises InvalidDicomError, EOFError, OSError, ValueError, KeyError (no DICOM), TooLarge (deflated, larger than it may be).
    """
    import pydicom

    _check_deflated(Path(path), max_voxels * _STORED_BYTES + _HEADERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(path, **how)
        except (
            zlib.error,
            NotImplementedError,
            AttributeError,
            TypeError,
            RecursionError,
        ) as error:
            raise ValueError(str(error)) from None


def _check_deflated(path: Path, most: int) -> None:
    """TooLarge when a deflated dataset becomes larger than `most` bytes; it is inflated piece by piece and not kept."""
    with open(path, "rb") as handle:
        start = handle.read(1024)
        if _DEFLATED not in start:
            return
        if start[132:138] != b"\x02\x00\x00\x00UL":
            raise ValueError("no length of the file meta information")
        handle.seek(144 + int.from_bytes(start[140:144], "little"))
        inflater, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while piece := handle.read(_CHUNK):
            while piece and not inflater.eof:
                total += len(inflater.decompress(piece, _CHUNK))
                if total > most:
                    raise TooLarge
                piece = inflater.unconsumed_tail


def voxels_of(dataset) -> int:
    """Rows x columns x frames that a dataset claims."""
    return (
        int(dataset.get("Rows", 0) or 0)
        * int(dataset.get("Columns", 0) or 0)
        * int(dataset.get("NumberOfFrames", 1) or 1)
    )


def frame_of(dataset, number: int) -> np.ndarray:
    """Stored values of one frame (rows, columns). InputDefect: no decoder, truncated, damaged, another size inside."""
    from pydicom.pixels import get_decoder, pixel_array
    from pydicom.uid import UID

    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise _defect(f"pixels stored as {syntax.name} cannot be decoded; export them uncompressed")
    several = int(dataset.get("NumberOfFrames", 1) or 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if syntax.is_encapsulated:
                _check_encoded_size(dataset, number, several)
            return pixel_array(dataset, index=number if several > 1 else None)
    except (
        RuntimeError,
        ValueError,
        AttributeError,
        OSError,
        EOFError,
        TypeError,
        KeyError,
        IndexError,
    ):
        raise _defect(
            "a slice's pixel data are truncated or damaged; transfer the series again"
        ) from None


def _defect(reason: str) -> InputDefect:
    return InputDefect(reason, requirement_id="IST-01", check="DICOM pixels readable")


def _check_encoded_size(dataset, number: int, frames: int) -> None:
    from pydicom.encaps import get_frame

    encoded = get_frame(dataset.PixelData, number, number_of_frames=frames)
    inside = encoded_size(encoded)
    if inside is not None and inside != (int(dataset.Rows), int(dataset.Columns)):
        raise ValueError("the compressed frame is of another size than its header says")


def encoded_size(frame: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 code stream gives; None for others."""
    if frame[:4] == b"\xff\x4f\xff\x51":  # SIZ: Xsiz, Ysiz, XOsiz, YOsiz
        right, bottom, left, top = (
            int.from_bytes(frame[8 + 4 * i : 12 + 4 * i], "big") for i in range(4)
        )
        return bottom - top, right - left
    place = 2
    while frame[:2] == b"\xff\xd8" and place + 9 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker in _FRAME_HEADERS:
            rows, columns = frame[place + 5 : place + 7], frame[place + 7 : place + 9]
            return int.from_bytes(rows, "big"), int.from_bytes(columns, "big")
        fill = marker == 0xFF
        place += 1 if fill else 2 + int.from_bytes(frame[place + 2 : place + 4], "big")
    return None
