"""Text and shapes on the pages of a PDF, by Cairo and Pango: Arabic is joined and runs to the left, fonts are embedded.

Pango finds a font for each character, shapes with HarfBuzz and breaks lines; no other library does that for every
script. They are loaded when a page is drawn, in a process of its own (see label), through the C interface that Debian's
libpangocairo-1.0-0 brings. All measures are in millimetres, sizes of letters in points.
"""

import functools

from edge.media.errors import MediaError

PACKAGES = "libpangocairo-1.0-0 fonts-dejavu-core fonts-ipaexfont-gothic"
LEFT, CENTRE = 0, 1
_DECLARATIONS = """
typedef struct _cairo cairo_t;
typedef struct _cairo_surface cairo_surface_t;
cairo_surface_t *cairo_pdf_surface_create(const char *path, double width, double height);
void cairo_pdf_surface_set_metadata(cairo_surface_t *surface, int what, const char *text);
int cairo_surface_status(cairo_surface_t *surface);
void cairo_surface_finish(cairo_surface_t *surface);
void cairo_surface_destroy(cairo_surface_t *surface);
cairo_t *cairo_create(cairo_surface_t *surface);
void cairo_destroy(cairo_t *page);
void cairo_show_page(cairo_t *page);
void cairo_set_source_rgb(cairo_t *page, double red, double green, double blue);
void cairo_set_line_width(cairo_t *page, double width);
void cairo_move_to(cairo_t *page, double x, double y);
void cairo_line_to(cairo_t *page, double x, double y);
void cairo_rectangle(cairo_t *page, double x, double y, double width, double height);
void cairo_arc(cairo_t *page, double x, double y, double radius, double from, double to);
void cairo_new_path(cairo_t *page);
void cairo_fill(cairo_t *page);
void cairo_stroke(cairo_t *page);

typedef struct _PangoLayout PangoLayout;
typedef struct _PangoFontDescription PangoFontDescription;
PangoLayout *pango_cairo_create_layout(cairo_t *page);
void pango_cairo_show_layout(cairo_t *page, PangoLayout *layout);
PangoFontDescription *pango_font_description_from_string(const char *family);
void pango_font_description_set_absolute_size(PangoFontDescription *font, double size);
void pango_font_description_free(PangoFontDescription *font);
void pango_layout_set_font_description(PangoLayout *layout, const PangoFontDescription *font);
void pango_layout_set_text(PangoLayout *layout, const char *text, int octets);
void pango_layout_set_width(PangoLayout *layout, int width);
void pango_layout_set_height(PangoLayout *layout, int height);
void pango_layout_set_wrap(PangoLayout *layout, int wrap);
void pango_layout_set_ellipsize(PangoLayout *layout, int ellipsize);
void pango_layout_set_alignment(PangoLayout *layout, int alignment);
void pango_layout_get_size(PangoLayout *layout, int *width, int *height);
int pango_layout_get_unknown_glyphs_count(PangoLayout *layout);
typedef struct _cairo_font_options cairo_font_options_t;
typedef struct _PangoContext PangoContext;
typedef struct _PangoAttribute PangoAttribute;
typedef struct _PangoAttrList PangoAttrList;
cairo_font_options_t *cairo_font_options_create(void);
void cairo_font_options_set_hint_style(cairo_font_options_t *options, int style);
void cairo_font_options_set_hint_metrics(cairo_font_options_t *options, int metrics);
void cairo_font_options_destroy(cairo_font_options_t *options);
PangoContext *pango_layout_get_context(PangoLayout *layout);
void pango_cairo_context_set_font_options(PangoContext *context, const cairo_font_options_t *options);
void pango_context_set_round_glyph_positions(PangoContext *context, int is_rounded);
void pango_layout_context_changed(PangoLayout *layout);
PangoAttrList *pango_attr_list_new(void);
PangoAttribute *pango_attr_insert_hyphens_new(int inserts);
void pango_attr_list_insert(PangoAttrList *list, PangoAttribute *attribute);
void pango_attr_list_unref(PangoAttrList *list);
void pango_layout_set_attributes(PangoLayout *layout, PangoAttrList *list);
void g_object_unref(void *object);
"""
_LIBRARIES = ("libcairo.so.2", "libpango-1.0.so.0", "libpangocairo-1.0.so.0", "libgobject-2.0.so.0")
_FAMILIES = b"DejaVu Sans, IPAexGothic, Sans"  # after them, whatever has the character
_UNIT = 1024  # PANGO_SCALE
_WORD_CHAR, _AT_END = 2, 3
_NO_HINTS = 1
_TITLE, _AUTHOR = 0, 1
_MM = 72 / 25.4
BLACK, GREY = (0, 0, 0), (0.45, 0.45, 0.45)


@functools.cache
def _loaded():
    """Return (FFI, a function that gives a C function by its name)."""
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    try:
        cairo, pango, pangocairo, gobject = [ffi.dlopen(name) for name in _LIBRARIES]
    except OSError as error:
        raise MediaError(f"labels cannot be drawn here, Pango is not installed: apt-get install {PACKAGES}") from error

    def call(name, *arguments):
        library = cairo if name.startswith("cairo_") else pangocairo if name.startswith("pango_cairo_") else pango
        return getattr(gobject if name.startswith("g_") else library, name)(*arguments)

    return ffi, call


