/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities; see privileges.h.
 */
#include "shared/fby.h"

#include "shared/base/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void
fby_privileges_bound(uint64_t keep)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (keep & UINT64_C(1) << cap)
			continue;
		/* EINVAL: the kernel has no more of them; EPERM: we may not. */
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			break;
	}
}

/*
 * Without the bounding set root gets nothing by exec(2); without the privilege
 * to take from it, what is there to be got is what no_new_privs keeps away.
 */
int
fby_privileges_limit(uint64_t keep)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct now[2];

	if (syscall(SYS_capget, &head, now) == -1)
		return -1;
	for (size_t i = 0; i < FBY_NELEM(now); i++) {
		uint32_t mask = (uint32_t)(keep >> 32 * i);

		now[i].permitted &= mask;
		now[i].effective &= mask;
		now[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, now) == -1 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ?
	    -1 :
	    0;
}
