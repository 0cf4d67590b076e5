/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output as a place for records; see stdout.h.
 */
#include "shared/fby.h"

#include "master/base/stdout.h"

#include <unistd.h>

#include "shared/base/err.h"
#include "shared/base/stdfd.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

int
fby_stdout_try(const struct fby_manifest *m, struct fby_err *err)
{
	int rc = 0;

	if (fby_stdfd_is_writable(STDOUT_FILENO))
		return 0;
	for (int i = 0; i < FBY_SINK_N; i++) {
		const char *at = fby_manifest_sink_path((enum fby_sink_role)i);
		char *path;

		if (!m->sinks[i].present || !m->sinks[i].log)
			continue;
		path = fby_asprintf("%s.log", at);
		fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: it writes to standard output, and forebay was started "
		    "without one that can be written",
		    path);
		free(path);
		rc = -1;
	}
	return rc;
}
