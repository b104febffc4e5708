"""A minimal mzML 1.1 writer for the demo's runs: centroid spectra, no dates, no machine names, the same bytes every time.

In: spectra (level, seconds, m/z, intensity, precursor). Out: one .mzML. Source: mzML 1.1.0 (PSI-MS vocabulary).
"""

import base64
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0" id="demo">
<cvList count="2"><cv id="MS" fullName="PSI-MS" URI="psi-ms.obo"/><cv id="UO" fullName="UO" URI="unit.obo"/></cvList>
<fileDescription><fileContent><cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum"/></fileContent></fileDescription>
<softwareList count="1"><software id="demo" version="1">
<cvParam cvRef="MS" accession="MS:1000799" name="custom unreleased software tool" value="synthetic demo run"/>
</software></softwareList>
<instrumentConfigurationList count="1"><instrumentConfiguration id="IC1">
<componentList count="1"><analyzer order="1"><cvParam cvRef="MS" accession="MS:1000484" name="orbitrap"/></analyzer>
</componentList></instrumentConfiguration></instrumentConfigurationList>
<dataProcessingList count="1"><dataProcessing id="DP1"><processingMethod order="1" softwareRef="demo">
<cvParam cvRef="MS" accession="MS:1000544" name="Conversion to mzML"/></processingMethod></dataProcessing></dataProcessingList>
<run id="run" defaultInstrumentConfigurationRef="IC1">
"""


@dataclass(frozen=True)
class Spectrum:
    """One centroid spectrum: `level` 1 or 2, `seconds`, m/z and intensity ascending in m/z, precursor for level 2."""

    level: int
    seconds: float
    mz: np.ndarray
    intensity: np.ndarray
    precursor_mz: float = 0.0
    charge: int = 0


def _array(values: np.ndarray, kind: str) -> str:
    dtype, bits, code, name = (
        ("<f8", "1000523", "1000514", "m/z array")
        if kind == "mz"
        else ("<f4", "1000521", "1000515", "intensity array")
    )
    data = base64.b64encode(zlib.compress(np.asarray(values, dtype=dtype).tobytes(), 6)).decode()
    size = "64-bit float" if kind == "mz" else "32-bit float"
    return (
        f'<binaryDataArray encodedLength="{len(data)}"><cvParam cvRef="MS" accession="MS:{bits}" name="{size}"/>'
        f'<cvParam cvRef="MS" accession="MS:1000574" name="zlib compression"/>'
        f'<cvParam cvRef="MS" accession="MS:{code}" name="{name}"/><binary>{data}</binary></binaryDataArray>'
    )


def _precursor(spectrum: Spectrum) -> str:
    if spectrum.level == 1:
        return ""
    return (
        '<precursorList count="1"><precursor><selectedIonList count="1"><selectedIon>'
        f'<cvParam cvRef="MS" accession="MS:1000744" name="selected ion m/z" value="{spectrum.precursor_mz:.6f}"/>'
        f'<cvParam cvRef="MS" accession="MS:1000041" name="charge state" value="{spectrum.charge}"/>'
        "</selectedIon></selectedIonList><activation>"
        '<cvParam cvRef="MS" accession="MS:1000422" name="beam-type collision-induced dissociation"/>'
        "</activation></precursor></precursorList>"
    )


def write_mzml(path: Path, spectra: list[Spectrum]) -> None:
    """Write spectra in the given order; m/z rounded to 1e-5 and intensity to integers, which compresses well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(_HEAD)
        handle.write(f'<spectrumList count="{len(spectra)}" defaultDataProcessingRef="DP1">\n')
        for index, s in enumerate(spectra):
            handle.write(
                f'<spectrum index="{index}" id="scan={index + 1}" defaultArrayLength="{len(s.mz)}">'
                f'<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="{s.level}"/>'
                '<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum"/>'
                '<cvParam cvRef="MS" accession="MS:1000130" name="positive scan"/>'
                '<scanList count="1"><cvParam cvRef="MS" accession="MS:1000795" name="no combination"/><scan>'
                f'<cvParam cvRef="MS" accession="MS:1000016" name="scan start time" value="{s.seconds:.3f}" '
                'unitCvRef="UO" unitAccession="UO:0000010" unitName="second"/></scan></scanList>'
                f"{_precursor(s)}"
                f'<binaryDataArrayList count="2">{_array(np.round(s.mz, 5), "mz")}'
                f"{_array(np.round(s.intensity), 'intensity')}</binaryDataArrayList></spectrum>\n"
            )
        handle.write("</spectrumList></run></mzML>\n")
