"""Small mzML files of made-up LC-MS runs, with every property that a fault can have: unit, label, voltage, function, polarity."""

import base64
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

UNITS = {
    "second": ' unitCvRef="UO" unitAccession="UO:0000010" unitName="second"',
    "minute": ' unitCvRef="UO" unitAccession="UO:0000031" unitName="minute"',
    "millisecond": ' unitCvRef="UO" unitAccession="UO:0000028" unitName="millisecond"',
    "none": "",
}
_POLARITY = {
    "positive": '<cvParam cvRef="MS" accession="MS:1000130" name="positive scan"/>',
    "negative": '<cvParam cvRef="MS" accession="MS:1000129" name="negative scan"/>',
    "": "",
}


@dataclass(frozen=True)
class Made:
    """One spectrum: seconds, m/z, intensity, and what the file says of it."""

    seconds: float
    mz: np.ndarray
    intensity: np.ndarray
    id: str = ""
    level: int = 1
    label: str = "centroid"
    polarity: str = "positive"
    voltage: float | None = None
    energy: float | None = None
    precursor: float | None = None


def _array(values, dtype, bits, code, name):
    data = base64.b64encode(zlib.compress(np.asarray(values, dtype).tobytes(), 6)).decode()
    return (
        f'<binaryDataArray encodedLength="{len(data)}"><cvParam cvRef="MS" accession="MS:{bits}" name="x"/>'
        '<cvParam cvRef="MS" accession="MS:1000574" name="zlib compression"/>'
        f'<cvParam cvRef="MS" accession="MS:{code}" name="{name}"/><binary>{data}</binary></binaryDataArray>'
    )


def _spectrum(number: int, s: Made, unit: str, factor: float) -> str:
    scan = f'<cvParam cvRef="MS" accession="MS:1000016" name="scan start time" value="{s.seconds * factor!r}"{UNITS[unit]}/>'
    if s.voltage is not None:
        scan += f'<cvParam cvRef="MS" accession="MS:1001581" name="FAIMS compensation voltage" value="{s.voltage}"/>'
    code = {"centroid": "1000127", "profile": "1000128"}[s.label]
    chosen = ""
    if s.energy is not None or s.precursor is not None:
        ion = (
            '<selectedIonList count="1"><selectedIon><cvParam cvRef="MS" accession="MS:1000744" name="selected ion m/z" '
            f'value="{s.precursor}"/></selectedIon></selectedIonList>'
            if s.precursor is not None
            else ""
        )
        energy = (
            f'<cvParam cvRef="MS" accession="MS:1000045" name="collision energy" value="{s.energy}"/>'
            if s.energy is not None
            else ""
        )
        chosen = f'<precursorList count="1"><precursor>{ion}<activation>{energy}</activation></precursor></precursorList>'
    return (
        f'<spectrum index="{number}" id="{s.id or f"scan={number + 1}"}" defaultArrayLength="{len(s.mz)}">'
        f'<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="{s.level}"/>'
        f'<cvParam cvRef="MS" accession="MS:{code}" name="{s.label} spectrum"/>{_POLARITY[s.polarity]}'
        f'<scanList count="1"><cvParam cvRef="MS" accession="MS:1000795" name="no combination"/><scan>{scan}</scan></scanList>'
        f'{chosen}<binaryDataArrayList count="2">{_array(s.mz, "<f8", "1000523", "1000514", "m/z array")}'
        f"{_array(s.intensity, '<f4', '1000521', '1000515', 'intensity array')}</binaryDataArrayList></spectrum>\n"
    )


def write_run(path, spectra, unit="second", factor=1.0, declared=None, doctype="") -> Path:
    """mzML of spectra; times are written as seconds * factor under `unit`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(_spectrum(number, s, unit, factor) for number, s in enumerate(spectra))
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0" id="m">\n'
        '<cvList count="1"><cv id="MS" fullName="PSI-MS" URI="psi-ms.obo"/></cvList>\n'
        '<fileDescription><fileContent/></fileDescription><softwareList count="1"><software id="s" version="1"/></softwareList>\n'
        '<instrumentConfigurationList count="1"><instrumentConfiguration id="IC1"/></instrumentConfigurationList>\n'
        '<dataProcessingList count="1"><dataProcessing id="DP1"><processingMethod order="1" softwareRef="s"/></dataProcessing>'
        '</dataProcessingList>\n<run id="run" defaultInstrumentConfigurationRef="IC1">\n'
        f'<spectrumList count="{len(spectra) if declared is None else declared}" defaultDataProcessingRef="DP1">\n'
        f"{body}</spectrumList></run></mzML>\n"
    )
    return path


def lc_run(seed: int, compounds: int = 40, scans: int = 90) -> list[Made]:
    """A centroid run of one scan a second: the same compounds in every run, 8 % of scatter, none at either end."""
    world = np.random.default_rng(11)
    mz, rt = np.sort(world.uniform(120, 900, compounds)), world.uniform(10, scans - 10, compounds)
    rng = np.random.default_rng(1000 + seed)
    height = 10 ** world.uniform(4.2, 5.5, compounds) * np.exp(rng.normal(0, 0.08, compounds))
    out = []
    for k in range(scans):
        signal = height * np.exp(-0.5 * ((k - rt) / 2.2) ** 2)
        seen = signal > 100
        m = np.r_[mz[seen] * (1 + rng.normal(0, 2e-6, seen.sum())), rng.uniform(100, 950, 25)]
        y = np.r_[signal[seen], rng.uniform(30, 120, 25)]
        order = np.argsort(m)
        out.append(Made(float(k), m[order], y[order]))
    return out


def sampled(spectra: list[Made], label: str = "profile", resolution: float = 50_000) -> list[Made]:
    """The same spectra as a detector samples them: nine points over each peak."""
    out = []
    for s in spectra:
        steps = np.arange(-4, 5) * 0.34  # of the full width at half maximum, in sigma 0.8 apart
        mz = (s.mz[:, None] * (1 + steps / resolution)).ravel()
        y = (s.intensity[:, None] * np.exp(-4 * np.log(2) * steps**2)).ravel()
        order = np.argsort(mz)
        out.append(replace(s, mz=mz[order], intensity=y[order], label=label))
    return out
