/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text format of OpenMetrics 1.0, and nothing of what is measured:
 * families with their metadata, samples, labels.
 *
 * All samples of a family follow its head at once; a counter's family has no
 * _total, its sample has; a unit is the last word of the family's name.
 */
#ifndef FBY_OPENMETRICS_H
#define FBY_OPENMETRICS_H

#include "shared/fby.h"

struct fby_str;

enum fby_openmetrics_type {
	FBY_OPENMETRICS_COUNTER,
	FBY_OPENMETRICS_GAUGE,
	FBY_OPENMETRICS_HISTOGRAM,
	FBY_OPENMETRICS_INFO,
	FBY_OPENMETRICS_STATESET
};

struct fby_openmetrics_family {
	const char *name;
	enum fby_openmetrics_type type;
	const char *unit; /* NULL: a bare number */
	const char *help; /* one sentence */
};

const char *fby_openmetrics_type_name(enum fby_openmetrics_type type);
const char *fby_openmetrics_suffix(
    enum fby_openmetrics_type type); /* of its sample */

/* Appends `name="value"`, with a comma if there is something before it. */
void fby_openmetrics_label(struct fby_str *labels, const char *name,
    const char *value);

void fby_openmetrics_head(struct fby_str *s,
    const struct fby_openmetrics_family *f);

/* `labels` as made above, may be "". */
void fby_openmetrics_sample(struct fby_str *s,
    const struct fby_openmetrics_family *f, const char *labels, double value);

/* One of a set of states: 1 for `now`, 0 for the others. */
void fby_openmetrics_states(struct fby_str *s,
    const struct fby_openmetrics_family *f, const char *labels,
    const char *const *states, size_t n, size_t now);

/* n bounds, n + 1 buckets, which are not cumulative. */
void fby_openmetrics_histogram(struct fby_str *s,
    const struct fby_openmetrics_family *f, const char *labels,
    const double *bounds, size_t n, const uint64_t *buckets, double sum);

void fby_openmetrics_end(struct fby_str *s);

/* ---- reading ---------------------------------------------------------- */

/* A sample of somebody else's; all of it lies in the text. */
struct fby_openmetrics_reading {
	const char *name, *labels; /* without the braces */
	size_t name_len, labels_len;
	double value;
};

/*
 * The next sample from *p on, which moves behind it.  1: there is one, 0: the
 * end, "# EOF", has come; -1: there is no end, or what is no sample.
 */
int fby_openmetrics_read(const char **p, const char *end,
    struct fby_openmetrics_reading *r);

/* Heap; NULL: the sample has no such label. */
char *fby_openmetrics_read_label(const struct fby_openmetrics_reading *r,
    const char *name);

/* ---- numbers ---------------------------------------------------------- */

/* As a Go program writes it, "1e+06", which readers of `le` insist on. */
#define FBY_OPENMETRICS_NUMBER 32
const char *fby_openmetrics_bound(double bound,
    char buf[FBY_OPENMETRICS_NUMBER]);

#endif
