/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a function; see environment.h.
 */
#include "shared/fby.h"

#include "shared/kafka/environment.h"

#include "shared/base/mem.h"
#include "shared/kafka/secret.h"
#include "shared/manifest/manifest.h"

#define SOCKETS "{sockets}"

/* ---- references ------------------------------------------------------- */

/* NULL: there is no such variable. */
static const char *
find(char *const *vars, const char *name, size_t len)
{
	for (size_t i = 0; vars && vars[i]; i++)
		if (strncmp(vars[i], name, len) == 0 && vars[i][len] == '=')
			return vars[i] + len + 1;
	return NULL;
}

/* What stands at p is added to `s`; the number of bytes that it was. */
static size_t
add_part(struct fby_str *s, const char *p, char *const *vars,
    const char *sockets)
{
	const size_t len = strlen(SOCKETS);
	const char *end, *value;

	if (sockets && strncmp(p, SOCKETS, len) == 0) {
		fby_str_puts(s, sockets);
		return len;
	}
	if (p[0] == '$' && p[1] == '$') {
		fby_str_add(s, p, 1);
		return 2;
	}
	if (p[0] == '$' && p[1] == '(' && (end = strchr(p, ')')) != NULL) {
		value = find(vars, p + 2, (size_t)(end - p) - 2);
		if (value)
			fby_str_puts(s, value);
		else
			fby_str_add(s, p, (size_t)(end - p) + 1);
		return (size_t)(end - p) + 1;
	}
	fby_str_add(s, p, 1);
	return 1;
}

char *
fby_environment_expand(const char *text, char *const *vars, const char *sockets)
{
	struct fby_str s;

	fby_str_init(&s);
	while (*text)
		text += add_part(&s, text, vars, sockets);
	return fby_str_take(&s);
}

/* ---- variables -------------------------------------------------------- */

/* 0 and NULL: it is not set. */
static int
value_of(const struct fby_manifest *m, const struct fby_variable *v,
    char *const *vars, const char *sockets, char **value, struct fby_err *err)
{
	char *path;
	int rc;

	if (v->value) {
		*value = fby_environment_expand(v->value, vars, sockets);
		return 0;
	}
	path = fby_asprintf("%s.valueFrom.secretKeyRef", v->path);
	rc = fby_secret_read(m, &v->secret, path, value, err);
	free(path);
	return rc;
}

static int
add_own(const struct fby_manifest *m, const struct fby_environment *env,
    const char *sockets, char **vars, size_t n, struct fby_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < env->n; i++) {
		const struct fby_variable *v = &env->v[i];
		char *value = NULL;

		if (find(vars, v->name, strlen(v->name)))
			continue;
		if (value_of(m, v, vars, sockets, &value, err) == -1)
			rc = -1;
		else if (value)
			vars[n++] = fby_asprintf("%s=%s", v->name, value);
		fby_secret_free(value);
	}
	return rc;
}

char **
fby_environment_new(const struct fby_manifest *m, enum fby_function_role role,
    const struct fby_strings *common, const char *sockets, struct fby_err *err)
{
	const struct fby_environment *env = &m->functions[role].env;
	char **vars = fby_calloc(common->n + env->n + 1, sizeof(*vars));

	for (size_t i = 0; i < common->n; i++)
		vars[i] = fby_strdup(common->v[i]);
	if (add_own(m, env, sockets, vars, common->n, err) == 0)
		return vars;
	fby_environment_free(vars);
	return NULL;
}

void
fby_environment_free(char **vars)
{
	for (size_t i = 0; vars && vars[i]; i++)
		fby_secret_free(vars[i]);
	free(vars);
}

int
fby_environment_try(const struct fby_manifest *m, struct fby_err *err)
{
	const struct fby_strings none = { NULL, 0 };
	int rc = 0;

	for (int i = 0; i < FBY_FUNCTION_N; i++) {
		char **vars;

		if (m->functions[i].command.n == 0)
			continue;
		vars = fby_environment_new(m, (enum fby_function_role)i, &none,
		    NULL, err);
		if (vars == NULL)
			rc = -1;
		fby_environment_free(vars);
	}
	return rc;
}
