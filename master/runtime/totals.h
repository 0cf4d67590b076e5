/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another runtime has counted: Numaflow's counters, read from its
 * /metrics again and again and added up, so that they go on counting when the
 * process behind them is another one, or gone.  Pure.
 */
#ifndef FBY_TOTALS_H
#define FBY_TOTALS_H

#include "shared/fby.h"

#define FBY_TOTALS(T)                                           \
	T(READ, "monovtx_read")                                 \
	T(READ_BYTES, "monovtx_read_bytes")                     \
	T(ACK, "monovtx_ack")                                   \
	T(SINK_WRITE, "monovtx_sink_write")                     \
	T(SINK_WRITE_ERRORS, "monovtx_sink_write_errors")       \
	T(SINK_DROPPED, "monovtx_sink_dropped")                 \
	T(NACK, "monovtx_nack")                                 \
	T(DROPPED, "monovtx_dropped")                           \
	T(CRITICAL_ERROR, "monovtx_critical_error")             \
	T(FALLBACK_SINK_WRITE, "monovtx_fallback_sink_write")   \
	T(ONSUCCESS_SINK_WRITE, "monovtx_onsuccess_sink_write") \
	T(TRANSFORMER_DROPPED, "monovtx_transformer_dropped")   \
	T(UDF_ERROR, "monovtx_udf_error")                       \
	T(UDF_DROP, "monovtx_udf_drop")

enum fby_total {
#define T(name, family) FBY_TOTAL_##name,
	FBY_TOTALS(T)
#undef T
	    FBY_TOTAL_N
};

/* One series. */
struct fby_totals_item {
	enum fby_total what;
	char *labels;    /* as they were written */
	char *partition; /* source_partition; NULL: has none */
	double last;     /* what it was, of the process that runs */
	double total;    /* of all */
};

/* A zeroed one is empty. */
struct fby_totals {
	struct fby_totals_item *items;
	size_t n, at; /* at: where the next sample probably belongs */
};

void fby_totals_fini(struct fby_totals *t);

/* An exposition.  -1: it is none, or torn; nothing of it is taken. */
int fby_totals_take(struct fby_totals *t, const char *text,
    size_t len) FBY_MUSTCHECK;

/* Another process answers from here on: it counts from 0. */
void fby_totals_restart(struct fby_totals *t);

/* Of all series. */
double fby_totals_sum(const struct fby_totals *t, enum fby_total what);

/*
 * What was read of one partition; is_in[i] is set for the items that it is
 * made of.
 */
double fby_totals_read_of(const struct fby_totals *t, const char *partition,
    bool *is_in);

#endif
