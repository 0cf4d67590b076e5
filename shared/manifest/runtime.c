/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which runtime moves the records: the last NUMAFLOW_RUNTIME of
 * spec.containerTemplate.env, else that of this process's environment, else
 * "c", which is forebay's own workers.
 *
 * It is looked up before the tables are walked, since what the C workers
 * refuse is no mistake for another runtime.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/str.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

/* The list's last entry of that name. */
static const struct fby_node *
entry_find(const struct fby_manifest *m)
{
	const struct fby_node *env, *name, *found = NULL;

	env = fby_manifest_node(m->mvtx, "spec.containerTemplate.env");
	if (env == NULL || env->kind != FBY_NODE_LIST)
		return NULL;
	for (size_t i = 0; i < env->n; i++) {
		name = fby_yaml_find(env->items[i].node, "name");
		if (name && name->kind == FBY_NODE_SCALAR &&
		    strcmp(name->text, FBY_MANIFEST_RUNTIME_ENV) == 0)
			found = env->items[i].node;
	}
	return found;
}

const char *
fby_manifest_runtime_get(const struct fby_manifest *m)
{
	const struct fby_node *entry = entry_find(m);
	const struct fby_node *value = fby_yaml_find(entry, "value");
	const char *name = NULL;

	if (entry == NULL)
		name = getenv(FBY_MANIFEST_RUNTIME_ENV);
	else if (value && value->kind == FBY_NODE_SCALAR)
		name = value->text;
	return name && *name ? name : "c";
}

const char *
fby_manifest_canary_get(const struct fby_manifest *m)
{
	const struct fby_node *node;

	node = fby_manifest_node(m->hostdoc, "spec.canary.runtime");
	return node && node->kind == FBY_NODE_SCALAR ? node->text : NULL;
}

/* ---- the registry ----------------------------------------------------- */

static const char *rust_command[] = { "/bin/numaflow-rs", "processor" };

/* What every host knows; an entry of the operator's goes before it. */
static const struct fby_runtime known[] = {
	{
	    .name = "rust",
	    .command = { rust_command, FBY_NELEM(rust_command) },
	    .protocol = FBY_RUNTIME_NUMAFLOW,
	    .replicas = 1,
	    .metrics = { true, FBY_NUMAFLOW_PORT, FBY_METRICS_HTTPS },
	},
};

