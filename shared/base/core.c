/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No core files; see core.h.
 */
#include "shared/fby.h"

#include "shared/base/core.h"

#include <sys/resource.h>

void
fby_core_forbid(void)
{
	/*
	 * With 0 there is no file, but a program that core_pattern pipes to
	 * still gets it all.  1 is what that program has itself, so the kernel
	 * starts none; and a file has more than one byte, so there is none.
	 */
	const struct rlimit one = { 1, 1 }, none = { 0, 0 };

	if (getenv(FBY_CORE_ENV))
		return;
	if (setrlimit(RLIMIT_CORE, &one) == -1 &&
	    setrlimit(RLIMIT_CORE, &none) == -1)
		abort(); /* Less than there is can always be set. */
}
