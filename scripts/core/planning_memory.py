"""What Snakemake works out anew for every job, and what never changes within a run, is worked out once.

In: the modules of Snakemake. Out: the same answers, remembered: the parameters of the functions that rules name, the scheme
and path of a script. Source: snakemake 9.27, common/__init__.py and sourcecache.py; with all modalities 22 looks at a
signature and 3 at a path per job, a sixth of the time of planning (measured with cProfile, 200 patients).
"""

from functools import lru_cache

from snakemake import common, rules, sourcecache


def remember_answers() -> None:
    """Let Snakemake remember both; a second call changes nothing."""
    if hasattr(common.get_function_params, "cache_info"):
        return
    parameters = lru_cache(maxsize=None)(common.get_function_params)
    common.get_function_params = rules.get_function_params = parameters
    sourcecache.parse_uri = lru_cache(maxsize=None)(sourcecache.parse_uri)
