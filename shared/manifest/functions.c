/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function is once both documents are read, and what the rules of the
 * manifest say about it.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include <sys/un.h>

#include "shared/base/mem.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

#define HOST_PATH "spec.functions"
#define MAX_INSTANCE 127 /* of workers, or of `instances` */

/*
 * What the C workers cannot do yet.  Without its line a role is accepted, and
 * conf/REFERENCE.md (t/102-manifest-reference.t --write) has its settings.
 */
/* clang-format off */
static const char *const not_yet[FBY_FUNCTION_N] = {
	NULL, /* each role by its enum */
};
/* clang-format on */

/* ---- questions -------------------------------------------------------- */

bool
fby_manifest_has_functions(const struct fby_manifest *m)
{
	for (int i = 0; i < FBY_FUNCTION_N; i++)
		if (m->functions[i].present)
			return true;
	return false;
}

int64_t
fby_manifest_function_instance(const struct fby_manifest *m,
    enum fby_function_role role, uint32_t slot)
{
	const int64_t n = m->functions[role].instances;

	return n == 0 ? slot : slot % n;
}

const char *
fby_manifest_function_dir(const struct fby_manifest *m,
    enum fby_function_role role, uint32_t slot, char buf[FBY_FUNCTION_DIR])
{
	snprintf(buf, FBY_FUNCTION_DIR, "%s/functions/%s-%" PRId64,
	    fby_manifest_run_dir(m), fby_function_word(role),
	    fby_manifest_function_instance(m, role, slot));
	return buf;
}

/* ---- what is refused -------------------------------------------------- */

const char *
fby_manifest_function_refused(enum fby_function_role role)
{
	return not_yet[role];
}

static bool
is_under(const char *path, const char *section)
{
	const size_t len = strlen(section);

	return strncmp(path, section, len) == 0 &&
	    (path[len] == '\0' || path[len] == '.');
}

bool
fby_manifest_is_refused(const char *path)
{
	char host[64];
	int refused = 0;

	for (int i = 0; i < FBY_FUNCTION_N; i++) {
		const enum fby_function_role role = (enum fby_function_role)i;

		if (not_yet[i] == NULL)
			continue;
		refused++;
		snprintf(host, sizeof(host), HOST_PATH ".%s",
		    fby_function_word(role));
		if (is_under(path, fby_function_path(role)) ||
		    is_under(path, host))
			return true;
	}
	return refused == FBY_FUNCTION_N && is_under(path, HOST_PATH);
}

/* Where the role is named, in the map around it. */
static struct fby_pos
name_pos(const struct fby_node *doc, const char *path)
{
	const char *dot = strrchr(path, '.');
	char around[64];
	const struct fby_item *item;

	snprintf(around, sizeof(around), "%.*s", (int)(dot - path), path);
	item = fby_yaml_item(fby_manifest_node(doc, around), dot + 1);
	return item ? item->key_pos : doc->pos;
}

static void
check_refused(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	const char *path = fby_function_path(role);

	if (not_yet[role] && fby_manifest_uses(m, "c"))
		fby_err_add(err, name_pos(m->mvtx, path),
		    "%s: %s; another runtime may (NUMAFLOW_RUNTIME)", path,
		    not_yet[role]);
}

/* ---- both documents together ------------------------------------------ */

static struct fby_strings
join(struct fby_pool *pool, const struct fby_strings *a,
    const struct fby_strings *b)
{
	struct fby_strings all = { .n = 0 };

	if (a->n == 0)
		return all;
	all.v = fby_pcalloc(pool, (a->n + b->n + 1) * sizeof(*all.v));
	for (size_t i = 0; i < a->n; i++)
		all.v[all.n++] = a->v[i];
	for (size_t i = 0; i < b->n; i++)
		all.v[all.n++] = b->v[i];
	return all;
}

/* The later of two with one name counts, in the place of the earlier one. */
static void
add_variables(struct fby_environment *all, const struct fby_environment *more)
{
	for (size_t i = 0; i < more->n; i++) {
		size_t at = 0;

		while (at < all->n &&
		    strcmp(all->v[at].name, more->v[i].name) != 0)
			at++;
		all->v[at] = more->v[i];
		all->n += at == all->n;
	}
}

static void
complete(struct fby_manifest *m, enum fby_function_role role)
{
	struct fby_function *f = &m->functions[role];
	const struct fby_function_host *h = &m->host.functions[role];
	const struct fby_function_program *c = &f->container.program;

	f->command = join(m->pool,
	    h->program.has_command ? &h->program.command : &c->command,
	    h->program.has_args ? &h->program.args : &c->args);
	f->env.v = fby_pcalloc(m->pool,
	    (c->env.n + h->program.env.n + 1) * sizeof(*f->env.v));
	add_variables(&f->env, &c->env);
	add_variables(&f->env, &h->program.env);
	f->user = h->user;
	f->memory_bytes = h->memory_bytes;
	f->cpus_milli = h->cpus_milli;
	f->instances = h->instances;
	f->isolation = h->isolation;
}

/* ---- checks ----------------------------------------------------------- */

static const char *
host_path(const struct fby_manifest *m, enum fby_function_role role,
    const char *name)
{
	return fby_psprintf(m->pool, HOST_PATH ".%s%s%s",
	    fby_function_word(role), *name ? "." : "", name);
}

