/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of another runtime; see totals.h.
 */
#include "shared/fby.h"

#include "master/runtime/totals.h"

#include "shared/base/mem.h"

#include "master/base/openmetrics.h"

#define COUNT_MAX 1e18   /* nobody has counted so far */
#define SERIES_MAX 65536 /* no partition number goes further */

static const char *const families[] = {
#define T(name, family) family "_total",
	FBY_TOTALS(T)
#undef T
};

void
fby_totals_fini(struct fby_totals *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->items[i].labels);
		free(t->items[i].partition);
	}
	free(t->items);
	*t = (struct fby_totals){ 0 };
}

void
fby_totals_restart(struct fby_totals *t)
{
	for (size_t i = 0; i < t->n; i++)
		t->items[i].last = 0;
}

double
fby_totals_sum(const struct fby_totals *t, enum fby_total what)
{
	double sum = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].what == what)
			sum += t->items[i].total;
	return sum;
}

double
fby_totals_read_of(const struct fby_totals *t, const char *partition,
    bool *is_in)
{
	double sum = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct fby_totals_item *it = &t->items[i];

		if (it->what != FBY_TOTAL_READ || it->partition == NULL ||
		    strcmp(it->partition, partition) != 0)
			continue;
		sum += it->total;
		is_in[i] = true;
	}
	return sum;
}

/* NULL: there are too many already. */
static struct fby_totals_item *
find_item(struct fby_totals *t, enum fby_total what,
    const struct fby_openmetrics_reading *r)
{
	struct fby_totals_item *it;

	/* They come in the same order each time. */
	for (size_t i = 0; i < t->n; i++) {
		it = &t->items[(t->at + i) % t->n];
		if (it->what == what && strlen(it->labels) == r->labels_len &&
		    memcmp(it->labels, r->labels, r->labels_len) == 0) {
			t->at = (size_t)(it - t->items) + 1;
			return it;
		}
	}
	if (t->n >= SERIES_MAX)
		return NULL;
	t->items = fby_realloc(t->items, (t->n + 1) * sizeof(*t->items));
	it = &t->items[t->n++];
	*it = (struct fby_totals_item){
		.what = what,
		.labels = fby_strndup(r->labels, r->labels_len),
		.partition = fby_openmetrics_read_label(r, "source_partition"),
	};
	return it;
}

static void
take(struct fby_totals *t, const struct fby_openmetrics_reading *r)
{
	struct fby_totals_item *it;
	size_t what = 0;

	while (what < FBY_TOTAL_N &&
	    (strlen(families[what]) != r->name_len ||
		memcmp(families[what], r->name, r->name_len) != 0))
		what++;
	if (what == FBY_TOTAL_N || !(r->value >= 0 && r->value < COUNT_MAX) ||
	    (it = find_item(t, (enum fby_total)what, r)) == NULL)
		return;
	/* Less than before: somebody else counts now, from 0. */
	it->total += r->value >= it->last ? r->value - it->last : r->value;
	it->last = r->value;
}

int
fby_totals_take(struct fby_totals *t, const char *text, size_t len)
{
	struct fby_openmetrics_reading r;
	const char *p;
	int rc;

	/* Once to see that all of it is there, once to believe it. */
	for (p = text; (rc = fby_openmetrics_read(&p, text + len, &r)) == 1;)
		;
	if (rc == -1)
		return -1;
	for (p = text; fby_openmetrics_read(&p, text + len, &r) == 1;)
		take(t, &r);
	return 0;
}
