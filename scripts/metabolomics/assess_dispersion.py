"""D-ratio of every feature of an LC-MS or GC-MS block: scatter of the pooled QC runs over that of the samples.

In: rows and verdicts of the development patients, QC RSD of the features. Out: D-ratios (TSV), QC records. Source:
Broadhurst et al. 2018, Metabolomics 14:72 (robust D-ratio, section 6.3).
"""

from typing import TYPE_CHECKING

from scripts.core import job as core_job
from scripts.core.features import read_row, read_status
from scripts.metabolomics.run_sheet import listed

if TYPE_CHECKING:
    import pandas as pd

MIN_SAMPLES = 5  # samples with a value, below which a scatter is not known


def d_ratios(samples: "pd.DataFrame", rsd: "pd.Series") -> "pd.Series":
    """(features,) QC scatter over sample scatter on the log2 scale; NaN where either is not known.

    samples : (patients, features) log2 areas after drift correction and PQN; rsd : (features,) QC RSD as a share, of held-out
    QC runs. The scatter of the samples is 1.4826 MAD.
    """
    import numpy as np

    samples = samples.reindex(columns=rsd.index)
    spread = 1.4826 * (samples - samples.median()).abs().median()
    spread = spread.where((samples.notna().sum() >= MIN_SAMPLES) & (spread > 0))
    return rsd / np.log(2) / spread


def main(job):
    """Compare the scatter of QC runs with that of the samples.

    input: rows, statuses (of the development patients, in one order), stability (tsv of the block's fit)
    output: dispersion (tsv), status, ledger
    wildcards: block
    """
    import pandas as pd

    with core_job.step(job) as step:
        block = job.wildcards.block
        pairs = zip(listed(job.input, "rows"), listed(job.input, "statuses"), strict=True)
        rows = [
            read_row(row, block) for row, status in pairs if read_status(status, block)[0] != "fail"
        ]
        stability = listed(job.input, "stability")[0]
        with open(stability, encoding="utf-8") as handle:
            text = handle.read()
        if not text.strip():
            raise core_job.UpstreamDefect(f"block {block} has no reference")
        rsd = pd.read_csv(stability, sep="\t", index_col="feature")["stability"]
        ratio = d_ratios(pd.DataFrame(rows, dtype="float64"), rsd)
        known = ratio.dropna()
        step.check(
            "OMX-02",
            "median D-ratio of the features",
            "NOT_ASSESSED" if known.empty else "PASS",
            value=float(known.median()) if len(known) else None,
            threshold="reported",
            reason="too few samples or QC runs" if known.empty else "",
            acts=False,
        )
        table = ratio.rename("d_ratio").to_frame()
        table.to_csv(step.path(job.output.dispersion), sep="\t", float_format="%.6g")


if __name__ == "__main__":
    core_job.entry(main, globals().get("snakemake"))