/* A path below the directory that nobody knows, the image's, is of no use. */
static void
check_command(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	const struct fby_function *f = &m->functions[role];
	const bool is_host = m->host.functions[role].program.has_command;
	const char *path = is_host ?
	    host_path(m, role, "command[0]") :
	    fby_psprintf(m->pool, "%s.container.command[0]",
		fby_function_path(role));
	const char *program = f->command.n > 0 ? f->command.v[0] : "/";

	if (*program == '\0' || (*program != '/' && strchr(program, '/')))
		fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: found \"%s\", allowed is an absolute path, or the "
		    "name of a program in PATH",
		    path, program);
}

/* How somebody else starts it is not forebay's to say. */
static void
check_unused(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	static const char *const names[] = { "args", "env", "user", "memory",
		"cpus" };
	const struct fby_node *map = fby_manifest_node(m->hostdoc,
	    host_path(m, role, ""));

	for (size_t i = 0; map && i < FBY_NELEM(names); i++) {
		const struct fby_item *item = fby_yaml_item(map, names[i]);

		if (item && m->functions[role].command.n == 0)
			fby_err_add(err, item->key_pos,
			    "%s: needs a command; without one somebody else "
			    "runs the function",
			    host_path(m, role, names[i]));
	}
}

/* Only what the function is to get must be known. */
static void
check_variables(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	const struct fby_function *f = &m->functions[role];
	const char *path;

	for (size_t i = 0; i < f->env.n && f->command.n > 0; i++) {
		const struct fby_variable *v = &f->env.v[i];

		path = fby_psprintf(m->pool, "%s.valueFrom", v->path);
		if (v->unknown)
			fby_err_add(err, fby_manifest_pos(m, path),
			    "%s: found %s, which is not known here; set %s in "
			    "%s",
			    path, v->unknown, v->name,
			    host_path(m, role, "env"));
		else if (v->value == NULL)
			fby_manifest_check_secret(fby_manifest_pos(m, path),
			    path, &v->secret, err);
	}
}

/* What came from a cluster has images that say what to start. */
static void
note_command(const struct fby_manifest *m, enum fby_function_role role)
{
	const char *path = fby_function_path(role);

	if (m->functions[role].command.n == 0 && fby_manifest_uses(m, "c"))
		fby_err_add(m->notes, name_pos(m->mvtx, path),
		    "%s: has no command: forebay does not start the function, "
		    "and the workers wait for its socket; %s can name one",
		    path, host_path(m, role, "command"));
}

/* What Kubernetes would give it, and forebay cannot. */
static void
note_missing(const struct fby_manifest *m, enum fby_function_role role)
{
	static const struct {
		const char *name, *what;
	} missing[] = {
		{ "envFrom", "environment variables" },
		{ "volumeMounts", "files" },
	};

	for (size_t i = 0; i < FBY_NELEM(missing); i++) {
		const char *path = fby_psprintf(m->pool, "%s.container.%s",
		    fby_function_path(role), missing[i].name);

		if (m->functions[role].command.n > 0 &&
		    fby_manifest_node(m->mvtx, path))
			fby_err_add(m->notes, fby_manifest_pos(m, path),
			    "%s: has no effect here: the function is started "
			    "without these %s",
			    path, missing[i].what);
	}
}

/* A socket's address has room for so much. */
static void
check_length(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	static const char path[] = "spec.runDirectory";
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	const char *dir = fby_manifest_run_dir(m);
	const size_t more = (size_t)snprintf(NULL, 0, "/functions/%s-%d/%s",
	    fby_function_word(role), MAX_INSTANCE, fby_function_socket(role));

	if (strlen(dir) + more > max)
		fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: found \"%s\", allowed with %s is a path of up to %zu "
		    "bytes: the name of a socket has to have room",
		    path, dir, fby_function_path(role), max - more);
}

static void
check_absent(const struct fby_manifest *m, enum fby_function_role role,
    struct fby_err *err)
{
	const char *path = host_path(m, role, "");

	if (m->host.functions[role].present)
		fby_err_add(err, name_pos(m->hostdoc, path),
		    "%s: the MonoVertex has no %s", path,
		    fby_function_path(role));
}

static void
check_groups(const struct fby_manifest *m, struct fby_err *err)
{
	const struct fby_item *item;

	item = fby_yaml_item(fby_manifest_node(m->mvtx, "spec.udf"), "groupBy");
	if (item && !fby_yaml_is_null(item->node) && !fby_manifest_uses(m, "c"))
		fby_err_add(err, item->key_pos,
		    "spec.udf.groupBy: a MonoVertex cannot reduce");
}

void
fby_manifest_check_functions(struct fby_manifest *m, struct fby_err *err)
{
	check_groups(m, err);
	for (int i = 0; i < FBY_FUNCTION_N; i++) {
		const enum fby_function_role role = (enum fby_function_role)i;

		if (!m->functions[i].present) {
			check_absent(m, role, err);
			continue;
		}
		complete(m, role);
		if (role == FBY_FUNCTION_TRANSFORMER ||
		    role == FBY_FUNCTION_MAP)
			fby_manifest_check_retry(m, &m->functions[role].retry,
			    fby_psprintf(m->pool, "%s.retryStrategy",
				fby_function_path(role)),
			    err);
		check_refused(m, role, err);
		check_command(m, role, err);
		check_unused(m, role, err);
		check_variables(m, role, err);
		note_command(m, role);
		note_missing(m, role);
		check_length(m, role, err);
	}
}
