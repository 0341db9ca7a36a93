# SPDX-License-Identifier: Apache-2.0
"""Operations that only move elements: views, permutations, slices, tiles, pads, constant gathers, concatenation.

Which element goes where is found by running the operation on 1, 2, 3, ...: no rule per operation is needed.  Not
here: `as_strided`, which reads memory rather than elements.
"""

from __future__ import annotations

from xnorc.capture.edit import aten
from xnorc.capture.operations.conditions import Is
from xnorc.capture.operations.row import Acts, Move, Operation, rows

MOVES: tuple[tuple[Move, tuple[tuple[object, str], ...]], ...] = (
    (Move.VIEW, (
        (aten.view, "default"), (aten.reshape, "default"), (aten._unsafe_view, "default"), (aten.view_as, "default"),
        (aten.flatten, "using_ints"), (aten.unflatten, "int"), (aten.unsqueeze, "default"),
        (aten.squeeze, "default dim dims"), (aten.contiguous, "default"),
    )),
    (Move.PERMUTE, (
        (aten.permute, "default"), (aten.transpose, "int"), (aten.t, "default"), (aten.numpy_T, "default"),
        (aten.movedim, "int intlist"), (aten.moveaxis, "int intlist"), (aten.swapaxes, "default"),
        (aten.swapdims, "default"), (aten.flip, "default"), (aten.roll, "default"), (aten.rot90, "default"),
        (aten.pixel_shuffle, "default"), (aten.pixel_unshuffle, "default"), (aten.channel_shuffle, "default"),
        (aten.native_channel_shuffle, "default"),
    )),
    (Move.DROP, (
        (aten.slice, "Tensor"), (aten.select, "int"), (aten.narrow, "default"), (aten.diagonal, "default"),
    )),
    (Move.REPEAT, (
        (aten.expand, "default"), (aten.expand_as, "default"), (aten.broadcast_to, "default"),
        (aten.repeat, "default"), (aten.tile, "default"),
    )),
    (Move.PICK, (
        (aten.index, "Tensor"), (aten.index_select, "default"), (aten.gather, "default"), (aten.take, "default"),
        (aten.unfold, "default"), (aten.repeat_interleave, "self_int self_Tensor"),
        (aten.upsample_nearest1d, "default vec"), (aten.upsample_nearest2d, "default vec"),
        (aten.reflection_pad1d, "default"), (aten.reflection_pad2d, "default"),
        (aten.replication_pad1d, "default"), (aten.replication_pad2d, "default"),
    )),
)  # fmt: skip

FILLS: tuple[Operation, ...] = (
    *rows(aten.constant_pad_nd, "default", Acts.MOVE, moved=Move.PICK, fill="value"),
    # in its other modes it writes elements of the edge, and no constant
    *rows(aten.pad, "default", Acts.MOVE, moved=Move.PICK, fill="value", fills_when=(Is("mode", "constant"),)),
    *rows(aten.im2col, "default", Acts.MOVE, moved=Move.PICK, fill=0.0),
    *rows(aten.tril, "default", Acts.MOVE, moved=Move.DROP, fill=0.0),
    *rows(aten.triu, "default", Acts.MOVE, moved=Move.DROP, fill=0.0),
)

JOINS: tuple[Operation, ...] = (
    *rows(aten.cat, "default", Acts.JOIN),
    *rows(aten.concat, "default", Acts.JOIN),
    *rows(aten.stack, "default", Acts.JOIN),
)

ROWS = (
    *(
        row
        for moved, packets in MOVES
        for packet, overloads in packets
        for row in rows(packet, overloads, Acts.MOVE, moved=moved)
    ),
    *FILLS,
    *JOINS,
)
