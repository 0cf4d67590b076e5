/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directive tables of functions: the container sections of the MonoVertex, and
 * spec.functions of the Host document.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/tables.h"
#include "shared/yaml/yaml.h"

#define D(n, t, ...)                                        \
	{                                                   \
		.name = (n), .type = FBY_T_##t, __VA_ARGS__ \
	}
#define F(type, field) .offset = offsetof(struct type, field)
#define P(type, field) .present = FBY_PRESENT(struct type, field)
#define K8S(n, t, ...)                                              \
	{                                                           \
		.name = (n), .type = FBY_T_##t, .flags = FBY_D_K8S, \
		__VA_ARGS__                                         \
	}

#define MAX_INSTANCES 128
#define MILLI 1000
#define MAX_CPUS 4096
#define MIB (INT64_C(1) << 20)

/* ---- environment of a container --------------------------------------- */

struct entry { /* of the list `env` */
	const char *name, *value, *field;
	bool is_from, is_secret, is_field, is_map, is_resource, is_file;
	struct fby_secret secret;
};

/* clang-format off */
static const struct fby_directive field_table[] = {
	D("fieldPath", STR, F(entry, field), .flags = FBY_D_REQUIRED,
	    .help = "Field of the pod."),
	K8S("apiVersion", STR, .help = "Version of the schema."),
	{ 0 }
};

static const struct fby_directive from_table[] = {
	D("secretKeyRef", BLOCK, F(entry, secret), P(entry, is_secret),
	    .arg = fby_manifest_secret_table, .help = "Key of a secret."),
	D("fieldRef", BLOCK, P(entry, is_field), .arg = field_table,
	    .help = "Field of the pod."),
	K8S("configMapKeyRef", ANY, P(entry, is_map), .help = "Key."),
	K8S("resourceFieldRef", ANY, P(entry, is_resource), .help = "Limit."),
	K8S("fileKeyRef", ANY, P(entry, is_file), .help = "Key of a file."),
	{ 0 }
};

static const struct fby_directive entry_table[] = {
	D("name", STR, F(entry, name), .flags = FBY_D_REQUIRED,
	    .help = "Name."),
	D("value", STR, F(entry, value), .help = "Value."),
	D("valueFrom", BLOCK, P(entry, is_from), .arg = from_table,
	    .help = "Value from elsewhere."),
	{ 0 }
};
/* clang-format on */

/* What a pod's field is here: a variable that each function gets. */
static void
set_field(struct fby_variable *v, const char *field)
{
	static const struct {
		const char *field, *value;
	} known[] = {
		{ "metadata.name", "$(NUMAFLOW_POD)" },
		{ "metadata.namespace", "$(NUMAFLOW_NAMESPACE)" },
		{ "metadata.annotations['numaflow.numaproj.io/replica']",
		    "$(NUMAFLOW_REPLICA)" },
	};

	v->unknown = field;
	for (size_t i = 0; i < FBY_NELEM(known); i++)
		if (field && strcmp(field, known[i].field) == 0) {
			v->unknown = NULL;
			v->value = known[i].value;
		}
}

static void
set_from(struct fby_conf *c, struct fby_variable *v, const struct entry *e,
    struct fby_pos pos, const char *path)
{
	const int n = e->is_secret + e->is_field + e->is_map + e->is_resource +
	    e->is_file;

	if (n != 1 || (e->value && *e->value)) {
		fby_err_add(c->err, pos,
		    "%s: found %d sources of the value, allowed is one: value, "
		    "or one kind of valueFrom",
		    path, n + (e->value && *e->value));
		return;
	}
	v->value = NULL;
	if (e->is_secret)
		v->secret = e->secret;
	else if (e->is_field)
		set_field(v, e->field);
	else
		v->unknown = e->is_map ? "a config map" :
		    e->is_resource     ? "a limit of a container" :
					 "a file of a volume";
}

static bool
is_name(struct fby_conf *c, const char *name, struct fby_pos pos,
    const char *path)
{
	if (*name != '\0' && strchr(name, '=') == NULL)
		return true;
	fby_err_add(c->err, pos,
	    "%s: found \"%s\", allowed is a name that is not empty and has no "
	    "=",
	    path, name);
	return false;
}

static void
read_entry(struct fby_conf *c, struct fby_environment *env,
    const struct fby_node *node, const char *path)
{
	struct fby_variable *v = &env->v[env->n];
	struct entry e = { .name = NULL };

	fby_conf_read(c, entry_table, &e, node, path);
	if (e.name == NULL || !is_name(c, e.name, node->pos, path))
		return;
	v->name = e.name;
	v->path = path;
	v->value = e.value ? e.value : "";
	if (e.is_from)
		set_from(c, v, &e, node->pos, path);
	env->n++;
}

