# SPDX-License-Identifier: Apache-2.0
"""How an image gets into a board: image files (image.py), ways to flash (ways/, found, not listed), what they share."""

from xnorc.flash.flasher import Flasher, Progress, flasher_of, kinds
from xnorc.flash.image import Image, read_image

__all__ = ["Flasher", "Image", "Progress", "flasher_of", "kinds", "read_image"]
