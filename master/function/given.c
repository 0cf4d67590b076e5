/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function's program is given; see given.h.
 */
#include "shared/fby.h"

#include "master/function/given.h"

#include <event2/util.h>
#include <openssl/hmac.h>
#include <string.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/kafka/environment.h"
#include "shared/manifest/manifest.h"

#include "master/base/account.h"
#include "master/base/spawn.h"
#include "master/runtime/pod.h"

#define SOCKETS "{sockets}"

bool
fby_given_names_sockets(const struct fby_function *fn)
{
	for (size_t i = 0; i < fn->command.n; i++)
		if (strstr(fn->command.v[i], SOCKETS))
			return true;
	for (size_t i = 0; i < fn->env.n; i++)
		if (fn->env.v[i].value && strstr(fn->env.v[i].value, SOCKETS))
			return true;
	return false;
}

/* HOME= and the like, then what a container has; the later ones win. */
static char **
make_env(const struct fby_account *as, char *const *vars)
{
	const char **all;
	char **envp;
	size_t n = 0, k = 0;

	while (vars[n])
		n++;
	all = fby_calloc(n + FBY_ACCOUNT_VARS, sizeof(*all));
	for (size_t i = 0; as && i < FBY_ACCOUNT_VARS; i++)
		all[k++] = as->vars[i];
	for (size_t i = 0; i < n; i++)
		all[k++] = vars[i];
	envp = fby_spawn_env_foreign(all, k);
	free(all);
	return envp;
}

int
fby_given_make(const struct fby_manifest *m, enum fby_function_role role,
    const struct fby_given_place *at, const struct fby_account *as,
    struct fby_given *g, struct fby_err *err)
{
	const struct fby_function *fn = &m->functions[role];
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	const char *own[FBY_POD_FUNCTION_VARS];
	const struct fby_strings common = { own,
		fby_pod_function_vars(m, role, at->number, pool, own) };
	char **vars;

	*g = (struct fby_given){ .argv = NULL };
	vars = fby_environment_new(m, role, &common, at->sockets, err);
	fby_pool_free(pool);
	if (vars == NULL)
		return -1;
	g->argv = fby_calloc(fn->command.n + 1, sizeof(*g->argv));
	for (size_t i = 0; i < fn->command.n; i++)
		g->argv[i] = fby_environment_expand(fn->command.v[i], vars,
		    at->sockets);
	g->argc = fn->command.n;
	g->envp = make_env(as, vars);
	fby_environment_free(vars);
	return 0;
}

void
fby_given_fini(struct fby_given *g)
{
	for (size_t i = 0; i < g->argc; i++)
		free(g->argv[i]);
	free(g->argv);
	*g = (struct fby_given){ .argv = NULL };
}

/* ---- is it the same? -------------------------------------------------- */

/*
 * Whether a secret has another value than before must be seen, and the value
 * not be kept: a keyed hash, whose key lives as long as the master.
 */
static void
add_fingerprint(struct fby_str *s, const char *text)
{
	static uint8_t key[32];
	static bool is_made;
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!is_made)
		evutil_secure_rng_get_bytes(key, sizeof(key));
	is_made = true;
	if (HMAC(EVP_sha256(), key, sizeof(key), (const uint8_t *)text,
		strlen(text), mac, &n) == NULL)
		fby_mem_fatal();
	for (unsigned i = 0; i < n; i++)
		fby_str_printf(s, "%02x", mac[i]);
	fby_str_puts(s, "\n");
}

static void
add_secrets(struct fby_str *s, const struct fby_manifest *m,
    enum fby_function_role role)
{
	const struct fby_strings none = { NULL, 0 };
	struct fby_err err;
	char **vars;

	fby_err_init(&err);
	vars = fby_environment_new(m, role, &none, NULL, &err);
	if (vars == NULL)
		fby_str_puts(s, "?\n");
	for (size_t i = 0; vars && vars[i]; i++)
		add_fingerprint(s, vars[i]);
	fby_environment_free(vars);
	fby_err_fini(&err);
}

char *
fby_given_text(const struct fby_manifest *m, enum fby_function_role role)
{
	const struct fby_function *fn = &m->functions[role];
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printf(&s, "%s %" PRId64 " %" PRId64 " %d\n",
	    fn->user ? fn->user : "", fn->memory_bytes, fn->cpus_milli,
	    fn->isolation);
	/* Each with its length: no text can look like two. */
	for (size_t i = 0; i < fn->command.n; i++)
		fby_str_printf(&s, "%zu %s\n", strlen(fn->command.v[i]),
		    fn->command.v[i]);
	for (size_t i = 0; i < fn->env.n; i++) {
		const struct fby_variable *v = &fn->env.v[i];
		const bool is_text = v->value != NULL;

		fby_str_printf(&s, "%s %zu %s %s\n", v->name,
		    is_text ? strlen(v->value) : 0,
		    is_text ? v->value : v->secret.name,
		    is_text ? "" : v->secret.key);
	}
	add_secrets(&s, m, role);
	return fby_str_take(&s);
}
