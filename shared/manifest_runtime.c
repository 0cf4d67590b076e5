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

#include "shared/manifest.h"

#include "shared/manifest_tables.h"
#include "shared/str.h"
#include "shared/yaml.h"

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

static bool
is_known(const struct fby_manifest *m)
{
	if (strcmp(m->runtime, "c") == 0)
		return true;
	for (size_t i = 0; i < m->host.nruntimes; i++)
		if (strcmp(m->host.runtimes[i].name, m->runtime) == 0)
			return true;
	return false;
}

static void
unknown(const struct fby_manifest *m, const struct fby_node *entry,
    struct fby_err *err)
{
	const struct fby_node *value = fby_yaml_find(entry, "value");
	struct fby_pos pos = { NULL, 0, 0 };
	struct fby_str known;

	fby_str_init(&known);
	fby_str_puts(&known, "c");
	for (size_t i = 0; i < m->host.nruntimes; i++)
		fby_str_printf(&known, "%s%s",
		    i + 1 < m->host.nruntimes ? ", " : " and ",
		    m->host.runtimes[i].name);
	if (value)
		pos = value->pos;
	fby_err_add(err, pos,
	    "%s" FBY_MANIFEST_RUNTIME_ENV ": found \"%s\", "
	    "known %s %s; others are made known by spec.runtimes of the Host "
	    "document",
	    value ? "spec.containerTemplate.env: " : "environment: ",
	    m->runtime, m->host.nruntimes ? "are" : "is", known.p);
	fby_str_fini(&known);
}

void
fby_manifest_runtime_check(const struct fby_manifest *m, struct fby_err *err)
{
	const struct fby_node *entry = entry_find(m);

	if (entry && fby_yaml_find(entry, "valueFrom"))
		fby_err_add(err, entry->pos,
		    "spec.containerTemplate.env: " FBY_MANIFEST_RUNTIME_ENV
		    " has valueFrom, allowed is a plain value");
	else if (!is_known(m))
		unknown(m, entry, err);
}