static int
set_env(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	struct fby_environment *env = field;

	if (node->kind != FBY_NODE_LIST)
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a list of names and values", path,
		    fby_yaml_describe(c->pool, node));
	env->n = 0;
	env->v = fby_pcalloc(c->pool, (node->n + 1) * sizeof(*env->v));
	for (size_t i = 0; i < node->n; i++)
		read_entry(c, env, node->items[i].node,
		    fby_psprintf(c->pool, "%s[%zu]", path, i));
	return 0;
}

static const struct fby_own env_type = {
	.syntax = "list of {name, value or valueFrom}",
	.like = FBY_T_ANY,
	.set = set_env,
};

/* ---- settings of the Host document with a syntax of their own --------- */

static int
set_host_env(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	struct fby_environment *env = field;

	if (node->kind != FBY_NODE_MAP)
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a map from names to values", path,
		    fby_yaml_describe(c->pool, node));
	env->n = 0;
	env->v = fby_pcalloc(c->pool, (node->n + 1) * sizeof(*env->v));
	for (size_t i = 0; i < node->n; i++) {
		const struct fby_item *item = &node->items[i];

		if (!is_name(c, item->key, item->key_pos, path))
			continue;
		if (item->node->kind != FBY_NODE_SCALAR) {
			fby_err_add(c->err, item->node->pos,
			    "%s.%s: found %s, allowed is a text", path,
			    item->key, fby_yaml_describe(c->pool, item->node));
			continue;
		}
		env->v[env->n++] = (struct fby_variable){
			.name = item->key,
			.value = item->node->text,
			.path = fby_psprintf(c->pool, "%s.%s", path, item->key),
		};
	}
	return 0;
}

static int
set_cpus(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	int64_t *milli = field;
	double x = -1;

	if (node->kind == FBY_NODE_SCALAR) {
		const size_t len = strlen(node->text);
		const bool is_milli = len > 1 && node->text[len - 1] == 'm';
		const char *digits = is_milli ?
		    fby_pstrndup(c->pool, node->text, len - 1) :
		    node->text;

		if (fby_units_num(digits, &x) != NULL)
			x = -1;
		else if (!is_milli)
			x *= MILLI;
	}
	if (!(x >= 1 && x <= MAX_CPUS * MILLI))
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a number of CPUs such as 2, 0.5 "
		    "or 500m",
		    path, fby_yaml_describe(c->pool, node));
	*milli = (int64_t)x;
	return 0;
}

static int
set_instances(struct fby_conf *c, void *field, const struct fby_node *node,
    const char *path)
{
	int64_t n = 0;

	if (node->kind != FBY_NODE_SCALAR ||
	    (strcmp(node->text, "auto") != 0 &&
		(fby_units_int(node->text, &n) != NULL || n < 1 ||
		    n > MAX_INSTANCES)))
		return fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is auto, or a whole number from 1 "
		    "to %d",
		    path, fby_yaml_describe(c->pool, node), MAX_INSTANCES);
	*(int64_t *)field = n;
	return 0;
}

/* clang-format off */
static const struct fby_own host_env_type = {
	.syntax = "map NAME: value", .like = FBY_T_ANY, .set = set_host_env,
};
static const struct fby_own cpus_type = {
	.syntax = "number of CPUs, or thousandths (500m)", .like = FBY_T_INT,
	.set = set_cpus,
};
static const struct fby_own instances_type = {
	.syntax = "auto or whole number", .like = FBY_T_INT,
	.set = set_instances,
};

/* ---- container sections ----------------------------------------------- */

#define C(field) .offset = offsetof(struct fby_function, container.field)
#define HAS(field)                                                            \
	.present = FBY_PRESENT(struct fby_function, container.program.field)

static const struct fby_directive container_table[] = {
	D("image", STR, C(image),
	    .help = "Without effect here; Numaflow requires it."),
	D("command", STRS, C(program.command), HAS(has_command),
	    .help = "Program and arguments: the master starts it and keeps it "
		"running. Without a command somebody else starts the "
		"function, and the workers wait for its socket."),
	D("args", STRS, C(program.args), HAS(has_args),
	    .help = "More arguments."),
	D("env", OWN, C(program.env), .arg = &env_type,
	    .help = "Environment variables. `valueFrom` may name a secret "
		"(`secretKeyRef`), or the pod's `metadata.name` or "
		"`metadata.namespace`. `$(NAME)` in command, args and values "
		"stands for another variable, as in Kubernetes."),
	K8S("envFrom", LIST, .help = "Further environment."),
	K8S("volumeMounts", LIST, .help = "Mounts of volumes."),
	K8S("resources", ANY, .help = "Requests and limits; see memory and "
		"cpus of spec.functions."),
	K8S("securityContext", ANY, .help = "Security context; see user of "
		"spec.functions."),
	K8S("imagePullPolicy", STR, .help = "Image pull policy."),
	K8S("readinessProbe", ANY, .help = "Readiness probe."),
	K8S("livenessProbe", ANY, .help = "Liveness probe."),
	K8S("ports", LIST, .help = "Ports."),
	{ 0 }
};

