# SPDX-License-Identifier: Apache-2.0
"""What a user trains with: binarizers, binary layers, reference networks, recipes (needs torch)."""

from xnorc.nn.binarizer import Binarizer
from xnorc.nn.binarizers import all_binarizers, make_binarizer
from xnorc.nn.layers import BinaryConv2d, BinaryLinear
from xnorc.nn.network import Network
from xnorc.nn.networks import all_networks, make_network
from xnorc.nn.surrogates import Surrogate

__all__ = [
    "Binarizer",
    "BinaryConv2d",
    "BinaryLinear",
    "Network",
    "Surrogate",
    "all_binarizers",
    "all_networks",
    "make_binarizer",
    "make_network",
]
