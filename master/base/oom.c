/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the out-of-memory killer been at work?  See oom.h.
 */
#include "shared/fby.h"

#include "master/base/oom.h"

#include <stdio.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

#define MOMENT_MS 10000

/* The line `name N` of memory.events or vmstat. */
static bool
read_counter(const char *path, uint64_t *count)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "oom_kill %" SCNu64, count) == 1;
	fclose(f);
	return found;
}

/* Heap; NULL: we are in none, in the root, or in one of version 1. */
static char *
cgroup_events(const char *dir)
{
	char *path = fby_asprintf("%s/proc/self/cgroup", dir);
	char line[512], *events = NULL;
	FILE *f = fopen(path, "re");

	free(path);
	if (f == NULL)
		return NULL;
	while (events == NULL && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0)
			events =
			    fby_asprintf("%s/sys/fs/cgroup%s/memory.events",
				dir, line + 3);
	}
	fclose(f);
	return events;
}

void
fby_oom_init(struct fby_oom *oom, const char *dir)
{
	*oom = (struct fby_oom){ .at = FBY_NONE };
	oom->path = cgroup_events(dir);
	if (oom->path && read_counter(oom->path, &oom->count))
		return;
	free(oom->path);
	oom->path = fby_asprintf("%s/proc/vmstat", dir);
	if (read_counter(oom->path, &oom->count))
		return;
	free(oom->path);
	oom->path = NULL;
}

void
fby_oom_fini(struct fby_oom *oom)
{
	free(oom->path);
	oom->path = NULL;
}

void
fby_oom_look(struct fby_oom *oom, int64_t now)
{
	uint64_t count;

	if (oom->path == NULL || !read_counter(oom->path, &count))
		return;
	if (count > oom->count)
		oom->at = now;
	oom->count = count;
}

bool
fby_oom_struck(struct fby_oom *oom, int64_t now)
{
	fby_oom_look(oom, now);
	return oom->at != FBY_NONE && now - oom->at <= MOMENT_MS;
}
