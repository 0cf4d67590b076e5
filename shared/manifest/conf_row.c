/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about a row of a directive table and its field; conf.c reads.
 */
#include "shared/fby.h"

#include "shared/manifest/conf.h"

#include "shared/base/mem.h"
#include "shared/base/units.h"

const struct fby_directive *
fby_conf_find(const struct fby_directive *table, const char *path)
{
	const size_t len = strcspn(path, ".[");
	const char *rest = path + len;

	for (const struct fby_directive *d = table; d->name; d++) {
		if (strncmp(d->name, path, len) != 0 || d->name[len] != '\0')
			continue;
		if (*rest == '[')
			rest += strcspn(rest, ".");
		if (*rest == '\0')
			return d;
		if ((d->type != FBY_T_BLOCK && d->type != FBY_T_LIST) ||
		    d->arg == NULL)
			return d;
		return fby_conf_find(d->arg, rest + 1);
	}
	return NULL;
}

enum fby_policy
fby_conf_policy(const struct fby_directive *d, enum fby_policy block)
{
	if (d->flags & FBY_D_K8S)
		return FBY_POLICY_NONE;
	if (d->flags & FBY_D_RESTART)
		return FBY_POLICY_RESTART;
	if (d->flags & (FBY_D_ROLL | FBY_D_REFUSED))
		return FBY_POLICY_ROLL;
	if (d->flags & FBY_D_LIVE)
		return FBY_POLICY_LIVE;
	return block;
}

bool
fby_conf_is_present(const struct fby_directive *d, const void *base)
{
	return d->present == 0 || ((const bool *)base)[d->present - 1];
}

static bool
is_str_equal(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_strs_equal(const struct fby_strings *a, const struct fby_strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!is_str_equal(a->v[i], b->v[i]))
			return false;
	return true;
}

static enum fby_type
stored_type(const struct fby_directive *d)
{
	const struct fby_own *own = d->arg;

	if (d->flags & (FBY_D_K8S | FBY_D_REFUSED))
		return FBY_T_ANY;
	return d->type == FBY_T_OWN ? own->like : d->type;
}

bool
fby_conf_is_equal(const struct fby_directive *d, const void *base_a,
    const void *base_b)
{
	const void *a = (const char *)base_a + d->offset;
	const void *b = (const char *)base_b + d->offset;

	switch (stored_type(d)) {
	case FBY_T_STR:
		return is_str_equal(*(char *const *)a, *(char *const *)b);
	case FBY_T_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case FBY_T_INT:
	case FBY_T_MSEC:
	case FBY_T_BYTES:
		return *(const int64_t *)a == *(const int64_t *)b;
	case FBY_T_NUM:
		return !(*(const double *)a < *(const double *)b) &&
		    !(*(const double *)a > *(const double *)b);
	case FBY_T_ENUM:
		return *(const int *)a == *(const int *)b;
	case FBY_T_STRS:
		return is_strs_equal(a, b);
	default:
		return true;
	}
}

static const char *
enum_name(const struct fby_enum *e, int value)
{
	while (e->name && e->value != value)
		e++;
	return e->name;
}

const char *
fby_conf_text(struct fby_pool *pool, const struct fby_directive *d,
    const void *base)
{
	const void *field = (const char *)base + d->offset;

	if (d->flags & (FBY_D_K8S | FBY_D_REFUSED))
		return NULL;
	switch (d->type) {
	case FBY_T_STR:
		return *(char *const *)field;
	case FBY_T_BOOL:
		return *(const bool *)field ? "true" : "false";
	case FBY_T_INT:
		return fby_psprintf(pool, "%" PRId64, *(const int64_t *)field);
	case FBY_T_NUM:
		return fby_psprintf(pool, "%g", *(const double *)field);
	case FBY_T_MSEC:
		return fby_units_duration_text(pool, *(const int64_t *)field);
	case FBY_T_BYTES:
		return fby_units_bytes_text(pool, *(const int64_t *)field);
	case FBY_T_ENUM:
		return enum_name(d->arg, *(const int *)field);
	default:
		return NULL;
	}
}
