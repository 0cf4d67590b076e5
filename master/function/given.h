/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function's program is given: its command line and its environment,
 * which are what a container of a Numaflow pod would have, with what stands for
 * something else put in (shared/kafka/environment.h).
 */
#ifndef FBY_GIVEN_H
#define FBY_GIVEN_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/manifest/function.h"

struct fby_account;
struct fby_manifest;

/* Which of its processes. */
struct fby_given_place {
	size_t number;       /* of the instance, or the pod's replica */
	const char *sockets; /* the directory */
};

/* Does it name the directory?  Else it has to be at a place of fixed name. */
bool fby_given_names_sockets(const struct fby_function *fn);

struct fby_given {
	char **argv; /* heap */
	size_t argc;
	char **envp; /* of fby_spawn_env_foreign() */
};

/*
 * -1: `err` says which secret is missing.  fby_given_fini() frees argv; envp is
 * the caller's.
 */
int fby_given_make(const struct fby_manifest *m, enum fby_function_role role,
    const struct fby_given_place *at, const struct fby_account *as,
    struct fby_given *g, struct fby_err *err) FBY_MUSTCHECK;
void fby_given_fini(struct fby_given *g);

/*
 * All that its processes depend on, as a text to compare within one master;
 * heap.  Secrets are read for it, and are in it by their names and as a
 * fingerprint; what cannot be read is as if it had another value.
 */
char *fby_given_text(const struct fby_manifest *m, enum fby_function_role role);

#endif