const struct fby_runtime *
fby_manifest_runtime_find(const struct fby_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->host.nruntimes; i++)
		if (strcmp(m->host.runtimes[i].name, name) == 0)
			return &m->host.runtimes[i];
	for (size_t i = 0; i < FBY_NELEM(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

bool
fby_manifest_uses(const struct fby_manifest *m, const char *runtime)
{
	const char *canary = m->host.canary.runtime;

	return strcmp(m->runtime, runtime) == 0 ||
	    (canary && strcmp(canary, runtime) == 0);
}

bool
fby_manifest_is_worker(const struct fby_manifest *m, const char *runtime)
{
	const struct fby_runtime *rt = fby_manifest_runtime_find(m, runtime);

	return rt ? rt->protocol == FBY_RUNTIME_WORKER :
		    strcmp(runtime, "c") == 0;
}

static bool
is_canary_worker(const struct fby_manifest *m)
{
	return m->host.canary.runtime &&
	    fby_manifest_is_worker(m, m->host.canary.runtime);
}

const char *
fby_manifest_workers_runtime(const struct fby_manifest *m)
{
	if (fby_manifest_is_worker(m, m->runtime))
		return m->runtime;
	return is_canary_worker(m) ? m->host.canary.runtime : NULL;
}

const char *
fby_manifest_canary_runtime(const struct fby_manifest *m)
{
	return is_canary_worker(m) && fby_manifest_is_worker(m, m->runtime) ?
	    m->host.canary.runtime :
	    NULL;
}

bool
fby_manifest_has_workers(const struct fby_manifest *m)
{
	return fby_manifest_workers_runtime(m) != NULL;
}

const char *
fby_manifest_foreign_runtime(const struct fby_manifest *m)
{
	return fby_manifest_is_worker(m, m->runtime) ? NULL : m->runtime;
}

const char *
fby_manifest_foreign_canary(const struct fby_manifest *m)
{
	return is_canary_worker(m) ? NULL : m->host.canary.runtime;
}

bool
fby_manifest_has_foreign(const struct fby_manifest *m)
{
	return fby_manifest_foreign_runtime(m) ||
	    fby_manifest_foreign_canary(m);
}

int64_t
fby_manifest_batch_size(const struct fby_manifest *m)
{
	return m->streaming ? 1 : m->read_batch_size;
}

int64_t
fby_manifest_http_port(const struct fby_manifest *m)
{
	const char *colon = strrchr(m->host.http_listen, ':');

	return colon ? strtoll(colon + 1, NULL, 10) : 0;
}

const char *
fby_manifest_protocol_word(int protocol)
{
	return protocol == FBY_RUNTIME_WORKER ? "worker" : "numaflow";
}

/* ---- checking --------------------------------------------------------- */

/* "c, rust and java" */
static void
add_names(struct fby_str *s, const struct fby_manifest *m)
{
	size_t left = 0;

	for (size_t i = 0; i < m->host.nruntimes; i++)
		left += strcmp(m->host.runtimes[i].name, "rust") != 0;
	fby_str_printf(s, "c%srust", left ? ", " : " and ");
	for (size_t i = 0; i < m->host.nruntimes; i++)
		if (strcmp(m->host.runtimes[i].name, "rust") != 0)
			fby_str_printf(s, "%s%s", --left ? ", " : " and ",
			    m->host.runtimes[i].name);
}

static void
unknown(const struct fby_manifest *m, const struct fby_node *entry,
    struct fby_err *err)
{
	const struct fby_node *value = fby_yaml_find(entry, "value");
	const char *where = value ? "spec.containerTemplate.env: " :
				    "environment: ";
	struct fby_pos pos = { NULL, 0, 0 };
	struct fby_str names;

	if (value)
		pos = value->pos;
	if (strcmp(m->runtime, "golang") == 0) {
		fby_err_add(err, pos,
		    "%s" FBY_MANIFEST_RUNTIME_ENV ": found \"golang\", the "
		    "data plane that Numaflow removed in 1.7; a program of "
		    "your own by that name is made known by spec.runtimes of "
		    "the Host document",
		    where);
		return;
	}
	fby_str_init(&names);
	add_names(&names, m);
	fby_err_add(err, pos,
	    "%s" FBY_MANIFEST_RUNTIME_ENV ": found \"%s\", "
	    "known are %s; others are made known by spec.runtimes of the Host "
	    "document",
	    where, m->runtime, names.p);
	fby_str_fini(&names);
}

static void
check_canary(const struct fby_manifest *m, struct fby_err *err)
{
	static const char path[] = "spec.canary.runtime";
	const char *name = m->host.canary.runtime;
	struct fby_str names;

	if (name == NULL)
		return;
	if (strcmp(name, m->runtime) == 0) {
		fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: found \"%s\", which moves all other partitions, too; "
		    "allowed is another runtime",
		    path, name);
		return;
	}
	if (strcmp(name, "c") == 0 || fby_manifest_runtime_find(m, name))
		return;
	fby_str_init(&names);
	add_names(&names, m);
	fby_err_add(err, fby_manifest_pos(m, path),
	    "%s: found \"%s\", known are %s; others are made known by "
	    "spec.runtimes",
	    path, name, names.p);
	fby_str_fini(&names);
}

/* We would ask ourselves, and always be content with the answer. */
static void
check_ports(const struct fby_manifest *m, const struct fby_runtime *rt,
    struct fby_err *err)
{
	if (rt->protocol != FBY_RUNTIME_NUMAFLOW || !rt->readiness.present ||
	    rt->readiness.port != fby_manifest_http_port(m))
		return;
	fby_err_add(err, fby_manifest_pos(m, "spec.http.listen"),
	    "spec.http.listen: found %s, and the readiness of the runtime "
	    "\"%s\" is asked for at the same port; allowed is another one",
	    m->host.http_listen, rt->name);
}

/* Only workers in C need nothing of it. */
static void
note_values(const struct fby_manifest *m)
{
	static const char path[] = "spec.containerTemplate.env";
	const struct fby_node *env = fby_manifest_node(m->mvtx, path);

	if (strcmp(m->runtime, "c") == 0 && m->host.canary.runtime == NULL)
		return;
	for (size_t i = 0; env && env->kind == FBY_NODE_LIST && i < env->n;
	     i++) {
		const struct fby_node *entry = env->items[i].node;
		const struct fby_item *from = fby_yaml_item(entry, "valueFrom");
		const struct fby_node *name = fby_yaml_find(entry, "name");

		if (from && name && name->kind == FBY_NODE_SCALAR)
			fby_err_add(m->notes, from->key_pos,
			    "%s[%zu].valueFrom: has no effect here: %s is not "
			    "set; spec.runtimes can set it",
			    path, i, name->text);
	}
}

void
fby_manifest_runtime_check(const struct fby_manifest *m, struct fby_err *err)
{
	const struct fby_node *entry = entry_find(m);
	const struct fby_runtime *rt = fby_manifest_runtime_find(m, m->runtime);

	check_canary(m, err);
	note_values(m);
	if (entry && fby_yaml_find(entry, "valueFrom"))
		fby_err_add(err, entry->pos,
		    "spec.containerTemplate.env: " FBY_MANIFEST_RUNTIME_ENV
		    " has valueFrom, allowed is a plain value");
	else if (strcmp(m->runtime, "c") != 0 && rt == NULL)
		unknown(m, entry, err);
	if (rt)
		check_ports(m, rt, err);
}
