"""Which keys of config proteomics.dda each step reads: its rule gets these and no others.

In: the settings of DDA. Out: those of one step. A changed limit then reruns the steps that read it, and no search.
Source: docs/architecture.md, "Orchestration".
"""

_READING = ("min_run_s", "max_run_s", "cycle_s", "unitless_run_s")
_USABLE = ("min_run_share", "method_s", "min_psms", "psm_q_value")

STEP_SETTINGS = {
    "prepare_database": ("fasta", "decoy_prefix", "contaminant_prefixes"),
    "search_spectra": (
        *(*_READING, "decoy_prefix", "enzyme", "missed_cleavages", "peptide_length"),
        *("fixed_modifications", "variable_modifications", "precursor_tolerance_ppm"),
        *("ms2_resolution", "fragment_tolerance_ppm", "fragment_tolerance_da"),
        *("gap_high_resolution", "decoy_correction", "psm_q_value"),
        *("area_tolerance_ppm", "area_half_window_s", "area_edge"),
    ),
    "infer_proteins": (
        *(*_USABLE, "decoy_prefix", "decoy_correction", "protein_decoy_correction"),
        *("peptide_q_value", "protein_q_value", "min_peptides", "max_missing", "max_cut_share"),
    ),
    "quantify_proteins": (
        *(*_USABLE, "max_mass_error_ppm", "min_area_share"),
        *("min_ions", "min_share", "low_share"),
    ),
}


def settings_of(step: str, settings: dict) -> dict:
    """The settings that a step reads, out of those of its modality."""
    return {key: settings[key] for key in STEP_SETTINGS[step]}
