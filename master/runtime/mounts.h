/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * What a program finds below /var/numaflow and /var/run/numaflow: in a pod
 * volumes that no other pod sees, here mounts in a namespace of its own.
 *
 *	/var/numaflow/secrets    a tmpfs with the secrets that the MonoVertex
 *	                         refers to, and no others, from wherever
 *	                         forebay has them
 *	/var/numaflow/runtime    RUNDIR/pods/RUNTIME-REPLICA/runtime
 *	/var/run/numaflow        RUNDIR/pods/RUNTIME-REPLICA/run
 *
 * All of it is prepared by fby_mounts_new(); what is left for the child are
 * system calls.  That takes CAP_SYS_ADMIN.  Without it the directories are
 * the machine's, shared by all replicas.  See "Protocol numaflow" in README.
 */
/* clang-format on */
#ifndef FBY_MOUNTS_H
#define FBY_MOUNTS_H

#include "shared/fby.h"

#include "shared/base/err.h"

struct fby_account;
struct fby_manifest;
struct fby_mounts;

/*
 * Will a runtime find its secrets?  -1: `err` says which are
 * missing, or why they cannot be shown to it.  Changes nothing.
 */
int fby_mounts_check(const struct fby_manifest *m, const char *runtime,
    struct fby_err *err) FBY_MUSTCHECK;

/* May this process make namespaces?  0, or the error number. */
int fby_mounts_refused(void);

/*
 * For a child that is to have directories of its own; `pod` is the name of
 * the one in <run directory>/pods, and `as` the user whose they are, or NULL:
 * ours.  NULL: `err` says what is in the way.
 */
struct fby_mounts *fby_mounts_new(const struct fby_manifest *m,
    const char *run_dir, const char *pod, const struct fby_account *as,
    struct fby_err *err) FBY_MUSTCHECK;

/* Where a function makes its socket. */
#define FBY_MOUNTS_MACHINES "/var/run/numaflow"

/* A pod's directory, with the two below it; heap. */
#define FBY_MOUNTS_RUN "run"
#define FBY_MOUNTS_RUNTIME "runtime"
char *fby_mounts_pod(const char *run_dir, const char *pod);

/*
 * For a user's function: the two directories, which are there, appear at
 * /var/run/numaflow and /var/numaflow/runtime.  It sees no secrets of ours.
 */
struct fby_mounts *fby_mounts_of_function(const char *run, const char *runtime,
    const struct fby_account *as, struct fby_err *err) FBY_MUSTCHECK;

/* Wipes the secrets. */
void fby_mounts_free(struct fby_mounts *mo);

/*
 * In the child, between fork and exec: async-signal-safe calls only.  -1: it
 * has said on standard error what failed.
 */
int fby_mounts_enter(void *mo);

#endif
