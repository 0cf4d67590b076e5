/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which forebay this is, and which libraries it runs with.
 */
#ifndef FBY_VERSION_H
#define FBY_VERSION_H

#include "shared/fby.h"

struct fby_version {
	const char *name, *text;
};

/* The programs and libraries; ends without a name.  Static. */
const struct fby_version *fby_version_list(void);

#endif
