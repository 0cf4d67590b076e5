/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tree of processes has used; see compare/proc.h.
 */
#include "shared/fby.h"

#include "master/compare/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/mem.h"

struct entry {
	pid_t pid, parent;
	int64_t own_ticks, child_ticks, threads;
	bool ours;
};

struct table {
	struct entry *v;
	size_t n, cap;
};

void
fby_compare_proc_init(struct fby_compare_proc *p)
{
	*p = (struct fby_compare_proc){ 0 };
}

void
fby_compare_proc_fini(struct fby_compare_proc *p)
{
	free(p->tasks);
	fby_compare_proc_init(p);
}

/* The file's text; false: the process has gone. */
static bool
slurp(const char *path, char *buf, size_t size)
{
	return fby_file_read(path, buf, size) > 0;
}

static bool
is_number(const char *name)
{
	return isdigit((unsigned char)*name);
}

/* ---- the tree --------------------------------------------------------- */

/* proc_pid_stat(5): what is after the name, which may hold anything. */
static bool
read_stat(const char *pid, struct entry *e)
{
	unsigned long long user, sys, child_user, child_sys;
	long long threads;
	char path[64], text[1024], *p;
	int parent;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (!slurp(path, text, sizeof(text)) || !(p = strrchr(text, ')')))
		return false;
	if (sscanf(p + 1,
		" %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
		"%llu %llu %llu %llu %*d %*d %lld",
		&parent, &user, &sys, &child_user, &child_sys, &threads) != 6)
		return false;
	*e = (struct entry){
		.pid = (pid_t)strtol(pid, NULL, 10),
		.parent = parent,
		.own_ticks = (int64_t)(user + sys),
		.child_ticks = (int64_t)(child_user + child_sys),
		.threads = threads,
	};
	return true;
}

static void
read_all(struct table *t)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL) {
		if (!is_number(d->d_name))
			continue;
		if (t->n == t->cap) {
			t->cap = t->cap ? 2 * t->cap : 256;
			t->v = fby_realloc(t->v, t->cap * sizeof(*t->v));
		}
		t->n += read_stat(d->d_name, &t->v[t->n]);
	}
	if (dir)
		closedir(dir);
}

static bool
is_in_tree(const struct table *t, pid_t pid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].pid == pid)
			return t->v[i].ours;
	return false;
}

/* A child may be listed before its parent. */
static void
mark(struct table *t, pid_t root)
{
	bool more = true;

	for (size_t i = 0; i < t->n; i++)
		t->v[i].ours = t->v[i].pid == root;
	while (more) {
		more = false;
		for (size_t i = 0; i < t->n; i++)
			if (!t->v[i].ours && is_in_tree(t, t->v[i].parent))
				more = t->v[i].ours = true;
	}
}

/* ---- one process ------------------------------------------------------ */

/*
 * The clock of the process has nanoseconds.  /proc has ticks of 10 ms, cut off
 * and not rounded: for a short run of several processes that is too coarse.
 * Of children that have been waited for there is nothing better.
 */
static double
cpu_seconds(const struct entry *e)
{
	const double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
	struct timespec ts;
	clockid_t clock;
	double own = (double)e->own_ticks * tick;

	if (clock_getcpuclockid(e->pid, &clock) == 0 &&
	    clock_gettime(clock, &ts) == 0)
		own = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	return own + (double)e->child_ticks * tick;
}

static int64_t
number_after(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoll(p + strlen(name), NULL, 10) : 0;
}

static int64_t
high_water(pid_t pid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!slurp(path, text, sizeof(text)))
		return 0;
	return FBY_MIN(number_after(text, "\nVmHWM:"), INT64_MAX / 1024) * 1024;
}

static struct fby_compare_task *
task_get(struct fby_compare_proc *p, pid_t tid)
{
	for (size_t i = 0; i < p->ntasks; i++)
		if (p->tasks[i].tid == tid)
			return &p->tasks[i];
	if (p->ntasks == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->tasks = fby_realloc(p->tasks, p->cap * sizeof(*p->tasks));
	}
	p->tasks[p->ntasks] = (struct fby_compare_task){ .tid = tid };
	return &p->tasks[p->ntasks++];
}

/* The status of a process counts its first thread only. */
static void
look_tasks(struct fby_compare_proc *p, pid_t pid)
{
	char path[128], text[4096];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir)) != NULL) {
		struct fby_compare_task *task;

		snprintf(path, sizeof(path), "/proc/%d/task/%.16s/status",
		    (int)pid, d->d_name);
		if (!is_number(d->d_name) || !slurp(path, text, sizeof(text)))
			continue;
		task = task_get(p, (pid_t)strtol(d->d_name, NULL, 10));
		task->voluntary = number_after(text,
		    "\nvoluntary_ctxt_switches:");
		task->involuntary = number_after(text,
		    "\nnonvoluntary_ctxt_switches:");
	}
	if (dir)
		closedir(dir);
}

/* ---- all -------------------------------------------------------------- */

void
fby_compare_proc_look(struct fby_compare_proc *p, pid_t root)
{
	struct table t = { NULL, 0, 0 };
	int64_t rss = 0, threads = 0;
	double cpu = 0;

	read_all(&t);
	mark(&t, root);
	for (size_t i = 0; i < t.n; i++) {
		if (!t.v[i].ours)
			continue;
		cpu += cpu_seconds(&t.v[i]);
		threads += t.v[i].threads;
		rss += high_water(t.v[i].pid);
		look_tasks(p, t.v[i].pid);
	}
	free(t.v);
	p->cpu = FBY_MAX(p->cpu, cpu);
	p->rss_peak = FBY_MAX(p->rss_peak, rss);
	p->threads = FBY_MAX(p->threads, threads);
}

int64_t
fby_compare_proc_voluntary(const struct fby_compare_proc *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->ntasks; i++)
		sum += p->tasks[i].voluntary;
	return sum;
}

int64_t
fby_compare_proc_involuntary(const struct fby_compare_proc *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->ntasks; i++)
		sum += p->tasks[i].involuntary;
	return sum;
}
