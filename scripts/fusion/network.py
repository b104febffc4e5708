"""In: associations between features of different blocks. Out: a network as GraphML, and what of it a picture can show.
Source: GraphML primer (graphml.graphdrawing.org); an edge joins two blocks, never features of one block (FUS-05).
"""

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd

NODE_KEYS = {"block": "string", "feature": "string", "degree": "int"}
EDGE_KEYS = {
    "rho": "double",
    "q": "double",
    "rho_adjusted": "double",
    "q_adjusted": "double",
    "rho_hcc": "double",
    "rho_control": "double",
    "n": "int",
    "status": "string",
    "cause": "string",
}
_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"


def nodes_of(edges: pd.DataFrame) -> pd.DataFrame:
    """Nodes (index block__feature; block, feature, degree) of edges with block_1, feature_1, block_2, feature_2."""
    ends = pd.concat(
        [
            edges[[f"block_{i}", f"feature_{i}"]].set_axis(["block", "feature"], axis=1)
            for i in (1, 2)
        ]
    )
    counted = ends.groupby(["block", "feature"]).size().rename("degree").reset_index()
    counted.index = pd.Index(
        [f"{b}__{f}" for b, f in zip(counted["block"], counted["feature"], strict=True)]
    )
    return counted.sort_values(["block", "feature"])


def write_graphml(path: Path, edges: pd.DataFrame) -> None:
    """Undirected GraphML with the attributes above; missing values have no data element."""
    ET.register_namespace("", _NAMESPACE)
    root = ET.Element(f"{{{_NAMESPACE}}}graphml")
    for kind, keys in (("node", NODE_KEYS), ("edge", EDGE_KEYS)):
        for name, sort in keys.items():
            attributes = {"id": f"{kind}_{name}", "for": kind, "attr.name": name, "attr.type": sort}
            ET.SubElement(root, f"{{{_NAMESPACE}}}key", attributes)
    graph = ET.SubElement(root, f"{{{_NAMESPACE}}}graph", {"edgedefault": "undirected"})
    nodes = nodes_of(edges)
    for name, node in zip(nodes.index, nodes.to_dict("records"), strict=True):
        _add(graph, "node", {"id": name}, node, NODE_KEYS)
    for edge in edges.to_dict("records"):
        ends = {
            "source": f"{edge['block_1']}__{edge['feature_1']}",
            "target": f"{edge['block_2']}__{edge['feature_2']}",
        }
        _add(graph, "edge", ends, edge, EDGE_KEYS)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _add(graph, kind: str, attributes: dict, values: dict, keys: dict) -> None:
    element = ET.SubElement(graph, f"{{{_NAMESPACE}}}{kind}", attributes)
    for name, sort in keys.items():
        value = values.get(name)
        if value is None or value != value:
            continue
        written = f"{value:.6g}" if sort == "double" else str(value)
        ET.SubElement(element, f"{{{_NAMESPACE}}}data", {"key": f"{kind}_{name}"}).text = written
