/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers are instances of; see program.h.
 */
#include "shared/fby.h"

#include "master/runtime/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/account.h"
#include "master/runtime/mounts.h"
#include "master/runtime/settings.h"

#ifndef FBY_LIBEXECDIR
#define FBY_LIBEXECDIR "/usr/libexec/forebay"
#endif

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
	fby_account_free(p->account);
	*p = (struct fby_program)FBY_PROGRAM_INIT;
}

static char **
copy_list(const struct fby_strings *a, const struct fby_strings *b,
    const struct fby_strings *c)
{
	const struct fby_strings *const all[] = { a, b, c };
	char **list = fby_calloc(a->n + b->n + c->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < FBY_NELEM(all); i++)
		for (size_t k = 0; k < all[i]->n; k++)
			list[n++] = fby_strdup(all[i]->v[k]);
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
	struct fby_strings vars = none;

	if (rt && rt->user && (next.account = fby_program_account(rt)) == NULL)
		return -1;
	if (rt && (next.settings_fd = fby_settings_pack(m, runtime)) == -1) {
		fby_account_free(next.account);
		return -1;
	}
	if (next.account)
		vars = (struct fby_strings){
			(const char **)next.account->vars,
			FBY_ACCOUNT_VARS,
		};
	next.name = fby_strdup(runtime);
	next.exec_fd = rt ? -1 : exec_fd;
	next.argv = copy_list(rt ? &rt->command : &self, &none, &none);
	/* The environment of a pod means nothing to forebay-worker. */
	next.vars = copy_list(&vars, rt ? &m->env : &none,
	    rt ? &rt->env : &none);
	while (next.vars[next.nvars])
		next.nvars++;
	fby_program_fini(p);
	*p = next;
	return 0;
}

/* ---- may it run as that user? ------------------------------------------ */

struct fby_account *
fby_program_account(const struct fby_runtime *rt)
{
	struct fby_account *a = rt->user ? fby_account_new(rt->user) : NULL;

	if (rt->user && a == NULL)
		fby_error("runtime \"%s\": user %s: %s", rt->name, rt->user,
		    errno == ENOENT ? "there is none of that name" :
				      strerror(errno));
	return a;
}

static int
try_user(const struct fby_manifest *m, const struct fby_runtime *rt,
    struct fby_err *err)
{
	char *path = fby_asprintf("spec.runtimes.%s.user", rt->name);
	struct fby_account *a = rt->user ? fby_account_new(rt->user) : NULL;
	int rc = 0;

	if (rt->user && a == NULL)
		rc = errno == ENOENT ?
		    fby_err_add(err, fby_manifest_pos(m, path),
			"%s: found \"%s\", allowed is a user of this machine",
			path, rt->user) :
		    fby_err_add(err, fby_manifest_pos(m, path),
			"%s: found \"%s\"; only root's forebay can start "
			"programs as another user",
			path, rt->user);
	fby_account_free(a);
	free(path);
	return rc;
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
	if (try_user(m, rt, err) == -1)
		return -1;
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

int
fby_program_open(const char *dir)
{
	char self[4096], *slash, *path;
	ssize_t n;
	int fd = -1;

	if (dir) {
		path = fby_asprintf("%s/forebay-worker", dir);
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd == -1)
			fby_error("%s: %s", path, strerror(errno));
		free(path);
		return fd;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		if ((slash = strrchr(self, '/')) != NULL)
			*slash = '\0';
		path = fby_asprintf("%s/forebay-worker", self);
		fd = open(path, O_PATH | O_CLOEXEC);
		free(path);
	}
	if (fd == -1)
		fd = open(FBY_LIBEXECDIR "/forebay-worker", O_PATH | O_CLOEXEC);
	if (fd == -1)
		fby_error(FBY_LIBEXECDIR "/forebay-worker: %s",
		    strerror(errno));
	return fd;
}
