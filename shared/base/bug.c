/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions that stay on in production; see bug.h.
 */
#include "shared/fby.h"

#include "shared/base/log.h"

static uint64_t counted;

void
fby_bug_abort(const char *file, int line, const char *cond)
{
	fby_crit("bug: %s:%d: %s", file, line, cond);
	abort();
}

bool
fby_bug_count(const char *file, int line, const char *cond)
{
	if (counted++ == 0)
		fby_warn("survived: %s:%d: %s (further ones are only "
			 "counted)",
		    file, line, cond);
	return true;
}

uint64_t
fby_bug_counted(void)
{
	return counted;
}
