/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can functions be started here?  See try.h.
 */
#include "shared/fby.h"

#include "master/function/try.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/account.h"
#include "master/function/given.h"
#include "master/runtime/mounts.h"
#include "master/runtime/program.h"

/* As execvp(3) looks for it. */
static const char *
fault_in_path(const char *name)
{
	const char *path = getenv("PATH");
	const char *fault = "not in PATH";

	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");
		char *file = fby_asprintf("%.*s/%s", (int)n, p, name);
		const char *why = fby_program_fault(file);

		free(file);
		if (why == NULL)
			return NULL;
		if (strcmp(why, "missing") != 0)
			fault = why;
		p += n + (p[n] == ':');
	}
	return fault;
}

/* Of the Host document if that has it, else of the container. */
static struct fby_pos
pos_of(const struct fby_manifest *m, enum fby_function_role role,
    const char *name, bool is_host)
{
	return fby_manifest_pos(m,
	    is_host ? fby_psprintf(m->pool, "spec.functions.%s.%s",
			  fby_function_word(role), name) :
		      fby_psprintf(m->pool, "%s.container.%s",
			  fby_function_path(role), name));
}

static int
try_program(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	const char *name = m->functions[role].command.v[0];
	const char *fault = strchr(name, '/') ? fby_program_fault(name) :
						fault_in_path(name);

	if (fault == NULL)
		return 0;
	return fby_err_add(err,
	    pos_of(m, role, "command",
		m->host.functions[role].program.has_command),
	    "the program of the function %s, %s, is %s",
	    fby_function_word(role), name, fault);
}

static int
try_user(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	const char *user = m->functions[role].user;
	struct fby_account *a = user ? fby_account_new(user) : NULL;
	const bool is_there = errno != ENOENT;

	if (user == NULL || a) {
		fby_account_free(a);
		return 0;
	}
	return fby_err_add(err, pos_of(m, role, "user", true),
	    is_there ? "spec.functions.%s.user: found \"%s\"; only root's "
		       "forebay can start programs as another user" :
		       "spec.functions.%s.user: found \"%s\", allowed is a "
		       "user of this machine",
	    fby_function_word(role), user);
}

/* Where it looks for its directory there would be the machine's. */
static int
try_isolation(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	const struct fby_function *fn = &m->functions[role];
	const bool must = fn->isolation == FBY_FUNCTION_ISOLATION_NAMESPACE;
	int refused;

	if (fn->isolation == FBY_FUNCTION_ISOLATION_NONE ||
	    (!must && fby_given_names_sockets(fn)) ||
	    (refused = fby_mounts_refused()) == 0)
		return 0;
	return fby_err_add(err,
	    must ? pos_of(m, role, "isolation", true) :
		   pos_of(m, role, "command",
		       m->host.functions[role].program.has_command),
	    "the function %s is to have a directory of its own at "
	    "/var/run/numaflow, and forebay may not make it appear there (%s); "
	    "give forebay CAP_SYS_ADMIN%s",
	    fby_function_word(role), strerror(refused),
	    must ? "" :
		   ", or name {sockets} in the command, or set isolation: "
		   "none");
}

int
fby_function_try(const struct fby_manifest *m, struct fby_err *err)
{
	int rc = 0;

	for (int i = 0; i < FBY_FUNCTION_N; i++) {
		const enum fby_function_role role = (enum fby_function_role)i;

		if (m->functions[role].command.n == 0)
			continue;
		rc |= try_program(m, role, err);
		rc |= try_user(m, role, err);
		rc |= try_isolation(m, role, err);
	}
	return rc;
}
