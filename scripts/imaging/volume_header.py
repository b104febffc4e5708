"""Headers of NRRD and MetaImage files, read before anything is allocated for the voxels.

In: path of a .nrrd, .nhdr, .mha or .mhd file. Out: claimed size, encoding and spacing; the files beside it that hold the voxels.
Source: NRRD format definition (teem.sourceforge.net/nrrd/format.html); MetaIO (itk.org/Wiki/MetaIO/Documentation).
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

NRRD_FILES = (".nrrd", ".nhdr")
META_FILES = (".mha", ".mhd")
_LONGEST_HEADER = 1 << 16  # bytes
_MOST_DATA_FILES = 10_000
_NRRD_BYTES = {
    1: ("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"),
    2: ("short", "short int", "signed short", "signed short int", "int16", "int16_t")
    + ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    4: ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"),
    8: ("longlong", "long long", "long long int", "signed long long", "signed long long int")
    + ("int64", "int64_t", "ulonglong", "unsigned long long", "unsigned long long int")
    + ("uint64", "uint64_t", "double"),
}  # fmt: skip
_META_BYTES = {
    1: ("MET_CHAR", "MET_UCHAR"),
    2: ("MET_SHORT", "MET_USHORT"),
    4: ("MET_INT", "MET_UINT", "MET_FLOAT", "MET_LONG", "MET_ULONG"),
    8: ("MET_LONG_LONG", "MET_ULONG_LONG", "MET_DOUBLE"),
}


class HeaderError(ValueError):
    """The header is none, or says something that cannot be true; the message is for the reader of the report."""


@dataclass(frozen=True)
class VolumeHeader:
    """What a header says of its voxels.

    sizes : voxels along each axis, channels included; voxel_bytes : of one value
    encoding : raw, gzip or ascii; data_files : names as written, empty where the voxels follow the header
    spacings : mm along the axes that have one
    """

    sizes: tuple[int, ...]
    voxel_bytes: int
    encoding: str
    data_files: tuple[str, ...]
    spacings: tuple[float, ...]

    @property
    def voxels(self) -> int:
        """Number of values, as a Python integer of any size."""
        return math.prod(self.sizes)


def read_header(path: str | Path) -> VolumeHeader:
    """The header of an NRRD or MetaImage file. HeaderError when it is none."""
    with open(path, "rb") as handle:
        start = handle.read(_LONGEST_HEADER)
    try:
        return _nrrd(start) if start.startswith(b"NRRD") else _meta(start)
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        if isinstance(error, HeaderError):
            raise
        raise HeaderError("its header is damaged") from None


def _bytes_of(table: dict[int, tuple[str, ...]], name: str) -> int:
    for count, names in table.items():
        if name in names:
            return count
    raise HeaderError("its type of values is no number")


def _nrrd(start: bytes) -> VolumeHeader:
    head = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
    if len(head) == _LONGEST_HEADER:
        raise HeaderError("its header has no end")
    fields, lines = {}, head.decode("utf-8", "replace").splitlines()[1:]
    listed: list[str] | None = None
    for line in lines:
        name, colon, value = line.partition(": ")
        if listed is not None:
            listed.append(line.strip())
        elif colon and not line.startswith("#"):
            fields[name.strip().lower()] = value.strip()
            if name.strip().lower() in ("data file", "datafile") and value.startswith("LIST"):
                listed = []
    data = fields.get("data file") or fields.get("datafile") or ""
    vectors = re.findall(r"\(([^)]*)\)", fields.get("space directions", ""))
    spacings = [math.hypot(*map(float, vector.split(","))) for vector in vectors]
    spacings += [float(s) for s in fields.get("spacings", "").split() if s.lower() != "nan"]
    names = {"txt": "ascii", "text": "ascii", "gz": "gzip", "hex": "ascii"}
    encoding = fields["encoding"].lower()
    return VolumeHeader(
        tuple(int(size) for size in fields["sizes"].split()),
        _bytes_of(_NRRD_BYTES, fields["type"].lower()),
        names.get(encoding, encoding),
        tuple(listed) if listed is not None else _named(data),
        tuple(spacings),
    )


def _meta(start: bytes) -> VolumeHeader:
    fields, lines = {}, start.split(b"\n")
    listed: list[str] = []
    for number, raw in enumerate(lines):
        name, equals, value = raw.decode("utf-8", "replace").partition("=")
        if not equals:
            raise HeaderError("its header is damaged")
        fields[name.strip().lower()] = value.strip()
        if name.strip().lower() == "elementdatafile":
            if value.strip().upper().startswith("LIST"):
                listed = [line.decode("utf-8", "replace").strip() for line in lines[number + 1 :]]
            break
    data = fields["elementdatafile"]
    local = data.upper() == "LOCAL"
    compressed = fields.get("compresseddata", "").lower() == "true"
    binary = fields.get("binarydata", "true").lower() == "true"
    channels = int(fields.get("elementnumberofchannels", 1))
    spacings = fields.get("elementspacing") or fields.get("elementsize") or ""
    return VolumeHeader(
        (*(int(size) for size in fields["dimsize"].split()), channels),
        _bytes_of(_META_BYTES, fields["elementtype"].removesuffix("_ARRAY").upper()),
        "gzip" if compressed else ("raw" if binary else "ascii"),
        tuple(name for name in listed if name) or (() if local else _named(data)),
        tuple(float(spacing) for spacing in spacings.split()),
    )


def _named(text: str) -> tuple[str, ...]:
    """The files that one name or a pattern such as `slice%03d.raw 1 20 1` stands for."""
    pattern = re.fullmatch(r"(.*%0?\d*d\S*) +(-?\d+) +(-?\d+) +(-?\d+)(?: +\d+)?", text)
    if not pattern:
        return (text,) if text else ()
    name, low, high, step = pattern[1], *map(int, pattern.groups()[1:])
    numbers = range(low, high + (1 if step > 0 else -1), step)
    if not 0 < len(numbers) <= _MOST_DATA_FILES or name.count("%") != 1:
        raise HeaderError("its list of data files is damaged")
    return tuple(name % number for number in numbers)


def lies_beside(header: Path, name: str) -> bool:
    """Whether a data file is a plain name in the header's own folder, and no link out of it."""
    if not name or name in (".", "..") or "\0" in name or re.search(r"[/\\]", name):
        return False
    return header.is_symlink() or not (header.parent / name).is_symlink()


def data_files_of(path: str | Path) -> list[Path]:
    """Existing files beside a header that hold its voxels; never one from elsewhere, and no error for a damaged header."""
    path = Path(path)
    if path.suffix.lower() not in (*NRRD_FILES, *META_FILES) or not path.is_file():
        return []
    try:
        names = read_header(path).data_files
    except (OSError, HeaderError):
        return []
    found = {path.parent / name for name in names if lies_beside(path, name)}
    return sorted(file for file in found if file.is_file() and file != path)
