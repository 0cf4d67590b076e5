/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload from one manifest to another takes: a walk over the tables,
 * so that no setting can forget to say what a change of it means.
 *
 * The policies in the tables are those of workers, whoever wrote them.  Where
 * a runtime that is no worker of ours has a part in it, before or after, that
 * program is stopped and started anyway: a changed MonoVertex costs no more
 * than a roll then.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

struct side { /* of one of the two manifests */
	const struct fby_manifest *m;
	const void *base;
	const struct fby_node *node;
};

struct diff {
	fby_manifest_diff_fn each;
	void *arg;
	struct fby_pool *pool;
	enum fby_policy strongest;
	enum fby_policy ceiling;
};

static void
differs(struct diff *d, const char *path, enum fby_policy policy)
{
	policy = FBY_MIN(policy, d->ceiling);
	d->strongest = FBY_MAX(d->strongest, policy);
	if (d->each)
		d->each(d->arg, path, policy);
}

/* No other program has a part in it. */
static bool
is_only_c(const struct fby_manifest *m)
{
	return strcmp(m->runtime, "c") == 0 && m->host.canary.runtime == NULL;
}

static bool
is_strings_equal(const struct fby_strings *a, const struct fby_strings *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return a->n == b->n;
}

/* The environment only matters to other runtimes, the choice to all. */
static bool
is_env_equal(const struct fby_manifest *a, const struct fby_manifest *b)
{
	return strcmp(a->runtime, b->runtime) == 0 &&
	    (is_only_c(a) || is_only_c(b) ||
		is_strings_equal(&a->env, &b->env));
}

static bool
is_runtime_equal(const struct fby_runtime *x, const struct fby_runtime *y)
{
	const char *u, *v;

	if (x == NULL || y == NULL || strcmp(x->name, y->name) != 0)
		return true; /* the choice itself is a setting of its own */
	u = x->readiness.path ? x->readiness.path : "";
	v = y->readiness.path ? y->readiness.path : "";
	return is_strings_equal(&x->command, &y->command) &&
	    is_strings_equal(&x->env, &y->env) && x->protocol == y->protocol &&
	    x->replicas == y->replicas &&
	    x->readiness.port == y->readiness.port && strcmp(u, v) == 0 &&
	    x->metrics.present == y->metrics.present &&
	    x->metrics.port == y->metrics.port &&
	    x->metrics.scheme == y->metrics.scheme;
}

/* Of those that are chosen, the one that differs; NULL: none. */
static const char *
changed_runtime(const struct fby_manifest *a, const struct fby_manifest *b)
{
	const char *x = a->host.canary.runtime, *y = b->host.canary.runtime;

	if (!is_runtime_equal(fby_manifest_runtime_find(a, a->runtime),
		fby_manifest_runtime_find(b, b->runtime)))
		return b->runtime;
	if (x && y &&
	    !is_runtime_equal(fby_manifest_runtime_find(a, x),
		fby_manifest_runtime_find(b, y)))
		return y;
	return NULL;
}

static bool
is_own_equal(const struct fby_directive *d, const struct side *a,
    const struct side *b, const char *path)
{
	const struct fby_own *own = d->arg;

	if (own->like != FBY_T_ANY)
		return fby_conf_is_equal(d, a->base, b->base);
	if (strcmp(path, "spec.containerTemplate.env") == 0)
		return is_env_equal(a->m, b->m);
	if (strcmp(path, "spec.runtimes") == 0)
		return changed_runtime(a->m, b->m) == NULL;
	return fby_yaml_is_equal(fby_yaml_find(a->node, d->name),
	    fby_yaml_find(b->node, d->name));
}

static void
diff_table(struct diff *diff, const struct fby_directive *table,
    const struct side *a, const struct side *b, const char *path,
    enum fby_policy block)
{
	for (const struct fby_directive *d = table; d->name; d++) {
		const enum fby_policy policy = fby_conf_policy(d, block);
		const struct side va = { a->m,
			(const char *)a->base + d->offset,
			fby_yaml_find(a->node, d->name) };
		const struct side vb = { b->m,
			(const char *)b->base + d->offset,
			fby_yaml_find(b->node, d->name) };
		const char *at;
		bool is_equal;

		if (d->flags & FBY_D_K8S)
			continue;
		at = *path ? fby_psprintf(diff->pool, "%s.%s", path, d->name) :
			     d->name;
		if (d->type == FBY_T_BLOCK) {
			is_equal = fby_conf_is_present(d, a->base) ==
			    fby_conf_is_present(d, b->base);
			if (is_equal && fby_conf_is_present(d, a->base))
				diff_table(diff, d->arg, &va, &vb, at, policy);
		} else if (d->type == FBY_T_OWN) {
			is_equal = is_own_equal(d, a, b, at);
		} else if (d->flags & FBY_D_REFUSED) {
			is_equal = fby_yaml_is_equal(va.node, vb.node);
		} else {
			is_equal = fby_conf_is_present(d, a->base) ==
				fby_conf_is_present(d, b->base) &&
			    fby_conf_is_equal(d, a->base, b->base);
		}
		if (!is_equal && strcmp(d->name, "runtimes") == 0)
			at = fby_psprintf(diff->pool, "%s.%s", at,
			    changed_runtime(a->m, b->m));
		if (!is_equal)
			differs(diff, at, policy);
	}
}

/* What else the other program gets to see. */
static void
diff_object(struct diff *diff, const struct fby_manifest *a,
    const struct fby_manifest *b)
{
	char *x = fby_manifest_object(a), *y = fby_manifest_object(b);

	if (strcmp(x, y) != 0)
		differs(diff, "spec", FBY_POLICY_ROLL);
	free(x);
	free(y);
}

enum fby_policy
fby_manifest_diff(const struct fby_manifest *a, const struct fby_manifest *b,
    fby_manifest_diff_fn each, void *arg)
{
	const bool is_c = is_only_c(a) && is_only_c(b);
	/* A canary that is not compares for itself what it is given. */
	const bool is_ours = !fby_manifest_foreign_runtime(a) &&
	    !fby_manifest_foreign_runtime(b);
	const struct side ma = { a, a, a->mvtx }, mb = { b, b, b->mvtx };
	const struct side ha = { a, a, a->hostdoc };
	const struct side hb = { b, b, b->hostdoc };
	struct diff d = { .each = each,
		.arg = arg,
		.ceiling = FBY_POLICY_RESTART };

	d.pool = fby_pool_new(FBY_ARENA_CONFIG);
	/* The name is in the run directory, the metrics, the member's id. */
	if (strcmp(a->name, b->name) == 0 &&
	    strcmp(a->namespace_, b->namespace_) == 0 && !is_ours)
		d.ceiling = FBY_POLICY_ROLL;
	diff_table(&d, fby_manifest_mvtx_table, &ma, &mb, "", FBY_POLICY_NONE);
	/* What is live is told to workers of all programs. */
	if (!is_c &&
	    d.strongest < (is_ours ? FBY_POLICY_LIVE : FBY_POLICY_ROLL))
		diff_object(&d, a, b);
	d.ceiling = FBY_POLICY_RESTART;
	diff_table(&d, fby_manifest_host_table, &ha, &hb, "", FBY_POLICY_NONE);
	fby_pool_free(d.pool);
	return d.strongest;
}
