/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of JSON as cells of a table; see cell.h.
 */
#include "shared/fby.h"

#include "master/cli/cell.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/cli/screen.h"

#define MAX_COLUMNS 24
#define SECONDS_MAX 1e12

/* ---- reading the JSON ------------------------------------------------- */

const char *
fby_cell_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

bool
fby_cell_is_null(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return v == NULL || json_is_null(v);
}

bool
fby_cell_is_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

bool
fby_cell_is_false(const json_t *o, const char *key)
{
	return json_is_false(json_object_get(o, key));
}

int64_t
fby_cell_number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

const char *
fby_cell_show(const json_t *o, const char *key, enum fby_cell_kind kind,
    int64_t now, char buf[FBY_FORMAT])
{
	double x = json_number_value(json_object_get(o, key));
	int64_t n = fby_cell_number(o, key);

	if (fby_cell_is_null(o, key))
		return "-";
	switch (kind) {
	case FBY_CELL_TEXT:
		return fby_cell_text(o, key);
	case FBY_CELL_EXACT:
		snprintf(buf, FBY_FORMAT, "%" PRId64, n);
		return buf;
	case FBY_CELL_COUNT:
		return fby_format_count(x, buf);
	case FBY_CELL_BYTES:
		return fby_format_bytes(x, buf);
	case FBY_CELL_FRACTION:
		snprintf(buf, FBY_FORMAT, "%.3g", x);
		return buf;
	case FBY_CELL_AGE:
		return fby_format_age(n, buf);
	case FBY_CELL_SECONDS:
		/* NAN is none of these, and JSON has none. */
		x = FBY_MIN(FBY_MAX(x, 0), SECONDS_MAX);
		return fby_format_age((int64_t)(x * 1000), buf);
	case FBY_CELL_WATERMARK:
		return fby_format_watermark(n, now, buf);
	case FBY_CELL_INSTANT:
		return fby_clock_text(n, buf);
	}
	return "?";
}

/* ---- texts of others -------------------------------------------------- */

/* What a terminal would act on is escaped; the ends of lines stay. */
static void
make_printable_text(json_t *v)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printable_lines(&s, json_string_value(v));
	json_string_set(v, s.p);
	fby_str_fini(&s);
}

static void
make_printable(json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(v))
		make_printable_text(v);
	json_object_foreach(v, key, item) make_printable(item);
	json_array_foreach(v, i, item) make_printable(item);
}

json_t *
fby_cell_printable(const json_t *o)
{
	json_t *copy = json_deep_copy(o);

	if (copy == NULL)
		fby_mem_fatal();
	make_printable(copy);
	return copy;
}

/* ---- a table ---------------------------------------------------------- */

void
fby_cell_color(struct fby_str *s, const struct fby_screen *r, const char *sgr,
    const char *what)
{
	if (r->color)
		fby_str_printf(s, "\033[%sm%s\033[0m", sgr, what);
	else
		fby_str_puts(s, what);
}

static void
row(struct fby_table *t, const json_t *o, const struct fby_cell *columns,
    size_t n, const struct fby_screen *r, fby_cell_sgr sgr)
{
	for (size_t c = 0; c < n; c++) {
		const char *key = columns[c].key;
		char buf[FBY_FORMAT];

		fby_table_cell(t,
		    fby_cell_show(o, key, columns[c].kind, r->now, buf));
		if (sgr)
			fby_table_color(t, sgr(o, key));
	}
}

void
fby_cell_table(struct fby_str *s, const json_t *list,
    const struct fby_screen *r, const struct fby_cell *columns, size_t n,
    fby_cell_sgr sgr)
{
	struct fby_column cols[MAX_COLUMNS];
	struct fby_table *t;

	if (json_array_size(list) == 0)
		return;
	FBY_BUG_ON(n > MAX_COLUMNS);
	for (size_t c = 0; c < n; c++)
		cols[c] = columns[c].col;
	t = fby_table_new(cols, n);
	for (size_t i = 0; i < json_array_size(list); i++)
		row(t, json_array_get(list, i), columns, n, r, sgr);
	fby_str_puts(s, "\n");
	fby_table_write(t, s, r->width, r->color);
	fby_table_free(t);
}