#define CONTAINER                                                             \
	D("container", BLOCK, .flags = FBY_D_REQUIRED, .arg = container_table,\
	    .help = "The function's program.")
#define RETRY(text)                                                           \
	D("retryStrategy", BLOCK, F(fby_function, retry),                     \
	    .arg = fby_manifest_stage_retry, .help = (text))

const struct fby_directive fby_manifest_transformer[] = {
	CONTAINER,
	RETRY("What a worker does when the transformer fails for a record."),
	{ 0 }
};

const struct fby_directive fby_manifest_map[] = {
	CONTAINER,
	RETRY("What a worker does when the map function fails for a record."),
	D("groupBy", ANY, .flags = FBY_D_REFUSED,
	    .arg = "a MonoVertex cannot reduce",
	    .help = "A MonoVertex cannot reduce."),
	{ 0 }
};

const struct fby_directive fby_manifest_udsink[] = {
	CONTAINER,
	{ 0 }
};

/* ---- spec.functions --------------------------------------------------- */

#define H(field) .offset = offsetof(struct fby_function_host, field)

static const struct fby_enum isolation_names[] = {
	{ "auto", FBY_FUNCTION_ISOLATION_AUTO },
	{ "namespace", FBY_FUNCTION_ISOLATION_NAMESPACE },
	{ "none", FBY_FUNCTION_ISOLATION_NONE },
	{ 0 }
};

static const struct fby_directive function_table[] = {
	D("command", STRS, H(program.command),
	    P(fby_function_host, program.has_command),
	    .unset = "the container's",
	    .help = "Program and arguments: an absolute path, or a name that "
		"is looked for in PATH. `{sockets}` stands for the directory "
		"of the function's socket. An empty list: somebody else "
		"starts the function."),
	D("args", STRS, H(program.args),
	    P(fby_function_host, program.has_args),
	    .unset = "the container's", .help = "More arguments."),
	D("env", OWN, H(program.env), .arg = &host_env_type,
	    .help = "Environment variables, beside the container's; one of "
		"the same name replaces it."),
	D("user", STR, H(user), .flags = FBY_D_RAW, .unset = "forebay's own",
	    .help = "User of the machine, by name or number, that it runs as. "
		"Takes a forebay that runs as root."),
	D("memory", BYTES, H(memory_bytes), .min = MIB,
	    .max = INT64_C(1) << 50, .unset = "no limit",
	    .help = "Memory limit of each instance, where forebay may make "
		"control groups."),
	D("cpus", OWN, H(cpus_milli), .arg = &cpus_type, .unset = "no limit",
	    .help = "CPU limit of each instance, where forebay may make "
		"control groups."),
	D("instances", OWN, H(instances), .dflt = "auto",
	    .arg = &instances_type,
	    .help = "auto: one process for each worker. A number: so many, "
		"which the workers share."),
	D("isolation", ENUM, H(isolation), .dflt = "auto",
	    .arg = isolation_names,
	    .help = "Whether the function sees its directory as "
		"`/var/run/numaflow`, in a mount namespace of its own: auto, "
		"if forebay may make one; namespace, always, or it is not "
		"started; none, never."),
	{ 0 }
};

#define FUNCTION(n, role, text)                                               \
	D(n, BLOCK,                                                           \
	    F(fby_manifest, host.functions[FBY_FUNCTION_##role]),             \
	    P(fby_manifest, host.functions[FBY_FUNCTION_##role].present),     \
	    .arg = function_table, .help = (text))

const struct fby_directive fby_manifest_host_functions[] = {
	FUNCTION("transformer", TRANSFORMER, "Of spec.source.transformer."),
	FUNCTION("map", MAP, "Of spec.udf."),
	FUNCTION("sink", SINK, "Of spec.sink.udsink."),
	FUNCTION("fallback", FALLBACK, "Of spec.sink.fallback.udsink."),
	FUNCTION("onSuccess", SUCCESS, "Of spec.sink.onSuccess.udsink."),
	{ 0 }
};
/* clang-format on */
