# SPDX-License-Identifier: Apache-2.0
"""Operations whose results depend on many elements: dots, pools, means, norms, places of extremes."""

from __future__ import annotations

from xnorc.capture.edit import aten
from xnorc.capture.operations.conditions import AtLeast, Is
from xnorc.capture.operations.row import Acts, Operation, Rule, rows
from xnorc.capture.running_mean import running_mean

BY_RULE: dict[Rule, tuple[tuple[object, str], ...]] = {
    Rule.CONV: ((aten.conv1d, "default padding"), (aten.conv2d, "default padding"), (aten.conv3d, "default padding")),
    Rule.TRANSPOSED: ((aten.conv_transpose1d, "default"), (aten.conv_transpose2d, "input")),
    Rule.LINEAR: ((aten.linear, "default"),),
    Rule.PRODUCT: ((aten.mm, "default"), (aten.bmm, "default"), (aten.matmul, "default")),
    Rule.GREATEST: ((aten.amax, "default"),),
    Rule.PICK: ((aten.amin, "default"), (aten.max, "default"), (aten.min, "default"), (aten.median, "default")),
    Rule.MEAN: ((aten.mean, "default dim"), (aten.adaptive_avg_pool1d, "default"),
                (aten.adaptive_avg_pool2d, "default"), (running_mean.overloadpacket, "default")),
    Rule.BLEND: ((aten.upsample_bilinear2d, "default vec"),),
    Rule.SUM: ((aten.sum, "default dim_IntList"),),
    Rule.VARIANCE: ((aten.var, "default dim correction"),),
    Rule.DEVIATION: ((aten.std, "default dim correction"),),
    Rule.SOFTMAX: ((aten.softmax, "int"), (aten._softmax, "default")),
    Rule.LOG_SOFTMAX: ((aten.log_softmax, "int"), (aten._log_softmax, "default")),
    Rule.LAYER_NORM: ((aten.layer_norm, "default"), (aten.group_norm, "default")),
    Rule.INDEX: ((aten.argmax, "default"), (aten.argmin, "default")),
    Rule.TRUTH: ((aten.any, "default dim dims"), (aten.all, "default dim dims")),
}  # fmt: skip

POOLS: tuple[tuple[object, int], ...] = (
    (aten.max_pool1d, 1),
    (aten.max_pool2d, 2),
    (aten.max_pool3d, 3),
)

ROWS: tuple[Operation, ...] = (
    *(
        row
        for rule, packets in BY_RULE.items()
        for packet, overloads in packets
        for row in rows(packet, overloads, Acts.MANY, rule=rule)
    ),
    *(row for packet, axes in POOLS for row in rows(packet, "default", Acts.MANY, rule=Rule.MAX_POOL, axes=axes)),
    *rows(aten.avg_pool1d, "default", Acts.MANY, rule=Rule.PADDED_MEAN),
    *rows(aten.avg_pool2d, "default", Acts.MANY, rule=Rule.PADDED_MEAN, when=(Is("divisor_override", None),)),
    *rows(aten.avg_pool3d, "default", Acts.MANY, rule=Rule.PADDED_MEAN, when=(Is("divisor_override", None),)),
    *rows(aten.linalg_vector_norm, "default", Acts.MANY, rule=Rule.NORM, when=(AtLeast("ord", 1),)),
    *rows(aten.norm, "Scalar ScalarOpt_dim", Acts.MANY, rule=Rule.NORM, when=(AtLeast("p", 1),)),
)
