"""A made-up unsupervised view and made-up associations in the shape of docs/outputs.md; nothing here is a result."""

import math

BLOCKS = ("clinical", "lcms", "ct_arterial")


def make_points(n: int = 12) -> dict:
    return {
        "x": [math.cos(i) for i in range(n)],
        "y": [math.sin(2 * i) for i in range(n)],
        "diagnosis": ["hcc" if i % 2 else "cirrhosis" for i in range(n)],
        "centre": [f"C{i % 2 + 1}" for i in range(n)],
    }


def make_test(of: str, component: str, variable: str, q: float, above: bool = True) -> dict:
    return {
        "of": of,
        "component": component,
        "variable": variable,
        "above_noise": above,
        "n": 60,
        "p": q / 3,
        "r2": 0.2,
        "q": q,
        "held": "label",
        "p_held": q / 2,
        "r2_held": 0.15,
        "q_held": q,
    }


def make_explore(structure: bool = True, batch: bool = False) -> dict:
    """With structure two factors are above noise; with batch the centre is in one of them."""
    top = [{"block": "lcms", "feature": "glycocholic_acid", "weight": 0.9}]
    blocks = [
        {
            "block": name,
            "used": True,
            "reason": "",
            "n": 60,
            "features": 20,
            "dropped": {},
            "share": [0.3, 0.1],
            "noise": 0.09,
            "above_noise": 2 if structure else 0,
            "top": [top, top],
            "variance": {"label": 0.1, "centre": 0.02},
            "points": make_points(),
        }
        for name in BLOCKS
    ]
    blocks.append(
        {
            "block": "us",
            "used": False,
            "reason": "8 training patients have it; at least 20 are needed",
        }
    )
    above = ["factor1", "factor2"] if structure else []
    table = [
        {"k": 1, "silhouette": None, "gap": 0.5, "gap_error": 0.02, "agreement": None},
        {
            "k": 2,
            "silhouette": 0.2,
            "gap": 0.48,
            "gap_error": 0.02,
            "agreement": 0.6,
            "sizes": [30, 30],
        },
    ]
    flagged = [make_test("factors", "factor2", "centre", 0.004)] if batch else []
    return {
        "status": "ASSESSED",
        "reason": "",
        "n": 60,
        "n_test": 26,
        "blocks": blocks,
        "notes": ["the fit of the factors had not settled after 1000 iterations"],
        "missing": {
            "patterns": [
                {
                    "blocks": ["clinical", "lcms"],
                    "n": 40,
                    "classes": {"control": 20, "hcc": 20},
                    "events": 20,
                }
            ],
            "coverage": {"lcms": 0.8},
            "tests": [{"block": "ct_arterial", "variable": "label", "p": 0.001, "q": 0.004}],
        },
        "joint": {
            "share": [0.2, 0.1],
            "noise": 0.08,
            "above_noise": 2 if structure else 0,
            "top": [top],
            "points": make_points(),
            "tsne": make_points(),
        },
        "factors": {
            "names": ["factor1", "factor2", "factor3"],
            "blocks": list(BLOCKS),
            "r2": [[0.3, 0.1, 0.0]] * 3,
            "r2_test": [[0.25, 0.05, 0.0]] * 3,
            "noise": dict.fromkeys(BLOCKS, 0.09),
            "above_noise": above,
            "iterations": 400,
            "projection_error": 0.0012,
            "top": [top] * 3,
            "points": {"axes": ["factor1", "factor2"], **make_points()},
        },
        "clusters": {
            "k": 1,
            "table": table,
            "reason": "the gap statistic prefers one group",
            "space": "factors above noise",
            "dimensions": 2,
            "tests": [],
        },
        "tests": [
            make_test("lcms", "pc1", "label", 0.0001),
            make_test("us", "pc1", "sex", 0.6),
            *flagged,
        ],
        "technical": flagged,
    }


def make_associations(found: bool = True) -> dict:
    """Three pairs of blocks, one of them without enough shared patients."""
    counts = {"holds": 3, "masked": 0, "confounded": 2, "weakened": 1} if found else {}
    counts = counts or dict.fromkeys(("holds", "masked", "confounded", "weakened"), 0)
    pair = {
        "first": "clinical",
        "second": "lcms",
        "n": 60,
        "reason": "",
        "tested": 400,
        "correlation": 0.8,
        "held_out": 0.62,
        "shrinkage": 0.5,
        "components": 10,
        "p": 0.000999,
        "q": 0.002,
        "p_adjusted": 0.3,
        "q_adjusted": 0.4,
        "held_out_adjusted": 0.1,
        "edges": counts,
        "causes": {"label": 2} if found else {},
        "cut_short": False,
    }
    other = pair | {"first": "ct_arterial", "held_out": -0.1, "q": 0.7, "causes": {}}
    other["edges"] = dict.fromkeys(counts, 0)
    absent = {
        "first": "clinical",
        "second": "us",
        "n": 5,
        "reason": "5 patients have both; at least 20 are needed",
    }
    edge = {
        "block_1": "clinical",
        "block_2": "lcms",
        "feature_2": "glycocholic_acid",
        "n": 60,
        "q": 0.001,
        "cause": "",
    }
    edge |= {
        "rho": 0.6,
        "rho_adjusted": 0.5,
        "q_adjusted": 0.01,
        "rho_hcc": 0.5,
        "rho_control": 0.4,
    }
    shown = [
        edge | {"feature_1": "alt", "status": "holds"},
        edge
        | {
            "feature_1": "afp",
            "status": "confounded",
            "rho": -0.5,
            "cause": "label",
            "rho_hcc": None,
        },
    ]
    limits = {"q": 0.05, "minimum_rho": 0.3, "minimum_patients": 20, "permutations": 1000}
    return {
        "status": "ASSESSED",
        "reason": "",
        "n": 60,
        "blocks": [],
        "notes": [],
        "limits": limits,
        "resolution": 0.000999,
        "tested": 800,
        "pairs": [pair, other, absent],
        "edges": counts,
        "shown": shown if found else [],
    }
