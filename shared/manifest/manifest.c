/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a manifest answers about itself: places in its documents, and where its
 * run directory is.  It is made by manifest/load.c.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

void
fby_manifest_free(struct fby_manifest *m)
{
	if (m == NULL)
		return;
	fby_err_fini(m->notes);
	fby_pool_free(m->pool);
}

const char *
fby_manifest_run_dir(const struct fby_manifest *m)
{
	const char *env = getenv("RUNTIME_DIRECTORY");

	if (m->run_dir)
		return m->run_dir;
	if (m->host.run_directory)
		return m->host.run_directory;
	/* systemd lists several with colons; the first is ours. */
	if (env && *env == '/')
		return fby_pstrndup(m->pool, env, strcspn(env, ":"));
	return fby_psprintf(m->pool, "/run/forebay/%s", m->name);
}

/* The nearest node on the way to `path`. */
static const struct fby_node *
nearest_node(const struct fby_node *node, const char *path, bool *is_exact)
{
	*is_exact = false;
	while (*path) {
		const size_t len = strcspn(path, ".[");
		const struct fby_node *next = NULL;

		if (*path == '[') {
			const unsigned long i = strtoul(path + 1, NULL, 10);

			if (node->kind == FBY_NODE_LIST && i < node->n)
				next = node->items[i].node;
			path += strcspn(path, "]");
			path += *path == ']';
		} else if (node->kind == FBY_NODE_MAP) {
			for (size_t i = 0; i < node->n && !next; i++)
				if (strncmp(node->items[i].key, path, len) ==
					0 &&
				    node->items[i].key[len] == '\0')
					next = node->items[i].node;
			path += len;
		}
		if (next == NULL)
			return node;
		node = next;
		path += *path == '.';
	}
	*is_exact = true;
	return node;
}

const struct fby_node *
fby_manifest_node(const struct fby_node *root, const char *path)
{
	const struct fby_node *node;
	bool is_exact;

	if (root == NULL)
		return NULL;
	node = nearest_node(root, path, &is_exact);
	return is_exact && !fby_yaml_is_null(node) ? node : NULL;
}

struct fby_pos
fby_manifest_pos(const struct fby_manifest *m, const char *path)
{
	const bool is_host = !fby_conf_find(fby_manifest_mvtx_table, path) &&
	    fby_conf_find(fby_manifest_host_table, path);
	const struct fby_node *doc = is_host ? m->hostdoc : m->mvtx;
	struct fby_pos pos = { m->mvtx->pos.file, 0, 0 };
	bool is_exact;

	return doc ? nearest_node(doc, path, &is_exact)->pos : pos;
}

size_t
fby_manifest_count_keys(const struct fby_node *map, const char *const *keys,
    size_t n, struct fby_str *names)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (fby_yaml_find(map, keys[i]))
			fby_str_printf(names, "%s%s", found++ ? " and " : "",
			    keys[i]);
	return found;
}
