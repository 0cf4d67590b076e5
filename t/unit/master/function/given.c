/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function's program is given: placeholders, variables, secrets.
 */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/base/spawn.h"
#include "master/function/given.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"
#include "shared/yaml/yaml.h"

#define SOCKETS "/run/f/functions/sink-1"

static struct fby_node nothing = { .kind = FBY_NODE_MAP };
static struct fby_manifest m;
static struct fby_function *fn = &m.functions[FBY_FUNCTION_SINK];
static struct fby_variable vars[8];
static const char *words[8];
static struct fby_pool *pool;
static struct fby_err err;
static struct fby_given given;
static char secrets[64];

static int
begin(void **state)
{
	(void)state;
	m = (struct fby_manifest){ .name = "demo", .namespace_ = "default" };
	fn->present = true;
	fn->command.v = words;
	fn->env.v = vars;
	snprintf(secrets, sizeof(secrets), "/tmp/given.XXXXXX");
	if (mkdtemp(secrets) == NULL)
		return -1;
	m.host.secrets_directory = secrets;
	m.mvtx = m.hostdoc = &nothing;
	pool = fby_pool_new(FBY_ARENA_CONFIG);
	m.pool = pool;
	fby_err_init(&err);
	given = (struct fby_given){ .argv = NULL };
	return 0;
}

static int
end(void **state)
{
	(void)state;
	fby_spawn_env_free(given.envp);
	fby_given_fini(&given);
	fby_err_fini(&err);
	fby_pool_free(pool);
	rmdir(secrets);
	return 0;
}

static void
command(const char *word)
{
	words[fn->command.n++] = word;
}

static void
variable(const char *name, const char *value)
{
	vars[fn->env.n++] = (struct fby_variable){ .name = name,
		.value = value };
}

static int
make(void)
{
	const struct fby_given_place at = { 1, SOCKETS };

	return fby_given_make(&m, FBY_FUNCTION_SINK, &at, NULL, &given, &err);
}

static const char *
env(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; given.envp[i]; i++)
		if (strncmp(given.envp[i], name, len) == 0 &&
		    given.envp[i][len] == '=')
			return given.envp[i] + len + 1;
	return "(not set)";
}

static void
its_environment_is_that_of_a_container(void **state)
{
	(void)state;
	command("/bin/true");
	fn->cpus_milli = 1500;
	fn->memory_bytes = 1 << 20;
	assert_int_equal(make(), 0);
	assert_string_equal(env("NUMAFLOW_UD_CONTAINER_TYPE"), "udsink");
	assert_string_equal(env("NUMAFLOW_MONO_VERTEX_NAME"), "demo");
	assert_string_equal(env("NUMAFLOW_NAMESPACE"), "default");
	assert_string_equal(env("NUMAFLOW_POD"), "demo-mv-1");
	assert_string_equal(env("NUMAFLOW_REPLICA"), "1");
	assert_string_equal(env("NUMAFLOW_CPU_LIMIT"), "2");
	assert_string_equal(env("NUMAFLOW_MEMORY_LIMIT"), "1048576");
}

static void
the_directory_of_its_socket_has_a_placeholder(void **state)
{
	(void)state;
	command("podman");
	command("-v{sockets}:/var/run/numaflow");
	command("{sockets}{sockets}");
	command("{socket}");
	variable("DIR", "{sockets}/x");
	assert_true(fby_given_names_sockets(fn));
	assert_int_equal(make(), 0);
	assert_int_equal(given.argc, 4);
	assert_string_equal(given.argv[1], "-v" SOCKETS ":/var/run/numaflow");
	assert_string_equal(given.argv[2], SOCKETS SOCKETS);
	assert_string_equal(given.argv[3], "{socket}");
	assert_string_equal(env("DIR"), SOCKETS "/x");
}

static void
without_a_placeholder_none_is_seen(void **state)
{
	(void)state;
	command("/bin/true");
	variable("A", "$(sockets)");
	assert_false(fby_given_names_sockets(fn));
	variable("B", "{sockets}");
	assert_true(fby_given_names_sockets(fn));
}

static void
a_secret_that_is_missing_is_an_error(void **state)
{
	char *text;

	(void)state;
	command("/bin/true");
	variable("KEY", NULL);
	vars[0].path = "spec.sink.udsink.container.env";
	vars[0].secret = (struct fby_secret){ .name = "login", .key = "key" };
	assert_int_equal(make(), -1);
	text = fby_err_text(&err);
	assert_non_null(
	    strstr(text, "spec.sink.udsink.container.env.valueFrom"));
	free(text);
}

static void
put_secret(const char *value)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/login", secrets);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/login/key", secrets);
	assert_non_null(file = fopen(path, "w"));
	fputs(value, file);
	assert_int_equal(fclose(file), 0);
}

static void
remove_secret(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/login/key", secrets);
	unlink(path);
	snprintf(path, sizeof(path), "%s/login", secrets);
	rmdir(path);
}

static void
assert_differs(char *before)
{
	char *now = fby_given_text(&m, FBY_FUNCTION_SINK);

	assert_string_not_equal(before, now);
	free(now);
	free(before);
}

static void
each_setting_makes_a_difference(void **state)
{
	char *before;

	(void)state;
	command("/bin/true");
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	command("a");
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	variable("A", "a");
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	vars[0].value = "b";
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	vars[0].value = NULL;
	vars[0].secret = (struct fby_secret){ .name = "b", .key = "k" };
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	vars[0].secret.key = "l";
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	fn->user = "nobody";
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	fn->memory_bytes = 1;
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	fn->cpus_milli = 1;
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	fn->isolation = FBY_FUNCTION_ISOLATION_NONE;
	assert_differs(before);
}

static void
so_does_the_value_of_a_secret(void **state)
{
	char *before, *same;

	(void)state;
	command("/bin/true");
	variable("KEY", NULL);
	vars[0].path = "spec.sink.udsink.container.env";
	vars[0].secret = (struct fby_secret){ .name = "login", .key = "key" };
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	put_secret("one");
	assert_differs(before);
	before = fby_given_text(&m, FBY_FUNCTION_SINK);
	assert_null(strstr(before, "one"));
	put_secret("one");
	same = fby_given_text(&m, FBY_FUNCTION_SINK);
	assert_string_equal(before, same);
	free(same);
	put_secret("two");
	assert_differs(before);
	remove_secret();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_environment_is_that_of_a_container),
		TEST(the_directory_of_its_socket_has_a_placeholder),
		TEST(without_a_placeholder_none_is_seen),
		TEST(a_secret_that_is_missing_is_an_error),
		TEST(each_setting_makes_a_difference),
		TEST(so_does_the_value_of_a_secret),
	};

	return UNIT_RUN(tests);
}
