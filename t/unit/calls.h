/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in for a module writes down, in order, that it was called; a test
 * compares.
 */
#ifndef FBY_UNIT_CALLS_H
#define FBY_UNIT_CALLS_H

#include "t/unit/unit.h"

#include <stdio.h>

static char calls[4096];

FBY_PRINTF(1, 2) FBY_UNUSED static void note(const char *fmt, ...)
{
	size_t len = strlen(calls);
	va_list ap;

	va_start(ap, fmt);
	if (len > 0)
		len += (size_t)snprintf(calls + len, sizeof(calls) - len, " ");
	vsnprintf(calls + len, sizeof(calls) - len, fmt, ap);
	va_end(ap);
}

/* What was called since the last time. */
FBY_UNUSED static void
assert_calls(const char *expected)
{
	assert_string_equal(calls, expected);
	*calls = '\0';
}

#endif
