/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many file descriptors this process may have; see descriptors.h.
 */
#include "shared/fby.h"

#include "shared/base/descriptors.h"

#include <sys/resource.h>

int
fby_descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -1;
	if (limit.rlim_cur == limit.rlim_max)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit);
}
