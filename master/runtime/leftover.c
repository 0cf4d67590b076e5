/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that a master before has left; see leftover.h.
 *
 * A note is a file RUNDIR/runtimes/PID: start time, session and boot id.  What
 * is in the group's session, has its number and is not older than its leader
 * is of it, also when the leader itself has exited: the kernel gives no pid
 * away that is still the number of a group.
 */
#include "shared/fby.h"

#include "master/runtime/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/units.h"

#include "master/base/procfs.h"
#include "master/runtime/helpers.h"

#define LOOK_MS 100
#define GIVE_UP_MS 10000 /* after SIGKILL */
#define BOOT_ID 40

/* ---- notes ------------------------------------------------------------ */

/* "" if it cannot be told; then two of them are not the same. */
static void
boot_id(char id[BOOT_ID])
{
	fby_file_read("/proc/sys/kernel/random/boot_id", id, BOOT_ID);
	id[strcspn(id, "\n")] = '\0';
}

void
fby_leftover_note(const char *run_dir, pid_t pid, const char *mark)
{
	char *dir = fby_asprintf("%s/runtimes", run_dir);
	char *path = fby_asprintf("%s/%d", dir, (int)pid);
	char id[BOOT_ID];
	struct fby_procfs_stat st;
	int fd = -1;

	boot_id(id);
	if (mkdir(dir, 0700) == -1 && errno != EEXIST)
		fby_error("%s: %s", dir, strerror(errno));
	else if (fby_procfs_stat(pid, &st) == 0 &&
	    ((fd = open(path,
		  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0600)) == -1 ||
		dprintf(fd, "%" PRIu64 " %d %s %s\n", st.start, (int)st.session,
		    id, mark) < 0))
		fby_error("%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	free(path);
	free(dir);
}

void
fby_leftover_forget(const char *run_dir, pid_t pid)
{
	char *path = fby_asprintf("%s/runtimes/%d", run_dir, (int)pid);

	unlink(path);
	free(path);
}

/* True if it speaks of a group of this boot. */
static bool
read_note(int dir, const char *name, struct fby_leftover_group *g)
{
	char id[BOOT_ID], noted[BOOT_ID] = "";
	int session, fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *f = fd == -1 ? NULL : fdopen(fd, "r");
	int64_t leader = 0;
	bool ok;

	if (f == NULL) {
		if (fd != -1)
			close(fd);
		return false;
	}
	boot_id(id);
	if (fby_units_int(name, &leader) != NULL || leader > INT32_MAX)
		leader = 0;
	*g = (struct fby_leftover_group){ .leader = (pid_t)leader };
	/* Without a mark there is no fourth. */
	ok = fscanf(f, "%" SCNu64 " %d %39s %79s", &g->start, &session, noted,
		 g->mark) >= 3;
	fclose(f);
	g->session = ok ? session : 0;
	return ok && g->leader > 1 && strcmp(id, noted) == 0;
}

static void
read_notes(struct fby_leftover *l)
{
	DIR *dir = opendir(l->dir);
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		struct fby_leftover_group g;

		if (de->d_name[0] == '.')
			continue;
		if (!read_note(dirfd(dir), de->d_name, &g)) {
			unlinkat(dirfd(dir), de->d_name, 0);
			continue;
		}
		l->groups = fby_realloc(l->groups,
		    (l->ngroups + 1) * sizeof(*l->groups));
		l->groups[l->ngroups++] = g;
	}
	closedir(dir);
}

/* ---- ending them ------------------------------------------------------ */

static bool
is_of_group(const struct fby_leftover_group *g,
    const struct fby_procfs_stat *st)
{
	return st->group == g->leader && st->session == g->session;
}

static void
on_process(void *arg, pid_t pid, const struct fby_procfs_stat *st)
{
	struct fby_leftover *l = arg;

	for (size_t i = 0; i < l->ngroups; i++) {
		struct fby_leftover_group *g = &l->groups[i];

		if (st->start < g->start || st->state == 'Z' ||
		    (!is_of_group(g, st) &&
			!fby_helpers_is_marked(pid, g->mark)))
			continue;
		/* The number is another group's by now. */
		if (pid == g->leader && st->start != g->start)
			continue;
		g->alive++;
		if (l->signo)
			fby_procfs_signal(pid, st->start, l->signo);
	}
}

/* How many are there still?  They get the signal. */
static size_t
look(struct fby_leftover *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->ngroups; i++)
		l->groups[i].alive = 0;
	if (l->ngroups > 0)
		fby_procfs_each(on_process, l);
	l->signo = 0;
	for (size_t i = 0; i < l->ngroups; i++)
		n += l->groups[i].alive;
	return n;
}

static void
say(const struct fby_leftover *l, const char *what)
{
	for (size_t i = 0; i < l->ngroups; i++)
		if (l->groups[i].alive > 0)
			fby_warn("runtime (pid %d) of the master before: %s",
			    (int)l->groups[i].leader, what);
}

static void
forget_all(struct fby_leftover *l)
{
	for (size_t i = 0; i < l->ngroups; i++) {
		char *path = fby_asprintf("%s/%d", l->dir,
		    (int)l->groups[i].leader);

		unlink(path);
		free(path);
	}
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval tv = fby_clock_tv(LOOK_MS);
	struct fby_leftover *l = arg;
	int64_t now = fby_clock_mono();
	size_t n;

	(void)fd;
	(void)what;
	if (now >= l->kill_at)
		l->signo = SIGKILL;
	n = look(l);
	if (n > 0 && now < l->give_up_at) {
		evtimer_add(&l->ev_look, &tv);
		return;
	}
	if (n > 0)
		say(l, "was killed and has not exited; going on without");
	else
		fby_notice("what the master before had left has exited");
	forget_all(l);
	l->fn(l->arg);
}

size_t
fby_leftover_end(struct fby_leftover *l, struct event_base *base,
    const char *run_dir, int64_t grace_ms, void (*fn)(void *arg), void *arg)
{
	const struct timeval tv = fby_clock_tv(LOOK_MS);
	size_t n;

	*l = (struct fby_leftover){
		.dir = fby_asprintf("%s/runtimes", run_dir),
		.signo = SIGTERM,
		.kill_at = fby_clock_mono() + grace_ms,
		.give_up_at = fby_clock_mono() + grace_ms + GIVE_UP_MS,
		.fn = fn,
		.arg = arg,
	};
	evtimer_assign(&l->ev_look, base, on_look, l);
	read_notes(l);
	if ((n = look(l)) > 0) {
		say(l, "is still there; asked to exit");
		evtimer_add(&l->ev_look, &tv);
	} else {
		forget_all(l);
	}
	return n;
}

void
fby_leftover_fini(struct fby_leftover *l)
{
	if (l->dir == NULL)
		return;
	evtimer_del(&l->ev_look);
	free(l->dir);
	free(l->groups);
	*l = (struct fby_leftover){ 0 };
}
