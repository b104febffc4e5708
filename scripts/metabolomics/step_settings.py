"""Which keys of config metabolomics.lcms and metabolomics.gcms each step reads: its rule gets these and no others.

In: settings of a modality. Out: those of one step. A changed limit then reruns the steps that read it, and no detection.
Source: docs/architecture.md, "Orchestration".
"""

_READING = ("profile", "min_run_s", "max_run_s", "cycle_s", "unitless_run_s")
_WHOLE = ("min_run_share", "method_s")
_POSITIONS = ("ppm", "alignment", "rt_tolerance_s", "min_points")
_QC_CURVE = ("drift_spans", "min_qcs_for_curve")
_REFERENCE = (
    *("min_qcs", "min_presence", "min_presence_without_qcs"),
    *("max_cut_share", "max_blank_ratio", "max_rsd"),
)

STEP_SETTINGS = {
    "detect_lcms": (
        *_READING,
        *("ppm", "noise_quantile", "min_trace_s", "peak_fwhm_s", "max_fwhm_s"),
    ),
    "fit_lcms": (
        *(*_WHOLE, *_POSITIONS, *_QC_CURVE, *_REFERENCE),
        *("min_tic_ratio", "half_width_fwhm", "min_trace_s", "max_fwhm_s"),
        *("min_landmark_presence", "standard_rt_tolerance_s"),
    ),
    "fit_lcms_batch": (
        *(*_WHOLE, *_POSITIONS, *_QC_CURVE),
        *("min_tic_ratio", "min_qcs", "qc_every_n", "max_rsd", "max_internal_standard_rsd"),
    ),
    "apply_lcms": (
        *(*_WHOLE, *_POSITIONS),
        *("min_tic_ratio", "min_feature_ratio", "min_found"),
        *("max_log2_dilution", "max_log2_internal_standard"),
    ),
    "detect_gcms": (
        *(*_READING, "ladder_carbons", "ladder_rt_unit"),
        *("baseline_s", "min_snr", "apex_scans", "min_ions", "half_width_s"),
        *("min_cosine", "max_index_difference"),
    ),
    "fit_gcms": (*_WHOLE, *_QC_CURVE, *_REFERENCE, "min_signal_ratio", "half_width_s"),
    "apply_gcms": (
        *(*_WHOLE, *_QC_CURVE),
        *("min_signal_ratio", "min_found", "max_log2_dilution"),
    ),
}


def settings_of(step: str, settings: dict) -> dict:
    """The settings that a step reads, out of those of its modality."""
    return {key: settings[key] for key in STEP_SETTINGS[step]}
