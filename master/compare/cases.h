/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is compared: the cases, their runs, and what each run has shown.  The
 * files of `compare` fill it one after the other; compare.h says which.
 */
#ifndef FBY_COMPARE_CASES_H
#define FBY_COMPARE_CASES_H

#include "shared/fby.h"

#include "master/compare/kafka.h"
#include "master/compare/progress.h"

struct fby_manifest;

/* What is measured: name in JSON, title, unit. */
/* clang-format off */
#define FBY_COMPARE_METRICS(M)                                           \
	M(RATE, "recordsPerSecond", "records/s", COUNT)                  \
	M(CPU, "cpuSecondsPerMillion", "CPU s per million records", SECONDS) \
	M(RSS, "peakRssBytes", "peak memory (RSS)", BYTES)               \
	M(THREADS, "threads", "threads", COUNT)                          \
	M(VOLUNTARY, "voluntarySwitchesPerMillion",                      \
	    "voluntary switches per million", COUNT)                     \
	M(INVOLUNTARY, "involuntarySwitchesPerMillion",                  \
	    "involuntary switches per million", COUNT)                   \
	M(FIRST, "firstRecordMs", "first record after, ms", MS)          \
	M(P50, "latencyP50Ms", "latency p50, ms", MS)                    \
	M(P99, "latencyP99Ms", "latency p99, ms", MS)                    \
	M(P999, "latencyP999Ms", "latency p99.9, ms", MS)
/* clang-format on */

enum fby_compare_metric {
#define M(id, key, title, unit) FBY_COMPARE_##id,
	FBY_COMPARE_METRICS(M)
#undef M
	    FBY_COMPARE_METRICS_N
};

struct fby_compare_case {
	bool single;  /* one record at a time */
	int64_t size; /* of our own records; 0: the operator's */
	struct fby_compare_log log;
};

struct fby_compare_sample {
	int64_t ms; /* since the process was started */
	int64_t records;
};

struct fby_compare_run {
	size_t kase, runtime;
	int round; /* from 0 */
	bool done; /* it went well */
	char *why; /* it did not; NULL: it has not been run */
	double value[FBY_COMPARE_METRICS_N]; /* NAN: not measured */
	int64_t records, ms;                 /* committed, and in what time */
	struct fby_compare_sample *samples;
	size_t nsamples, cap;
	double *latency; /* ms, sorted */
	size_t nlatency;
};

struct fby_compare {
	const struct fby_manifest *m;
	const char *libexec; /* may be NULL */
	const char *html;    /* may be NULL */
	bool json, as_is, create;
	int64_t records; /* 0: all that are there */
	int64_t for_ms;  /* 0: no limit */
	int64_t rounds, rate, latency_ms;
	char **runtimes;
	size_t nruntimes;
	struct fby_compare_case *cases;
	size_t ncases;
	struct fby_compare_run *runs; /* in the order of time */
	size_t nruns;
	int groups;    /* made so far */
	char *dir;     /* our own */
	char **topics; /* ours, to be deleted */
	size_t ntopics;
	struct fby_compare_kafka k;
	struct fby_compare_progress progress;
};

#endif
