/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers are instances of; see program.h.
 */
#include "shared/fby.h"

#include "master/program.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "master/mounts.h"
#include "master/settings.h"

static void
free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

void
fby_program_fini(struct fby_program *p)
{
	free(p->name);
	free_list(p->argv);
	free_list(p->vars);
	if (p->settings_fd != -1)
		close(p->settings_fd);
	*p = (struct fby_program)FBY_PROGRAM_INIT;
}

static char **
copy_list(const struct fby_strings *a, const struct fby_strings *b)
{
	char **list = fby_calloc(a->n + b->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		list[n++] = fby_strdup(a->v[i]);
	for (size_t i = 0; i < b->n; i++)
		list[n++] = fby_strdup(b->v[i]);
	return list;
}

int
fby_program_set(struct fby_program *p, const struct fby_manifest *m,
    const char *runtime, int exec_fd)
{
	static const char *own[] = { "forebay-worker" };
	const struct fby_strings none = { NULL, 0 }, self = { own, 1 };
	const struct fby_runtime *rt = fby_manifest_runtime_find(m, runtime);
	struct fby_program next = FBY_PROGRAM_INIT;

	if (rt && (next.settings_fd = fby_settings_pack(m, runtime)) == -1)
		return -1;
	next.name = fby_strdup(runtime);
	next.exec_fd = rt ? -1 : exec_fd;
	next.argv = copy_list(rt ? &rt->command : &self, &none);
	/* The environment of a pod means nothing to forebay-worker. */
	next.vars = copy_list(rt ? &m->env : &none, rt ? &rt->env : &none);
	next.nvars = rt ? m->env.n + rt->env.n : 0;
	fby_program_fini(p);
	*p = next;
	return 0;
}

/* ---- is it there? ----------------------------------------------------- */

const char *
fby_program_fault(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return errno == ENOENT || errno == ENOTDIR ? "missing" :
							     "not accessible";
	if (!S_ISREG(st.st_mode) || access(path, X_OK) == -1)
		return "not executable";
	return NULL;
}

static int
try_one(const struct fby_manifest *m, const char *runtime, const char *path,
    const char *what, struct fby_err *err)
{
	const struct fby_runtime *rt = runtime ?
	    fby_manifest_runtime_find(m, runtime) :
	    NULL;
	const char *fault;

	if (rt == NULL)
		return 0;
	if ((fault = fby_program_fault(rt->command.v[0])) == NULL)
		return rt->protocol == FBY_RUNTIME_NUMAFLOW ?
		    fby_mounts_check(m, rt->name, err) :
		    0;
	return fby_err_add(err, fby_manifest_pos(m, path),
	    "%s: the program of \"%s\", %s, is %s", what, rt->name,
	    rt->command.v[0], fault);
}

int
fby_program_try(const struct fby_manifest *m, struct fby_err *err)
{
	static const char canary[] = "spec.canary.runtime";

	return try_one(m, m->runtime, "spec.containerTemplate.env",
		   "NUMAFLOW_RUNTIME", err) |
	    try_one(m, m->host.canary.runtime, canary, canary, err);
}
