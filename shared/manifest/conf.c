/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a map of a document after a directive table; see conf.h.
 *
 * Every setter has the same shape: check the node, complain or store.  It
 * gets NULL for the field when a value is to be checked and not stored.
 */
#include "shared/fby.h"

#include "shared/manifest/conf.h"

#include "shared/base/mem.h"
#include "shared/base/nearest.h"
#include "shared/base/str.h"
#include "shared/base/units.h"
#include "shared/yaml/yaml.h"

/* What a setter works on. */
struct value {
	struct fby_conf *c;
	const struct fby_directive *d;
	const struct fby_node *node;
	const char *path;
	const char *found; /* the node, in words */
};

/* ---- setters ---------------------------------------------------------- */

static int
set_str(const struct value *v, const char **field)
{
	const enum fby_yaml_type type = fby_yaml_type(v->node);

	if (type == FBY_YAML_LIST || type == FBY_YAML_MAP)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a text", v->path, v->found);
	if (type != FBY_YAML_STR && !(v->d->flags & FBY_D_RAW))
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a text: put it in quotes",
		    v->path, v->found);
	if (v->node->text[0] == '\0' && (v->d->flags & FBY_D_REQUIRED))
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found an empty text, allowed is one that is not",
		    v->path);
	if (field)
		*field = v->node->text;
	return 0;
}

static int
set_bool(const struct value *v, bool *field)
{
	if (fby_yaml_type(v->node) != FBY_YAML_BOOL)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is true or false", v->path,
		    v->found);
	if (field)
		*field = fby_yaml_is_true(v->node);
	return 0;
}

static int
set_int(const struct value *v, int64_t *field)
{
	const char *wrong = "which is no whole number";
	int64_t n = 0;

	if (fby_yaml_type(v->node) == FBY_YAML_INT)
		wrong = fby_units_int(v->node->text, &n);
	if (wrong || n < v->d->min || n > v->d->max)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a whole number from %" PRId64
		    " to %" PRId64,
		    v->path, v->found, v->d->min, v->d->max);
	if (field)
		*field = n;
	return 0;
}

static int
set_num(const struct value *v, double *field)
{
	const enum fby_yaml_type type = fby_yaml_type(v->node);
	const char *wrong = "which is no number";
	double x = 0;

	if (type == FBY_YAML_INT || type == FBY_YAML_FLOAT)
		wrong = fby_units_num(v->node->text, &x);
	if (wrong || x < (double)v->d->min || x > (double)v->d->max)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a number from %" PRId64
		    " to %" PRId64,
		    v->path, v->found, v->d->min, v->d->max);
	if (field)
		*field = x;
	return 0;
}

static int
set_msec(const struct value *v, int64_t *field)
{
	const char *wrong = "which is no duration";
	int64_t ms = 0;

	switch (fby_yaml_type(v->node)) {
	case FBY_YAML_INT:
	case FBY_YAML_FLOAT:
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, which has no unit: write %ss or %sms",
		    v->path, v->found, v->node->text, v->node->text);
	case FBY_YAML_STR:
		wrong = fby_units_duration(v->node->text, &ms);
		break;
	default:
		break;
	}
	if (wrong)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, %s, allowed is a duration such as 500ms "
		    "or 1m30s",
		    v->path, v->found, wrong);
	if (ms < v->d->min || ms > v->d->max)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a duration from %s to %s",
		    v->path, v->found,
		    fby_units_duration_text(v->c->pool, v->d->min),
		    fby_units_duration_text(v->c->pool, v->d->max));
	if (field)
		*field = ms;
	return 0;
}

static int
set_bytes(const struct value *v, int64_t *field)
{
	const char *wrong = "which is no size";
	int64_t n = 0;

	if (v->node->kind == FBY_NODE_SCALAR)
		wrong = fby_units_bytes(v->node->text, &n);
	if (wrong)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, %s, allowed is a size such as 64MiB or 1GB",
		    v->path, v->found, wrong);
	if (n < v->d->min || n > v->d->max)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a size from %s to %s", v->path,
		    v->found, fby_units_bytes_text(v->c->pool, v->d->min),
		    fby_units_bytes_text(v->c->pool, v->d->max));
	if (field)
		*field = n;
	return 0;
}

