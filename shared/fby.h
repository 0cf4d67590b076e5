/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file of forebay sees first: the standard types, a handful of
 * macros, and the functions that nobody may call.
 */
#ifndef FBY_FBY_H
#define FBY_FBY_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared/base/bug.h"

#ifndef FBY_VERSION
#define FBY_VERSION "0.1.0"
#endif

#define FBY_CACHELINE 64

#define FBY_NELEM(a) (sizeof(a) / sizeof((a)[0]))
#define FBY_MIN(a, b) ((a) < (b) ? (a) : (b))
#define FBY_MAX(a, b) ((a) > (b) ? (a) : (b))

#define FBY_MUSTCHECK __attribute__((warn_unused_result))
#define FBY_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define FBY_NORETURN __attribute__((noreturn))
#define FBY_UNUSED __attribute__((unused))

/* An unknown time or offset; Kafka's own invalid offsets are negative, too. */
#define FBY_NONE INT64_C(-1)

/* What an asynchronous stage answers. */
enum fby_rc {
	FBY_OK,    /* taken; completion is reported later */
	FBY_AGAIN, /* no room now; try again after it says so */
	FBY_DONE,  /* taken and complete already */
	FBY_FAIL,  /* refused */
};

/*
 * Unbounded, static-buffer or locale-bound: there is a better one for each.
 * All headers that declare them are included above.  (To clang they are
 * macros of glibc's by now, which would use what is forbidden here.)
 */
#ifndef __clang__
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gmtime localtime
#endif

#endif
