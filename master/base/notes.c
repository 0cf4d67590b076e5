/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes on a manifest; see notes.h.
 */
#include "shared/fby.h"

#include "master/base/notes.h"

#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

static void
each_line(const struct fby_manifest *m, void (*say)(const char *line, int len))
{
	char *text = fby_err_text(m->notes);

	for (const char *p = text; *p;) {
		const int len = (int)strcspn(p, "\n");

		say(p, len);
		p += len + (p[len] == '\n');
	}
	free(text);
}

static void
print_line(const char *line, int len)
{
	fprintf(stderr, "note: %.*s\n", len, line);
}

static void
log_line(const char *line, int len)
{
	fby_notice("manifest: %.*s", len, line);
}

void
fby_notes_print(const struct fby_manifest *m)
{
	each_line(m, print_line);
}

void
fby_notes_log(const struct fby_manifest *m)
{
	each_line(m, log_line);
}
