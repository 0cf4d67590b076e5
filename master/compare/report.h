/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runs have shown: least, median and most of each figure, as a
 * table and as JSON.
 */
#ifndef FBY_COMPARE_REPORT_H
#define FBY_COMPARE_REPORT_H

#include "shared/fby.h"

#include <jansson.h>

#include "master/compare/cases.h"

struct fby_compare_stat {
	double min, median, max;
	size_t n; /* runs that have it; 0: the others say nothing */
};

void fby_compare_report_stat(const struct fby_compare *c, size_t kase,
    size_t runtime, enum fby_compare_metric metric,
    struct fby_compare_stat *st);

/* Does any runtime have it? */
bool fby_compare_report_has(const struct fby_compare *c, size_t kase,
    enum fby_compare_metric metric);

const char *fby_compare_report_title(enum fby_compare_metric metric);

#define FBY_COMPARE_TEXT 96

/* "1.2M", "35MiB", "0.42": without unit where the title says it. */
const char *fby_compare_report_value(enum fby_compare_metric metric, double x,
    char buf[FBY_COMPARE_TEXT]);

/* "batches of 500, records of 100 bytes". */
const char *fby_compare_report_case(const struct fby_compare *c, size_t kase,
    char buf[FBY_COMPARE_TEXT]);

/* Kernel, processor and number of CPUs. */
const char *fby_compare_report_machine(char buf[FBY_COMPARE_TEXT * 2]);

/* What has to be known to judge the figures; heap, lines, may be "". */
char *fby_compare_report_notes(const struct fby_compare *c);

char *fby_compare_report_text(const struct fby_compare *c, int width,
    bool color);
json_t *fby_compare_report_json(const struct fby_compare *c);

#endif
