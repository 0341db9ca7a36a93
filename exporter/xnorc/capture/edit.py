# SPDX-License-Identifier: Apache-2.0
"""How passes change a graph: a new node takes over the source position of what it stands for, and knows its shape."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

aten = torch.ops.aten

KEPT = ("stack_trace", "nn_module_stack", "origin")


def as_meta(value: Any) -> Any:
    """A tensor (or a tuple of them) without storage: shape, stride and dtype only; anything else unchanged."""
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(tuple(value.shape), value.stride(), dtype=value.dtype, device="meta")
    if isinstance(value, tuple | list):
        return type(value)(as_meta(v) for v in value)
    return value


def shape(node: fx.Node) -> tuple[int, ...]:
    """The shape of a node's result."""
    return tuple(node.meta["val"].shape)


def dtype(node: fx.Node) -> torch.dtype:
    """The dtype of a node's result."""
    return node.meta["val"].dtype


def packet(node: fx.Node) -> Any:
    """`aten.add` of a call of `aten.add.Tensor`: for matches of structure, never for what an operation does."""
    return getattr(node.target, "overloadpacket", None)


def argument_names(node: fx.Node) -> list[str]:
    """The names of a call's arguments in its schema, in order."""
    schema = getattr(node.target, "_schema", None)
    return [argument.name for argument in schema.arguments] if schema is not None else []


def given(node: fx.Node, name: str) -> Any:
    """An argument of an ATen call by its schema name, its default included.

    Raises:
        KeyError: the operation has no argument of that name.
    """
    for position, argument in enumerate(node.target._schema.arguments):  # type: ignore[union-attr]
        if argument.name == name:
            return node.args[position] if position < len(node.args) else node.kwargs.get(name, argument.default_value)
    raise KeyError(f"{node.target} has no argument {name}")


def is_random(node: fx.Node) -> bool:
    """True for a call that draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def is_constant(node: fx.Node) -> bool:
    """True for a node that depends on no input and on no randomness."""
    seen: set[fx.Node] = set()
    todo = [node]
    while todo:
        at = todo.pop()
        if at.op == "placeholder" or is_random(at):
            return False
        if at not in seen:
            seen.add(at)
            todo += at.all_input_nodes
    return True


def constant(gm: fx.GraphModule, before: fx.Node, tensor: torch.Tensor, like: fx.Node) -> fx.Node:
    """Stores `tensor` in the module and returns a `get_attr` node before `before`, at the source position of `like`."""
    taken = {n.target for n in gm.graph.nodes if n.op == "get_attr"}
    index = len(taken)
    while (name := f"c{index}") in taken or hasattr(gm, name):
        index += 1
    gm.register_buffer(name, tensor.detach().clone(memory_format=torch.preserve_format))
    with gm.graph.inserting_before(before):
        node = gm.graph.get_attr(name)
    node.meta = {k: like.meta[k] for k in KEPT if k in like.meta}
    node.meta["val"] = as_meta(getattr(gm, name))
    return node


def tensor_of(gm: fx.GraphModule, node: fx.Node) -> torch.Tensor:
    """The tensor behind a `get_attr` node."""
    assert node.op == "get_attr"
    assert isinstance(node.target, str)
    tensor = getattr(gm, node.target)
    assert isinstance(tensor, torch.Tensor)
    return tensor


def insert(
    gm: fx.GraphModule, before: fx.Node, target: Any, args: tuple[Any, ...], like: fx.Node, **kwargs: Any
) -> fx.Node:
    """A new call of `target` before `before`, at the source position of `like`; meta tensors give its shape."""
    with gm.graph.inserting_before(before):
        node = gm.graph.call_function(target, args, kwargs)
    node.meta = {k: like.meta[k] for k in KEPT if k in like.meta}
    on_meta = fx.node.map_arg((args, kwargs), lambda n: n.meta["val"])
    with torch.no_grad():
        node.meta["val"] = as_meta(target(*on_meta[0], **on_meta[1]))
    return node


def replace(node: fx.Node, by: fx.Node) -> None:
    """All users of `node` read `by` instead; `node` is erased."""
    node.replace_all_uses_with(by)
    node.graph.erase_node(node)
