/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in columns; see table.h.
 */
#include "shared/fby.h"

#include "master/cli/table.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"

#define GAP 2

struct cell {
	char *text;
	const char *sgr; /* NULL: as it is */
};

struct fby_table {
	const struct fby_column *columns;
	size_t ncolumns;
	struct cell *cells;
	size_t n, cap;
};

struct fby_table *
fby_table_new(const struct fby_column *columns, size_t n)
{
	struct fby_table *t = fby_calloc(1, sizeof(*t));

	t->columns = columns;
	t->ncolumns = n;
	return t;
}

void
fby_table_free(struct fby_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

void
fby_table_cell(struct fby_table *t, const char *text)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->cells = fby_realloc(t->cells, t->cap * sizeof(*t->cells));
	}
	t->cells[t->n++] = (struct cell){ .text = fby_strdup(text) };
}

void
fby_table_color(struct fby_table *t, const char *sgr)
{
	t->cells[t->n - 1].sgr = sgr;
}

/* One column for each character; what we print has no wider ones. */
size_t
fby_table_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void
measure(const struct fby_table *t, size_t *widths)
{
	for (size_t c = 0; c < t->ncolumns; c++)
		widths[c] = fby_table_width(t->columns[c].title);
	for (size_t i = 0; i < t->n; i++) {
		size_t *w = &widths[i % t->ncolumns];

		*w = FBY_MAX(*w, fby_table_width(t->cells[i].text));
	}
}

/* Leave out columns, the highest rank first, until the rest fits. */
static void
choose(const struct fby_table *t, const size_t *widths, size_t limit,
    bool *shown)
{
	for (size_t c = 0; c < t->ncolumns; c++)
		shown[c] = true;
	for (;;) {
		size_t total = 0, worst = t->ncolumns;

		for (size_t c = 0; c < t->ncolumns; c++) {
			if (!shown[c])
				continue;
			total += widths[c] + (total ? GAP : 0);
			if (t->columns[c].rank > 0 &&
			    (worst == t->ncolumns ||
				t->columns[c].rank >= t->columns[worst].rank))
				worst = c;
		}
		if (limit == 0 || total <= limit || worst == t->ncolumns)
			return;
		shown[worst] = false;
	}
}

static void
put(struct fby_str *s, const char *text, const char *sgr, bool right,
    size_t width)
{
	size_t used = fby_table_width(text);
	int pad = used < width ? (int)(width - used) : 0;

	if (right)
		fby_str_printf(s, "%*s", pad, "");
	if (sgr)
		fby_str_printf(s, "\033[%sm%s\033[0m", sgr, text);
	else
		fby_str_puts(s, text);
	fby_str_printf(s, "%*s", (right ? 0 : pad) + GAP, "");
}

static void
line(const struct fby_table *t, struct fby_str *s, const struct cell *cells,
    const size_t *widths, const bool *shown, bool color)
{
	for (size_t c = 0; c < t->ncolumns; c++) {
		const struct fby_column *col = &t->columns[c];

		if (!shown[c])
			continue;
		if (cells)
			put(s, cells[c].text, color ? cells[c].sgr : NULL,
			    col->right, widths[c]);
		else
			put(s, col->title, color ? "1" : NULL, col->right,
			    widths[c]);
	}
	/* Nothing is at the end of a line but its text. */
	while (s->len > 0 && s->p[s->len - 1] == ' ')
		s->p[--s->len] = '\0';
	fby_str_puts(s, "\n");
}

void
fby_table_write(const struct fby_table *t, struct fby_str *s, int width,
    bool color)
{
	size_t *widths = fby_calloc(t->ncolumns, sizeof(*widths));
	bool *shown = fby_calloc(t->ncolumns, sizeof(*shown));

	measure(t, widths);
	choose(t, widths, width > 0 ? (size_t)width : 0, shown);
	line(t, s, NULL, widths, shown, color);
	for (size_t i = 0; i + t->ncolumns <= t->n; i += t->ncolumns)
		line(t, s, &t->cells[i], widths, shown, color);
	free(widths);
	free(shown);
}