static const char *
enum_names(struct fby_pool *pool, const struct fby_enum *e)
{
	struct fby_str s;
	const char *text;

	fby_str_init(&s);
	for (; e->name; e++)
		fby_str_printf(&s, "%s%s",
		    s.len == 0    ? "" :
			e[1].name ? ", " :
				    " or ",
		    *e->name ? e->name : "\"\"");
	text = fby_pstrdup(pool, s.p);
	fby_str_fini(&s);
	return text;
}

static int
set_enum(const struct value *v, int *field)
{
	const struct fby_enum *e = v->d->arg;
	const char *text = v->node->text;

	if (v->node->kind == FBY_NODE_SCALAR)
		for (; e->name; e++)
			if (strcmp(e->name, text) == 0 ||
			    ((v->d->flags & FBY_D_NOCASE) &&
				strcasecmp(e->name, text) == 0)) {
				if (field)
					*field = e->value;
				return 0;
			}
	return fby_err_add(v->c->err, v->node->pos,
	    "%s: found %s, allowed is %s", v->path, v->found,
	    enum_names(v->c->pool, v->d->arg));
}

int
fby_conf_strings(struct fby_conf *c, struct fby_strings *out,
    const struct fby_node *node, const char *path)
{
	static const struct fby_directive item = { .type = FBY_T_STR };
	const size_t n = node->n;
	int rc = 0;

	if (node->kind != FBY_NODE_LIST)
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a list of texts", path,
		    fby_yaml_describe(c->pool, node));
	out->n = n;
	out->v = fby_pcalloc(c->pool, (n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < n; i++) {
		const struct fby_node *at = node->items[i].node;
		const struct value v = { c, &item, at,
			fby_psprintf(c->pool, "%s[%zu]", path, i),
			fby_yaml_describe(c->pool, at) };

		if (set_str(&v, &out->v[i]) == -1)
			rc = -1;
	}
	if (rc == -1)
		out->n = 0;
	return rc;
}

static int
set_strs(const struct value *v, struct fby_strings *field)
{
	struct fby_strings out;

	if (fby_conf_strings(v->c, &out, v->node, v->path) == -1)
		return -1;
	if (out.n < (size_t)v->d->min)
		return fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a list of at least %" PRId64,
		    v->path, v->found, v->d->min);
	if (field)
		*field = out;
	return 0;
}

static void
read_list(const struct value *v)
{
	if (v->node->kind != FBY_NODE_LIST) {
		fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a list", v->path, v->found);
		return;
	}
	for (size_t i = 0; v->d->arg && i < v->node->n; i++)
		fby_conf_read(v->c, v->d->arg, NULL, v->node->items[i].node,
		    fby_psprintf(v->c->pool, "%s[%zu]", v->path, i));
}

static void
read_map(const struct value *v)
{
	const struct fby_directive item = { .type = FBY_T_STR,
		.flags = v->d->flags & FBY_D_RAW };

	if (v->node->kind != FBY_NODE_MAP) {
		fby_err_add(v->c->err, v->node->pos,
		    "%s: found %s, allowed is a map", v->path, v->found);
		return;
	}
	for (size_t i = 0; i < v->node->n; i++) {
		const struct fby_item *it = &v->node->items[i];
		const struct value sub = { v->c, &item, it->node,
			fby_psprintf(v->c->pool, "%s.%s", v->path, it->key),
			fby_yaml_describe(v->c->pool, it->node) };

		if (!fby_yaml_is_null(it->node))
			set_str(&sub, NULL);
	}
}

/* ---- rows ------------------------------------------------------------- */

