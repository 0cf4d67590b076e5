/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment that a Numaflow pod gives its main container.
 */
#ifndef FBY_POD_H
#define FBY_POD_H

#include "shared/fby.h"

#include "shared/manifest/function.h"

struct fby_account;
struct fby_manifest;
struct fby_pool;
struct fby_runtime;

/* `as` is its user, or NULL.  Heap; free with fby_spawn_env_free(). */
char **fby_pod_env(const struct fby_manifest *m, const struct fby_runtime *rt,
    const struct fby_account *as, size_t replica);

/*
 * What a pod sets for the container of a user's function, as NAME=value from
 * the pool; the number of them.
 */
#define FBY_POD_FUNCTION_VARS 9
size_t fby_pod_function_vars(const struct fby_manifest *m,
    enum fby_function_role role, size_t replica, struct fby_pool *pool,
    const char *vars[FBY_POD_FUNCTION_VARS]);

/*
 * Kubernetes' quantities as its downward API hands them on: CPUs are rounded
 * up to whole ones, memory is bytes.  0: it is none.
 */
int64_t fby_pod_cpus(const char *quantity);
int64_t fby_pod_bytes(const char *quantity);

#endif
