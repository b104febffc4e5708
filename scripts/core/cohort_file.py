"""The cohort file, as every step after assemble_cohort reads it, and which of its features are stable.

In: results/cohort/cohort.h5mu. Out: people, tables and dictionaries by block, what else stands in it. Source: docs/outputs.md;
requirement MOD-05 (ICC strictly above 0.75).
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def read_blocks(path: str | Path) -> tuple["pd.DataFrame", dict, dict, dict]:
    """obs (index patient_id, sorted), {block: patients x features}, {block: dictionary}, unstructured entries.

    An empty file (no block had a row) gives nobody.
    """
    import numpy as np
    import pandas as pd

    if Path(path).stat().st_size == 0:
        return (
            pd.DataFrame({column: [] for column in ("label", "class", "part", "centre")}),
            {},
            {},
            {},
        )
    import mudata

    with mudata.set_options(pull_on_update=False):
        stored = mudata.read_h5mu(path)
    tables, dictionaries = {}, {}
    for block in sorted(stored.mod):
        one = stored[block]
        names = one.var["feature"].astype(str).to_numpy()
        table = pd.DataFrame(np.asarray(one.X), index=one.obs_names.astype(str), columns=names)
        tables[block] = table.sort_index()
        dictionaries[block] = _as_text(one.var).set_index(names)
    return _as_text(stored.obs).sort_index(), tables, dictionaries, dict(stored.uns)


def _as_text(table: "pd.DataFrame") -> "pd.DataFrame":
    """Categories, as which AnnData stores text, back as text."""
    return table.astype(dict.fromkeys(table.select_dtypes("category").columns, str))


def stable(dictionary: "pd.DataFrame", settings: dict) -> "pd.Series":
    """Whether each feature passes the stability gate.

    ICC must lie strictly above its minimum, RSD must not exceed its maximum; a feature whose
    stability nobody measured passes (it is counted, not assessed).
    """
    import pandas as pd

    value = pd.to_numeric(dictionary["stability"], errors="coerce")
    kind = dictionary.get("stability_kind", pd.Series("", index=dictionary.index))
    is_rsd = kind.fillna("").astype(str).str.lower() == "rsd"
    icc_fails = ~is_rsd & (value <= float(settings["icc_minimum"]))
    rsd_fails = is_rsd & (value > float(settings["rsd_maximum"]))
    return ~(icc_fails | rsd_fails)