static void
set_row(const struct value *v, void *field)
{
	const struct fby_own *own = v->d->arg;

	switch (v->d->type) {
	case FBY_T_STR:
		set_str(v, field);
		break;
	case FBY_T_BOOL:
		set_bool(v, field);
		break;
	case FBY_T_INT:
		set_int(v, field);
		break;
	case FBY_T_NUM:
		set_num(v, field);
		break;
	case FBY_T_MSEC:
		set_msec(v, field);
		break;
	case FBY_T_BYTES:
		set_bytes(v, field);
		break;
	case FBY_T_ENUM:
		set_enum(v, field);
		break;
	case FBY_T_STRS:
		set_strs(v, field);
		break;
	case FBY_T_BLOCK:
		fby_conf_read(v->c, v->d->arg, field, v->node, v->path);
		break;
	case FBY_T_LIST:
		read_list(v);
		break;
	case FBY_T_MAP:
		read_map(v);
		break;
	case FBY_T_ANY:
		break;
	case FBY_T_OWN:
		own->set(v->c, field, v->node, v->path);
		break;
	}
}

static void
set_default(const struct value *v, void *field)
{
	struct fby_node node = { .kind = FBY_NODE_SCALAR,
		.plain = true,
		.text = v->d->dflt };
	struct value dflt = *v;

	if (v->d->type == FBY_T_BLOCK) {
		fby_conf_read(v->c, v->d->arg, field, NULL, v->path);
		return;
	}
	if (v->d->dflt == NULL || field == NULL)
		return;
	node.plain = *v->d->dflt != '\0'; /* else it would be null */
	dflt.node = &node;
	dflt.found = v->d->dflt;
	set_row(&dflt, field);
}

static void
read_row(struct fby_conf *c, const struct fby_directive *d, void *base,
    const struct fby_node *map, const char *path)
{
	const struct fby_item *item = fby_yaml_item(map, d->name);
	struct value v = { c, d, fby_yaml_find(map, d->name), NULL, NULL };
	void *field = NULL;

	v.path = *path ? fby_psprintf(c->pool, "%s.%s", path, d->name) :
			 d->name;
	if (base && !(d->flags & (FBY_D_K8S | FBY_D_REFUSED)) &&
	    d->type != FBY_T_ANY && d->type != FBY_T_LIST &&
	    d->type != FBY_T_MAP)
		field = (char *)base + d->offset;
	if (v.node == NULL) {
		if (map && (d->flags & FBY_D_REQUIRED))
			fby_err_add(c->err, item ? item->node->pos : map->pos,
			    "%s: required", v.path);
		set_default(&v, field);
		return;
	}
	if (d->flags & FBY_D_REFUSED) {
		if (c->is_c)
			fby_err_add(c->err, item->key_pos, "%s: %s", v.path,
			    (const char *)d->arg);
		return;
	}
	if (base && d->present)
		*((bool *)base + (d->present - 1)) = true;
	v.found = fby_yaml_describe(c->pool, v.node);
	set_row(&v, field);
}

static void
unknown_key(struct fby_conf *c, const struct fby_directive *table,
    const struct fby_item *item, const char *path)
{
	struct fby_nearest nearest;

	fby_nearest_init(&nearest, item->key);
	for (const struct fby_directive *d = table; d->name; d++)
		fby_nearest_try(&nearest, d->name);
	if (nearest.best)
		fby_err_add(c->err, item->key_pos,
		    "%s%s%s: unknown key, did you mean `%s`?", path,
		    *path ? "." : "", item->key, nearest.best);
	else
		fby_err_add(c->err, item->key_pos, "%s%s%s: unknown key", path,
		    *path ? "." : "", item->key);
}

void
fby_conf_read(struct fby_conf *c, const struct fby_directive *table, void *base,
    const struct fby_node *node, const char *path)
{
	const struct fby_directive *d;

	if (node && node->kind != FBY_NODE_MAP) {
		fby_err_add(c->err, node->pos, "%s: found %s, allowed is a map",
		    path, fby_yaml_describe(c->pool, node));
		node = NULL;
	}
	for (d = table; d->name; d++)
		read_row(c, d, base, node, path);
	for (size_t i = 0; node && i < node->n; i++) {
		for (d = table; d->name; d++)
			if (strcmp(d->name, node->items[i].key) == 0)
				break;
		if (d->name == NULL)
			unknown_key(c, table, &node->items[i], path);
	}
}
