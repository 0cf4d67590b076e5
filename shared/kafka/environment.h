/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a function, with its secrets read and its references
 * followed, as Kubernetes does it: "$(NAME)" is the value of a variable that
 * stands before, "$$(NAME)" is that text itself, and what refers to none stays
 * as it is.
 *
 * It holds secrets: it lives no longer than it takes to start the program.
 */
#ifndef FBY_ENVIRONMENT_H
#define FBY_ENVIRONMENT_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/base/str.h"
#include "shared/manifest/function.h"

struct fby_manifest;

/*
 * "NAME=value" texts, ended by NULL, freed by fby_environment_free().  Those of
 * `common` come first, may be referred to, and count more than the function's
 * own.  `sockets` replaces "{sockets}".  A secret that is optional and missing
 * makes no variable.  NULL: `err` says why.
 */
char **fby_environment_new(const struct fby_manifest *m,
    enum fby_function_role role, const struct fby_strings *common,
    const char *sockets, struct fby_err *err) FBY_MUSTCHECK;

/* Wipes it, too. */
void fby_environment_free(char **vars);

/* The same for a word of the command; heap. */
char *fby_environment_expand(const char *text, char *const *vars,
    const char *sockets);

/* Are the secrets of all functions there that are to be started? */
int fby_environment_try(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

#endif
