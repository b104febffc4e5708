"""What an mzML file says of each of its spectra, read in one pass over the text without decoding a peak.

In: mzML or mzML.gz. Out: one `Scan` per spectrum with its time in seconds by the unit that the file names, or MzmlProblem.
Source: mzML 1.1 (HUPO-PSI); controlled vocabularies PSI-MS and UO. OpenMS takes a time without a unit, or in milliseconds,
for seconds, and drops the unit; hence this reader.
"""

import gzip
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20
# Seconds of one unit: terms of UO, and the obsolete ones of PSI-MS.
SECONDS = {
    "UO:0000010": 1.0,
    "UO:0000031": 60.0,
    "UO:0000032": 3600.0,
    "UO:0000028": 1e-3,
    "UO:0000029": 1e-6,
    "MS:1000039": 1.0,
    "MS:1000038": 60.0,
}
# Only where a file names its unit without an accession.
_SECONDS_BY_NAME = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "millisecond": 1e-3}
_TIME = ("MS:1000016", "MS:1000826", "MS:1000894")  # scan start, elution, retention time
_ENERGY = ("MS:1000045", "MS:1002013")  # collision energy; start of a ramp
_LIGHT = ("MS:1000804", "MS:1000805", "MS:1000806")  # spectra of light, not of masses
_VOLTAGE = "MS:1001581"  # FAIMS compensation voltage


class MzmlProblem(Exception):
    """Why the spectra of a file cannot be listed: `code` is missing, empty, packed, not_mzml, doctype, damaged or truncated."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Scan:
    """One spectrum as the file describes it.

    Attributes
    ----------
    id : native id, such as `function=1 process=0 scan=100`
    level : MS level; 0 for a spectrum of light
    number : the time as written, NaN when there is none
    factor : seconds of one unit of it, NaN when the unit is missing or unknown; `unit` names an unknown one
    polarity : "positive", "negative" or ""
    label : "profile", "centroid" or "", as the file says
    voltage, energy : FAIMS compensation voltage (V), collision energy; None when not given
    window : (low, high) m/z that were scanned, or None
    precursor : whether a precursor ion is named
    """

    id: str
    level: int = 1
    number: float = float("nan")
    factor: float = float("nan")
    unit: str = ""
    polarity: str = ""
    label: str = ""
    voltage: float | None = None
    energy: float | None = None
    window: tuple[float, float] | None = None
    precursor: bool = False

    @property
    def seconds(self) -> float:
        """The time in seconds, NaN when time or unit is not known."""
        return self.number * self.factor

    @property
    def function(self) -> int:
        """Waters' function number, SCIEX' experiment number; 0 for other ids."""
        for word in self.id.split():
            name, _, value = word.partition("=")
            if name in ("function", "experiment") and value.isdecimal():
                return int(value)
        return 0


@dataclass
class _Reader:
    """Handlers of expat; collects the scans."""

    scans: list[Scan] = field(default_factory=list)
    declared: int | None = None
    root: str = ""
    groups: dict[str, list[dict]] = field(default_factory=dict)
    _group: list[dict] | None = None
    _scan: dict | None = None  # the fields of the Scan that is being read
    _low: float | None = None

    def start(self, tag: str, given: dict) -> None:
        if not self.root:
            self.root = tag
        if tag == "cvParam":
            if self._group is not None:
                self._group.append(given)
            elif self._scan is not None:
                self._take(given)
        elif tag == "spectrum":
            self._scan, self._low = {"id": given.get("id", "")}, None
        elif tag == "referenceableParamGroup":
            self._group = self.groups.setdefault(given.get("id", ""), [])
        elif tag == "referenceableParamGroupRef" and self._scan is not None:
            for param in self.groups.get(given.get("ref", ""), ()):
                self._take(param)
        elif tag == "selectedIon" and self._scan is not None:
            self._scan["precursor"] = True
        elif tag == "spectrumList":
            self.declared = _whole(given.get("count", ""))

    def end(self, tag: str) -> None:
        if tag == "spectrum":
            self.scans.append(Scan(**self._scan))
            self._scan = None
        elif tag == "referenceableParamGroup":
            self._group = None

    def doctype(self, *_) -> None:
        raise MzmlProblem("doctype")

    def _take(self, param: dict) -> None:
        """Take one cvParam of the spectrum that is being read."""
        term, value = param.get("accession", ""), param.get("value", "")
        scan = self._scan
        if term in _TIME and "number" not in scan:
            scan["number"] = _float(value)
            scan["factor"], scan["unit"] = _unit_of(param)
        elif term == "MS:1000511":
            scan["level"] = _whole(value) or 1
        elif term in ("MS:1000130", "MS:1000129"):
            scan["polarity"] = "positive" if term == "MS:1000130" else "negative"
        elif term in ("MS:1000127", "MS:1000128"):
            scan["label"] = "centroid" if term == "MS:1000127" else "profile"
        elif term == _VOLTAGE:
            scan["voltage"] = _float(value)
        elif term in _ENERGY:
            scan["energy"] = _float(value)
        elif term == "MS:1000501":
            self._low = _float(value)
        elif term == "MS:1000500" and self._low is not None:
            scan["window"] = (self._low, _float(value))
        elif term in _LIGHT:
            scan["level"] = 0


def _unit_of(param: dict) -> tuple[float, str]:
    """Seconds of the unit of a time, NaN and the unit's own name when it is unknown."""
    term, name = param.get("unitAccession", ""), param.get("unitName", "")
    if term:
        return SECONDS.get(term, float("nan")), "" if term in SECONDS else name or term
    plain = name.strip().lower().removesuffix("s")
    return _SECONDS_BY_NAME.get(plain, float("nan")), "" if plain in _SECONDS_BY_NAME else name


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def read_scans(path: str | Path) -> tuple[list[Scan], int | None]:
    """The scans of an mzML file in its order, and the number of spectra that its list announces (None: not said).

    Raises MzmlProblem. Nothing outside the file is opened: a document type is refused.
    """
    path = Path(path)
    if not path.is_file():
        raise MzmlProblem("missing")
    if path.stat().st_size == 0:
        raise MzmlProblem("empty")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    with open(path, "rb") as handle:
        packed = handle.read(2) == _GZIP_MAGIC
    ended = False
    try:
        with gzip.open(path) if packed else open(path, "rb") as handle:
            while chunk := handle.read(_CHUNK):
                parser.Parse(chunk)
                if reader.root and reader.root not in ("mzML", "indexedmzML"):
                    raise MzmlProblem("not_mzml")
        ended = True
        parser.Parse(b"", True)
    except (OSError, EOFError, zlib.error):
        raise MzmlProblem("packed") from None
    except expat.ExpatError:
        if not reader.root:
            raise MzmlProblem("not_mzml") from None
        raise MzmlProblem("truncated" if ended else "damaged") from None
    return reader.scans, reader.declared
