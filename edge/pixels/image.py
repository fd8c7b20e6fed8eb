"""What pixels look like: the words that all codecs share."""

from collections import namedtuple

# Native pixels of one frame. columns, rows: 1 to 65535; components: samples per pixel, 1 to 4; bits_allocated: 8, 16 or
# 32; bits_stored: 1 to bits_allocated; is_signed: two's complement, sign-extended from bits_stored to bits_allocated;
# planar: component by component. The order is that of edge_image in native/include/edge_codec.h.
Image = namedtuple("Image", "columns rows components bits_allocated bits_stored is_signed planar")
