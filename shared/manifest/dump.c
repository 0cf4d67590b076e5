/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The effective manifest as YAML: every setting that has an effect, defaults
 * filled in, in the order of the tables, secrets as references.  What is
 * Kubernetes' business is left out.  Reading the dump again gives the same
 * manifest, but for values that are hidden.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/confidential.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/write.h"
#include "shared/yaml/yaml.h"

static void dump_table(struct fby_str *s, struct fby_pool *pool,
    const struct fby_directive *table, const void *base,
    const struct fby_node *node, int indent);

static void
dump_block(struct fby_str *s, struct fby_pool *pool,
    const struct fby_directive *d, const void *base,
    const struct fby_node *node, int indent)
{
	const void *sub = (const char *)base + d->offset;
	struct fby_str body;

	if (!fby_conf_is_present(d, base) ||
	    ((d->flags & FBY_D_SECRET) && node == NULL))
		return;
	fby_str_init(&body);
	dump_table(&body, pool, d->arg, sub, node, indent + 2);
	if (body.len > 0)
		fby_str_printf(s, "%*s%s:\n%s", indent, "", d->name, body.p);
	else if (d->present)
		fby_str_printf(s, "%*s%s: {}\n", indent, "", d->name);
	fby_str_fini(&body);
}

static void
dump_strings(struct fby_str *s, const struct fby_directive *d, const void *base,
    int indent)
{
	const struct fby_strings *list = (const void *)((const char *)base +
	    d->offset);

	if (list->n == 0) {
		if (d->present && fby_conf_is_present(d, base))
			fby_str_printf(s, "%*s%s: []\n", indent, "", d->name);
		return;
	}
	fby_str_printf(s, "%*s%s:\n", indent, "", d->name);
	for (size_t i = 0; i < list->n; i++) {
		fby_str_printf(s, "%*s- ", indent + 2, "");
		fby_yaml_write_text(s, list->v[i]);
		fby_str_puts(s, "\n");
	}
}

/* As it was written; else the default, which is in manifest syntax. */
static void
dump_own(struct fby_str *s, const struct fby_directive *d,
    const struct fby_node *node, int indent)
{
	if (node == NULL && d->dflt == NULL)
		return;
	fby_str_printf(s, "%*s%s:", indent, "", d->name);
	if (node)
		fby_yaml_write_value(s, node, indent + 2, fby_confidential_is);
	else
		fby_str_printf(s, " %s\n", d->dflt);
}

static void
dump_config(struct fby_str *s, const char *text, int indent)
{
	char *hidden = fby_yaml_write_hidden(text, fby_confidential_is);

	fby_str_printf(s, "%*sconfig:", indent, "");
	fby_yaml_write_block(s, hidden, indent + 2);
	free(hidden);
}

static bool
is_unset_number(const struct fby_directive *d, const void *base)
{
	const void *field = (const char *)base + d->offset;

	return d->dflt == NULL &&
	    (d->type == FBY_T_INT || d->type == FBY_T_MSEC ||
		d->type == FBY_T_BYTES) &&
	    *(const int64_t *)field == 0;
}

static void
dump_word(struct fby_str *s, struct fby_pool *pool,
    const struct fby_directive *d, const void *base, int indent)
{
	const char *text = fby_conf_text(pool, d, base);

	if (text == NULL || is_unset_number(d, base))
		return;
	if (strcmp(d->name, "config") == 0) {
		dump_config(s, text, indent);
		return;
	}
	fby_str_printf(s, "%*s%s: ", indent, "", d->name);
	if (d->type == FBY_T_STR)
		fby_yaml_write_text(s, text);
	else
		fby_str_puts(s, text);
	fby_str_puts(s, "\n");
}

static void
dump_table(struct fby_str *s, struct fby_pool *pool,
    const struct fby_directive *table, const void *base,
    const struct fby_node *node, int indent)
{
	for (const struct fby_directive *d = table; d->name; d++) {
		const struct fby_node *value = fby_yaml_find(node, d->name);

		if (d->flags & FBY_D_K8S)
			continue;
		if (d->type == FBY_T_BLOCK)
			dump_block(s, pool, d, base, value, indent);
		else if (d->type == FBY_T_STRS)
			dump_strings(s, d, base, indent);
		else if (d->type == FBY_T_OWN || d->type == FBY_T_ANY)
			dump_own(s, d, value, indent);
		else
			dump_word(s, pool, d, base, indent);
	}
}

char *
fby_manifest_dump(const struct fby_manifest *m)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	struct fby_str s;

	fby_str_init(&s);
	fby_str_puts(&s,
	    "apiVersion: " FBY_MANIFEST_MVTX_API "\n"
	    "kind: MonoVertex\n");
	dump_table(&s, pool, fby_manifest_mvtx_table, m, m->mvtx, 0);
	fby_str_puts(&s,
	    "---\napiVersion: " FBY_MANIFEST_HOST_API "\n"
	    "kind: Host\n");
	dump_table(&s, pool, fby_manifest_host_table, m, m->hostdoc, 0);
	fby_pool_free(pool);
	return fby_str_take(&s);
}
