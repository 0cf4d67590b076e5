/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities as operators write them: durations as Go's time.ParseDuration
 * reads them, sizes in bytes, sets of CPUs; and base-10 numbers.
 *
 * A reader returns NULL, or what is wrong with the text, as a phrase that
 * goes on after "found …, ": static, never freed.
 */
#ifndef FBY_UNITS_H
#define FBY_UNITS_H

#include "shared/fby.h"

struct fby_pool;
struct fby_strings;

#define FBY_UNITS_CPUS_MAX 1024

/*
 * "1m30s", "1.5h", "-2ms", "0"; ns us µs ms s m h.  Milliseconds come out;
 * what is finer is rounded away from zero, so that 100us is not 0.
 */
const char *fby_units_duration(const char *text, int64_t *ms);

/* "64MiB", "1GB", "4096"; the i makes it powers of 1024, B may be left out. */
const char *fby_units_bytes(const char *text, int64_t *bytes);

const char *fby_units_int(const char *text, int64_t *n);
const char *fby_units_num(const char *text, double *x);

/* Sets used[i] for "3", "4-7", "0-3,8". */
const char *fby_units_cpus(const char *text, bool used[FBY_UNITS_CPUS_MAX]);

/* The shortest exact way to write it: "1m30s", "500ms", "0s"; "64MiB". */
char *fby_units_duration_text(struct fby_pool *pool, int64_t ms);
char *fby_units_bytes_text(struct fby_pool *pool, int64_t bytes);

/*
 * An offset for a sentence: its digits, or `none` if it is FBY_NONE or another
 * that no record has.  Returns buf or none.
 */
#define FBY_UNITS_OFFSET 24
const char *fby_units_offset_text(char buf[FBY_UNITS_OFFSET], int64_t offset,
    const char *none);

#endif
