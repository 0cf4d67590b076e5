/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's mistakes, collected; see err.h.
 */
#include "shared/fby.h"

#include "shared/base/err.h"

#include <stdarg.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

void
fby_err_init(struct fby_err *err)
{
	memset(err, 0, sizeof(*err));
}

void
fby_err_fini(struct fby_err *err)
{
	for (size_t i = 0; i < err->n; i++)
		free(err->items[i].text);
	fby_err_init(err);
}

int
fby_err_add(struct fby_err *err, struct fby_pos pos, const char *fmt, ...)
{
	struct fby_err_item *item;
	struct fby_str s;
	va_list ap;
	char *text;

	err->total++;
	if (err->n == FBY_ERR_MAX)
		return -1;
	item = &err->items[err->n];
	item->pos = pos;
	item->order = err->n++;
	va_start(ap, fmt);
	text = fby_vasprintf(fmt, ap);
	va_end(ap);
	/* Keys, tags and library texts can hold what a terminal acts on. */
	fby_str_init(&s);
	fby_str_printable(&s, text, strlen(text));
	item->text = fby_str_take(&s);
	free(text);
	return -1;
}

static int
compare(const void *va, const void *vb)
{
	const struct fby_err_item *a = va, *b = vb;

	if (a->file_order != b->file_order)
		return a->file_order < b->file_order ? -1 : 1;
	if (a->pos.line != b->pos.line)
		return a->pos.line < b->pos.line ? -1 : 1;
	if (a->pos.col != b->pos.col)
		return a->pos.col < b->pos.col ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool
same_file(const struct fby_err_item *a, const struct fby_err_item *b)
{
	return a->pos.file == b->pos.file ||
	    (a->pos.file && b->pos.file &&
		strcmp(a->pos.file, b->pos.file) == 0);
}

void
fby_err_sort(struct fby_err *err)
{
	for (size_t i = 0; i < err->n; i++) {
		struct fby_err_item *item = &err->items[i];
		size_t first = 0;

		while (!same_file(&err->items[first], item))
			first++;
		item->file_order = err->items[first].order;
	}
	qsort(err->items, err->n, sizeof(err->items[0]), compare);
}

char *
fby_err_text(struct fby_err *err)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_err_sort(err);
	for (size_t i = 0; i < err->n; i++) {
		const struct fby_err_item *item = &err->items[i];

		if (item->pos.file)
			fby_str_printable(&s, item->pos.file,
			    strlen(item->pos.file));
		if (item->pos.file && item->pos.line > 0)
			fby_str_printf(&s, ":%d:%d", item->pos.line,
			    item->pos.col);
		if (item->pos.file)
			fby_str_puts(&s, ": ");
		fby_str_printf(&s, "%s\n", item->text);
	}
	if (err->total > err->n)
		fby_str_printf(&s, "… and %zu more\n", err->total - err->n);
	return fby_str_take(&s);
}
