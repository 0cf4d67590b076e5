/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities as people like to read them, in a few characters.
 */
#ifndef FBY_FORMAT_H
#define FBY_FORMAT_H

#include "shared/fby.h"

#define FBY_FORMAT 48

/* "0.4", "12", "1.2k", "345M". */
const char *fby_format_count(double n, char buf[FBY_FORMAT]);

/* "512B", "1.5K", "64M", in powers of 1024. */
const char *fby_format_bytes(double n, char buf[FBY_FORMAT]);

/* "7ms", "3.2s", "4m05s", "2h10m", "3d07h". */
const char *fby_format_age(int64_t ms, char buf[FBY_FORMAT]);

/*
 * An event time and how far it is behind now: "20:35:00.123 2.1s ago", with
 * its date instead of the milliseconds if that is not today (UTC).
 */
const char *fby_format_watermark(int64_t wm, int64_t now, char buf[FBY_FORMAT]);

#endif
