# SPDX-License-Identifier: Apache-2.0
"""What a user trains with: binarizers, binary layers, reference networks, recipes (needs torch).

Training itself is `xnorc.nn.train`, which needs Lightning and is imported only by who trains.
"""

from xnorc.nn.binarizer import Binarizer
from xnorc.nn.binarizers import all_binarizers, make_binarizer
from xnorc.nn.binarizers.asd import ASD
from xnorc.nn.binarizers.design import DeSign
from xnorc.nn.binarizers.dysign import DySign
from xnorc.nn.binarizers.lab import LAB, LABPair
from xnorc.nn.binarizers.rsign import RSign
from xnorc.nn.binarizers.sign import Sign
from xnorc.nn.ends import IntConv2d, IntLinear, Stem
from xnorc.nn.layers import BinaryConv2d, BinaryLinear, clip_latent
from xnorc.nn.network import Network
from xnorc.nn.networks import all_networks, make_network
from xnorc.nn.rprelu import RPReLU
from xnorc.nn.surrogates import Surrogate, set_progress
from xnorc.nn.tile_search import search_tiles
from xnorc.nn.weights import all_weight_binarizers, make_weight_binarizer

__all__ = [
    "ASD",
    "LAB",
    "Binarizer",
    "BinaryConv2d",
    "BinaryLinear",
    "DeSign",
    "DySign",
    "IntConv2d",
    "IntLinear",
    "LABPair",
    "Network",
    "RPReLU",
    "RSign",
    "Sign",
    "Stem",
    "Surrogate",
    "all_binarizers",
    "all_networks",
    "all_weight_binarizers",
    "clip_latent",
    "make_binarizer",
    "make_network",
    "make_weight_binarizer",
    "search_tiles",
    "set_progress",
]
