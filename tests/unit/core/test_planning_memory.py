import inspect
import subprocess
import sys

from snakemake import common, rules, sourcecache

PLAN = """
from snakemake import common, rules, sourcecache
plain = common.get_function_params, sourcecache.parse_uri
from scripts.core.planning_memory import remember_answers
remember_answers()
remember_answers()
def mem_mb(wildcards, attempt): return 500
path = "/checkout/scripts/model/predict.py"
for turn in range(3):
    assert list(rules.get_function_params(mem_mb)) == list(plain[0](mem_mb)) == ["wildcards", "attempt"]
    assert common.get_input_function_aux_params(mem_mb, {"attempt": 2, "input": []}) == {"attempt": 2}
    assert sourcecache.parse_uri(path) == plain[1](path)
assert rules.get_function_params.cache_info().misses == 1
assert sourcecache.parse_uri.cache_info().misses == 1
"""


def test_answers_are_the_same_and_worked_out_once():
    # a process of its own: what is remembered stays remembered
    done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_snakemake_asks_under_these_names():
    assert rules.get_function_params is common.get_function_params
    assert "get_function_params(func)" in inspect.getsource(rules.Rule.apply_input_function)
    assert "parse_uri(" in inspect.getsource(sourcecache.SourceFile.get_cache_path)
