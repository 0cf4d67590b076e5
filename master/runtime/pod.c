/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a pod; see pod.h.
 */
#include "shared/fby.h"

#include "master/runtime/pod.h"

#include <math.h>
#include <unistd.h>

#include "shared/base/base64.h"
#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/manifest.h"
#include "shared/yaml/yaml.h"

#include "master/base/account.h"
#include "master/base/cpus.h"
#include "master/base/spawn.h"

#define VARS (12 + FBY_ACCOUNT_VARS)

/* ---- quantities ------------------------------------------------------- */

/* Number and suffix; NAN: no number. */
static double
read_quantity(const char *quantity, const char **suffix)
{
	size_t len = strspn(quantity, "0123456789.+-");
	char number[32];
	double x;

	*suffix = quantity + len;
	if (len == 0 || len >= sizeof(number))
		return NAN;
	memcpy(number, quantity, len);
	number[len] = '\0';
	return fby_units_num(number, &x) == NULL && x > 0 ? x : NAN;
}

int64_t
fby_pod_cpus(const char *quantity)
{
	const char *suffix;
	double x = read_quantity(quantity, &suffix);

	if (strcmp(suffix, "m") == 0)
		x /= 1000;
	else if (*suffix)
		return 0;
	return isnan(x) || x > 1e6 ? 0 : (int64_t)ceil(x);
}

int64_t
fby_pod_bytes(const char *quantity)
{
	static const char letters[] = "kMGTPE";
	const char *suffix, *letter;
	double x = read_quantity(quantity, &suffix), base = 1000;

	if (suffix[0] && suffix[1] == 'i')
		base = 1024;
	if (*suffix && strcmp(suffix + (base > 1000 ? 2 : 1), "") != 0)
		return 0;
	if (*suffix) {
		/* "Ki", but "k". */
		letter = strchr(letters,
		    suffix[0] == 'K' && base > 1000 ? 'k' : suffix[0]);
		if (letter == NULL)
			return 0;
		x *= pow(base, (double)(letter - letters + 1));
	}
	return isnan(x) || x > 9e18 ? 0 : (int64_t)ceil(x);
}

/* ---- resources -------------------------------------------------------- */

/* spec.containerTemplate.resources.<what>.<which>; NULL: not said. */
static const char *
resource(const struct fby_manifest *m, const char *what, const char *which)
{
	static const char *const path[] = { "spec", "containerTemplate",
		"resources" };
	const struct fby_node *node = m->mvtx;

	for (size_t i = 0; i < FBY_NELEM(path); i++)
		node = fby_yaml_find(node, path[i]);
	node = fby_yaml_find(fby_yaml_find(node, what), which);
	return node && node->kind == FBY_NODE_SCALAR ? node->text : NULL;
}

static int64_t
cpus_or(const char *quantity, size_t dflt)
{
	int64_t n = quantity ? fby_pod_cpus(quantity) : 0;

	return n > 0 ? n : (int64_t)dflt;
}

static int64_t
bytes_or(const char *quantity, int64_t dflt)
{
	int64_t n = quantity ? fby_pod_bytes(quantity) : 0;

	return n > 0 ? n : dflt;
}

/* What a pod without a limit is told: all of the machine's. */
static int64_t
memory_there(void)
{
	return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

/* ---- of a function ---------------------------------------------------- */

/* Whole CPUs, rounded up. */
static int64_t
cpus_of(const struct fby_function *fn, size_t dflt)
{
	return fn->cpus_milli > 0 ? (fn->cpus_milli + 999) / 1000 :
				    (int64_t)dflt;
}

size_t
fby_pod_function_vars(const struct fby_manifest *m, enum fby_function_role role,
    size_t replica, struct fby_pool *pool,
    const char *vars[FBY_POD_FUNCTION_VARS])
{
	const struct fby_function *fn = &m->functions[role];
	int cpus[FBY_WORKERS_MAX];
	const int64_t ncpus = cpus_of(fn, fby_cpus_usable(m, cpus));
	const int64_t memory = fn->memory_bytes > 0 ? fn->memory_bytes :
						      memory_there();
	size_t n = 0;

	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MONO_VERTEX_NAME=%s", m->name);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_NAMESPACE=%s", m->namespace_);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_POD=%s-mv-%zu", m->name,
	    replica);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_REPLICA=%zu", replica);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_UD_CONTAINER_TYPE=%s",
	    fby_function_container(role));
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_CPU_REQUEST=%" PRId64, ncpus);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_CPU_LIMIT=%" PRId64, ncpus);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MEMORY_REQUEST=%" PRId64,
	    memory);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MEMORY_LIMIT=%" PRId64,
	    memory);
	FBY_BUG_ON(n > FBY_POD_FUNCTION_VARS);
	return n;
}

/* ---- all together ----------------------------------------------------- */

/* Later entries win over earlier ones. */
char **
fby_pod_env(const struct fby_manifest *m, const struct fby_runtime *rt,
    const struct fby_account *as, size_t replica)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	char *object = fby_manifest_object(m);
	int cpus[FBY_WORKERS_MAX];
	size_t n = 0, ncpus = fby_cpus_usable(m, cpus);
	int64_t memory = bytes_or(resource(m, "limits", "memory"),
	    memory_there());
	const char **vars = fby_palloc(pool,
	    (VARS + m->env.n + rt->env.n) * sizeof(*vars));
	char **envp;

	for (size_t i = 0; as && i < FBY_ACCOUNT_VARS; i++)
		vars[n++] = as->vars[i];
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MONO_VERTEX_OBJECT=%s",
	    fby_base64_encode(pool, object, strlen(object)));
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MONO_VERTEX_NAME=%s", m->name);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_NAMESPACE=%s", m->namespace_);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_POD=%s-mv-%zu", m->name,
	    replica);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_REPLICA=%zu", replica);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_CPU_REQUEST=%" PRId64,
	    cpus_or(resource(m, "requests", "cpu"),
		fby_cpus_workers(m, ncpus)));
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_CPU_LIMIT=%" PRId64,
	    cpus_or(resource(m, "limits", "cpu"), ncpus));
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MEMORY_REQUEST=%" PRId64,
	    bytes_or(resource(m, "requests", "memory"), memory));
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MEMORY_LIMIT=%" PRId64,
	    memory);
	vars[n++] = "NUMAFLOW_READ_AHEAD=false";
	for (size_t i = 0; i < m->env.n; i++)
		vars[n++] = m->env.v[i];
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_RUNTIME=%s", rt->name);
	FBY_BUG_ON(n > VARS + m->env.n);
	for (size_t i = 0; i < rt->env.n; i++)
		vars[n++] = rt->env.v[i];
	envp = fby_spawn_env_foreign(vars, n);
	free(object);
	fby_pool_free(pool);
	return envp;
}
