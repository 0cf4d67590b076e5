/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a MonoVertex sets and has no effect here, for `forebay test --ignored`.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/str.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

static void
list(struct fby_str *s, const struct fby_directive *table,
    const struct fby_node *map, const char *path)
{
	for (const struct fby_directive *d = table; d->name; d++) {
		const struct fby_item *item = fby_yaml_item(map, d->name);
		struct fby_str at;

		if (item == NULL || fby_yaml_is_null(item->node))
			continue;
		fby_str_init(&at);
		fby_str_printf(&at, "%s.%s", path, d->name);
		if (d->flags & FBY_D_K8S)
			fby_str_printf(s, "%s:%d:%d: %s: no effect here (%s)\n",
			    item->key_pos.file, item->key_pos.line,
			    item->key_pos.col, at.p, d->help);
		else if (d->type == FBY_T_BLOCK)
			list(s, d->arg, item->node, at.p);
		fby_str_fini(&at);
	}
}

char *
fby_manifest_ignored(const struct fby_manifest *m)
{
	const struct fby_directive
	    *spec = fby_conf_find(fby_manifest_mvtx_table, "spec");
	struct fby_str s;

	fby_str_init(&s);
	list(&s, spec->arg, fby_yaml_find(m->mvtx, "spec"), "spec");
	return fby_str_take(&s);
}
