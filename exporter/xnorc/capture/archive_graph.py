# SPDX-License-Identifier: Apache-2.0
"""Makes the JSON of an exported program safe to deserialise: only ATen calls on tensors and numbers, only plain names.

What torch does with this document that could run code, and the answer: symbolic expressions are evaluated by sympy
(refused); guards are compiled (dropped); placeholder names become Python source (must be identifiers); targets are
looked up by attribute (must be an ATen overload whose arguments are tensors, numbers and a few known words);
container types are looked up in a registry (tuple, list, dict only); metadata is parsed (only source lines and
module paths are kept).
"""

from __future__ import annotations

import json
import keyword
import re
from typing import Any

import torch

from xnorc.errors import CaptureError

_TARGET = re.compile(r"torch\.ops\.aten\.([A-Za-z_][A-Za-z0-9_]*)(?:\.([A-Za-z_][A-Za-z0-9_]*))?")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTTED = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_FORBIDDEN_KEYS = {
    "as_expr", "expr_str", "as_sym_int", "as_sym_ints", "as_sym_bool", "as_sym_bools", "as_sym_float", "as_sym_floats",
    "as_custom_obj", "as_graph", "as_operator", "custom_obj", "token", "as_nested_tensors", "as_string_to_argument",
}  # fmt: skip
_PRIVATE_ALLOWED = {
    "_native_batch_norm_legit_no_training", "_native_batch_norm_legit", "_to_copy", "_assert_tensor_metadata",
    "_unsafe_view", "_softmax", "_log_softmax", "_weight_norm", "_batch_norm_with_update",
}  # fmt: skip
_WORDS = {"mode", "padding", "rounding_mode", "approximate", "indexing", "equation", "padding_mode"}
_CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict"}
_KEPT_METADATA = ("stack_trace", "nn_module_stack")
_VERIFIERS = ("TRAINING", "ATEN")


def sanitise(document: Any, where: str) -> dict[str, Any]:
    """A copy of the document reduced to what this module's docstring allows.

    Raises:
        CaptureError: it holds anything else; the first such thing is named.
    """

    def refuse(what: str) -> CaptureError:
        return CaptureError(where, what, "a graph of ATen operations with fixed shapes, written by torch.export.save")

    if not isinstance(document, dict) or "graph_module" not in document:
        raise refuse("holds no graph")
    module = document["graph_module"]
    if document.get("range_constraints") or _has_forbidden(module):
        raise refuse("has symbolic shapes, sub-graphs or custom objects")
    if module.get("treespec_namedtuple_fields"):
        raise refuse("takes or returns named tuples")
    graph = module["graph"]
    for name in _names(graph):
        if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
            raise refuse(f"names a value {name[:60]!r}, which is no identifier")
    for key in ("tensor_values", "sym_int_values", "sym_bool_values", "sym_float_values", "custom_obj_values"):
        held = graph.get(key) or {}
        if (held and key != "tensor_values") or not all(_IDENTIFIER.fullmatch(name) for name in held):
            raise refuse(f"has {key}")
    for node in graph["nodes"]:
        problem = _target_problem(node)
        if problem:
            raise refuse(problem)
        node["metadata"] = {k: str(node["metadata"][k]) for k in _KEPT_METADATA if k in (node.get("metadata") or {})}
    for name in _dotted_names(module["signature"]):
        if not _DOTTED.fullmatch(name):
            raise refuse(f"names a parameter {name[:60]!r}")
    root = [entry for entry in module["module_call_graph"] if entry.get("fqn") == ""][:1]
    for entry in root:
        signature = entry["signature"] or {}
        specs = [signature.get("in_spec"), signature.get("out_spec")]
        if not all(_is_plain_spec(spec) for spec in specs) or not all(
            _IDENTIFIER.fullmatch(name) for name in signature.get("forward_arg_names") or ()
        ):
            raise refuse("takes or returns containers other than tuple, list and dict")
    verifiers = [v for v in document.get("verifiers", ()) if v in _VERIFIERS]
    return document | {
        "graph_module": module | {"module_call_graph": root, "metadata": {}},
        "guards_code": [],
        "verifiers": verifiers or ["TRAINING"],
    }


def _has_forbidden(value: Any) -> bool:
    if isinstance(value, dict):
        return any((k in _FORBIDDEN_KEYS and v is not None) or _has_forbidden(v) for k, v in value.items())
    return isinstance(value, list) and any(_has_forbidden(v) for v in value)


def _names(graph: dict[str, Any]) -> list[str]:
    """Every name of a value in the graph: those end up in generated source."""
    found: list[str] = []

    def walk(value: Any, argument: bool) -> None:
        if isinstance(value, dict):
            name = value.get("name")
            if isinstance(name, str) and (not argument or name):
                found.append(name)
            for key, child in value.items():
                if key not in ("metadata", "as_string", "as_strings"):
                    walk(child, key == "inputs")
        elif isinstance(value, list):
            for child in value:
                walk(child, argument)

    walk({k: graph.get(k) for k in ("inputs", "outputs", "nodes")}, argument=False)
    return found


def _dotted_names(signature: Any) -> list[str]:
    """Parameter, buffer and constant names, and the names of values, of the signature."""
    if isinstance(signature, dict):
        own = [v for k, v in signature.items() if isinstance(v, str) and k.endswith("name")]
        return own + [name for v in signature.values() for name in _dotted_names(v)]
    return [name for v in signature for name in _dotted_names(v)] if isinstance(signature, list) else []


def _target_problem(node: dict[str, Any]) -> str:
    """Why a call is not allowed, or nothing."""
    target = str(node.get("target"))
    match = _TARGET.fullmatch(target)
    if match is None or (match[1].startswith("_") and match[1] not in _PRIVATE_ALLOWED):
        return f"calls {target[:80]!r}, which is no ATen operation of a network"
    packet = getattr(torch.ops.aten, match[1], None)
    overload = getattr(packet, match[2] or "default", None)
    if not isinstance(overload, torch._ops.OpOverload):
        return f"calls {target[:80]!r}, which this torch does not have"
    words = [a.name for a in overload._schema.arguments if "str" in str(a.type)]
    odd = [
        a.name for a in overload._schema.arguments if any(t in str(a.type) for t in ("Storage", "Stream", "__torch__"))
    ]
    if odd or any(word not in _WORDS for word in words):
        return f"calls {target[:80]!r}, which takes {', '.join(odd + words)}"
    return ""


def _is_plain_spec(text: Any) -> bool:
    if text is None:
        return True

    def plain(spec: Any) -> bool:
        return (
            isinstance(spec, dict)
            and spec.get("type") in _CONTAINERS
            and all(plain(child) for child in spec.get("children_spec", ()))
        )

    parsed = json.loads(text)
    return isinstance(parsed, list) and len(parsed) == 2 and parsed[0] == 1 and plain(parsed[1])
