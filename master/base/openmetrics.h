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

enum fby_om_type {
	FBY_OM_COUNTER,
	FBY_OM_GAUGE,
	FBY_OM_HISTOGRAM,
	FBY_OM_INFO,
	FBY_OM_STATESET
};

struct fby_om_family {
	const char *name;
	enum fby_om_type type;
	const char *unit; /* NULL: a bare number */
	const char *help; /* one sentence */
};

const char *fby_om_type_name(enum fby_om_type type);
const char *fby_om_suffix(enum fby_om_type type); /* of its sample */

/* Appends `name="value"`, with a comma if there is something before it. */
void fby_om_label(struct fby_str *labels, const char *name, const char *value);

void fby_om_head(struct fby_str *s, const struct fby_om_family *f);

/* `labels` as made above, may be "". */
void fby_om_sample(struct fby_str *s, const struct fby_om_family *f,
    const char *labels, double value);

/* One of a set of states: 1 for `now`, 0 for the others. */
void fby_om_states(struct fby_str *s, const struct fby_om_family *f,
    const char *labels, const char *const *states, size_t n, size_t now);

/* n bounds, n + 1 buckets, which are not cumulative. */
void fby_om_histogram(struct fby_str *s, const struct fby_om_family *f,
    const char *labels, const double *bounds, size_t n, const uint64_t *buckets,
    double sum);

void fby_om_end(struct fby_str *s);

/* ---- reading ---------------------------------------------------------- */

/* A sample of somebody else's; all of it lies in the text. */
struct fby_om_reading {
	const char *name, *labels; /* without the braces */
	size_t name_len, labels_len;
	double value;
};

/*
 * The next sample from *p on, which moves behind it.  1: there is one, 0: the
 * end, "# EOF", has come; -1: there is no end, or what is no sample.
 */
int fby_om_read(const char **p, const char *end, struct fby_om_reading *r);

/* Heap; NULL: the sample has no such label. */
char *fby_om_read_label(const struct fby_om_reading *r, const char *name);

/* ---- numbers ---------------------------------------------------------- */

/* As a Go program writes it, "1e+06", which readers of `le` insist on. */
#define FBY_OM_NUMBER 32
const char *fby_om_bound(double bound, char buf[FBY_OM_NUMBER]);

#endif
