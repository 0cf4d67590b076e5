/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process titles on Linux: /proc/PID/cmdline is the memory between the start
 * of argv and the end of the environment strings, so write there.
 */
#include "shared/fby.h"

#include "shared/base/title.h"

#include <stdarg.h>
#include <sys/prctl.h>

#include "shared/base/mem.h"

extern char **environ;

static char *area;
static size_t area_size;

void
fby_title_init(int argc, char **argv)
{
	char *end = argv[0] + strlen(argv[0]) + 1;
	char **moved;
	size_t n = 0;

	for (int i = 1; i < argc; i++)
		if (argv[i] == end)
			end += strlen(argv[i]) + 1;
	while (environ[n])
		n++;
	moved = fby_calloc(n + 1, sizeof(*moved));
	for (size_t i = 0; i < n; i++) {
		if (environ[i] == end)
			end += strlen(environ[i]) + 1;
		moved[i] = fby_strdup(environ[i]);
	}
	area = argv[0];
	area_size = (size_t)(end - area);
	for (int i = 0; i < argc; i++)
		argv[i] = fby_strdup(argv[i]);
	environ = moved;
}

void
fby_title_set(const char *fmt, ...)
{
	va_list ap;
	int n;

	if (area_size < 2)
		return;
	va_start(ap, fmt);
	n = vsnprintf(area, area_size, fmt, ap);
	va_end(ap);
	n = FBY_MIN(FBY_MAX(n, 0), (int)area_size - 1);
	memset(area + n, 0, area_size - (size_t)n);
	prctl(PR_SET_NAME, area, 0, 0, 0);
}
