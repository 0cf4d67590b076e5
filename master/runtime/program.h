/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker process is an instance of: forebay-worker itself, or the
 * program of a runtime whose protocol is `worker`.
 *
 * The latter gets one descriptor more, with all that it needs to know as
 * JSON (settings.h), so that it needs neither our YAML reader nor a copy of
 * what we tell librdkafka.
 */
#ifndef FBY_PROGRAM_H
#define FBY_PROGRAM_H

#include "shared/fby.h"

#include "shared/base/err.h"

struct fby_manifest;
struct fby_runtime;

struct fby_account;

struct fby_program {
	char *name;  /* of the runtime, heap; NULL: nothing is here */
	int exec_fd; /* forebay-worker's, borrowed; -1: argv[0] */
	char **argv; /* heap */
	char **vars; /* NAME=value, heap */
	size_t nvars;
	int settings_fd;             /* sealed; -1: it reads the manifest */
	struct fby_account *account; /* runs as that user; NULL: as we do */
};

#define FBY_PROGRAM_INIT                         \
	{                                        \
		.exec_fd = -1, .settings_fd = -1 \
	}

/*
 * Opens the worker program: in `dir` if that is given, else beside our own
 * program, else where it was installed.  -1: said in the log.
 */
int fby_program_open(const char *dir) FBY_MUSTCHECK;

/*
 * Become what that runtime's workers are; exec_fd is that of forebay-worker.
 * -1: said in the log, and nothing has changed.
 */
int fby_program_set(struct fby_program *p, const struct fby_manifest *m,
    const char *runtime, int exec_fd) FBY_MUSTCHECK;
void fby_program_fini(struct fby_program *p);

/*
 * Who `user` of a runtime is.  NULL: it has none, or (said in the log) it
 * cannot be used.  Free with fby_account_free().
 */
struct fby_account *fby_program_account(const struct fby_runtime *rt);

/*
 * Can the chosen runtime, and the canary, be executed?  For `forebay test`, at
 * the start and before a reload; -1: `err` says what is missing.
 */
int fby_program_try(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

/* NULL if it is a program that can be executed, else "missing" and the like. */
const char *fby_program_fault(const char *path);

#endif