class Paper:
    """A PDF on its way to the file `path`; a context manager, which ends it. unknown: characters without a font."""

    def __init__(self, path, width, height, title):
        self._ffi, self._call = _loaded()
        self._path = path
        self.unknown = 0
        self._surface = self._call("cairo_pdf_surface_create", path.encode(), width * _MM, height * _MM)
        self._call("cairo_pdf_surface_set_metadata", self._surface, _TITLE, title.encode())
        self._page = self._call("cairo_create", self._surface)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._call("cairo_destroy", self._page)
        self._call("cairo_surface_finish", self._surface)
        status = self._call("cairo_surface_status", self._surface)
        self._call("cairo_surface_destroy", self._surface)
        if status and kind is None:
            raise MediaError(f"{self._path} cannot be written: see to the room there, and who may write")

    def next_page(self):
        """Begin another page."""
        self._call("cairo_show_page", self._page)

    def _layout(self, words, size, width, align):
        layout = self._ffi.gc(
            self._call("pango_cairo_create_layout", self._page), lambda made: self._call("g_object_unref", made)
        )
        self._let_lie(layout)
        font = self._call("pango_font_description_from_string", _FAMILIES)
        self._call("pango_font_description_set_absolute_size", font, size * _UNIT)
        self._call("pango_layout_set_font_description", layout, font)
        self._call("pango_font_description_free", font)
        octets = words.encode("utf-8", "replace")
        self._call("pango_layout_set_text", layout, octets, len(octets))
        self._call("pango_layout_set_width", layout, round(width * _MM * _UNIT))
        self._call("pango_layout_set_wrap", layout, _WORD_CHAR)
        self._call("pango_layout_set_alignment", layout, align)
        return layout

    def _let_lie(self, layout):
        """Put letters where the font has them, not on a screen's grid; add no hyphens, which would change an ID."""
        context = self._call("pango_layout_get_context", layout)
        options = self._call("cairo_font_options_create")
        self._call("cairo_font_options_set_hint_style", options, _NO_HINTS)
        self._call("cairo_font_options_set_hint_metrics", options, _NO_HINTS)
        self._call("pango_cairo_context_set_font_options", context, options)
        self._call("cairo_font_options_destroy", options)
        self._call("pango_context_set_round_glyph_positions", context, 0)
        self._call("pango_layout_context_changed", layout)
        attributes = self._call("pango_attr_list_new")
        self._call("pango_attr_list_insert", attributes, self._call("pango_attr_insert_hyphens_new", 0))
        self._call("pango_layout_set_attributes", layout, attributes)
        self._call("pango_attr_list_unref", attributes)

    def _height(self, layout):
        width, height = self._ffi.new("int *"), self._ffi.new("int *")
        self._call("pango_layout_get_size", layout, width, height)
        return height[0] / _UNIT / _MM

    def height(self, words, size, width):
        """Return how high these words would be."""
        return self._height(self._layout(words, size, width, LEFT))

    def write(self, words, x, y, width, size, height=None, align=LEFT, colour=BLACK):
        """Write words into a box; return how high they are. Where it is not high enough they end in an ellipsis."""
        layout = self._layout(words, size, width, align)
        if height is not None and self._height(layout) > height:
            self._call("pango_layout_set_height", layout, round(height * _MM * _UNIT))
            self._call("pango_layout_set_ellipsize", layout, _AT_END)
        self.unknown += self._call("pango_layout_get_unknown_glyphs_count", layout)
        self._call("cairo_set_source_rgb", self._page, *colour)
        self._call("cairo_move_to", self._page, x * _MM, y * _MM)
        self._call("pango_cairo_show_layout", self._page, layout)
        return self._height(layout)

    def fit(self, words, x, y, width, height, sizes, align=CENTRE):
        """Write words into a box in the largest of these sizes that they fit in; return how high they are."""
        size = next((size for size in sizes if self.height(words, size, width) <= height), sizes[-1])
        return self.write(words, x, y, width, size, height, align)

    def circle(self, x, y, radius):
        """Draw a hairline circle."""
        self._call("cairo_new_path", self._page)
        self._call("cairo_arc", self._page, x * _MM, y * _MM, radius * _MM, 0, 6.283185307179586)
        self._hairline()

    def line(self, x, y, to_x, to_y):
        """Draw a hairline."""
        self._call("cairo_move_to", self._page, x * _MM, y * _MM)
        self._call("cairo_line_to", self._page, to_x * _MM, to_y * _MM)
        self._hairline()

    def _hairline(self):
        self._call("cairo_set_source_rgb", self._page, *GREY)
        self._call("cairo_set_line_width", self._page, 0.25)
        self._call("cairo_stroke", self._page)

    def squares(self, rows, x, y, width):
        """Fill the squares of a matrix, an iterable of rows of truth values, that is so wide altogether."""
        rows = [list(row) for row in rows]
        side = width * _MM / len(rows)
        self._call("cairo_set_source_rgb", self._page, *BLACK)
        for down, row in enumerate(rows):
            for right, is_dark in enumerate(row):
                if is_dark:
                    self._call("cairo_rectangle", self._page, x * _MM + right * side, y * _MM + down * side, side, side)
        self._call("cairo_fill", self._page)
