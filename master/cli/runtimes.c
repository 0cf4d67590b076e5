/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of runtimes; see runtimes.h.
 *
 * A version is what `PROGRAM --version` says within two seconds and exits
 * with 0; of a program that does not do that it is not known.
 */
#include "shared/fby.h"

#include "master/cli/runtimes.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/json.h"
#include "master/base/spawn.h"
#include "master/cli/client.h"
#include "master/cli/screen.h"
#include "master/cli/table.h"
#include "master/runtime/program.h"

#define VERSION_MS 2000
#define VERSION_BYTES 4096

/* ---- versions --------------------------------------------------------- */

/* Until end of file; false: too much, or too late. */
static bool
read_until(int fd, struct fby_str *s, int64_t until)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[512];
	ssize_t n;

	for (;;) {
		int64_t left = until - fby_clock_mono();

		if (left <= 0 || s->len > VERSION_BYTES)
			return false;
		if (poll(&pfd, 1, (int)left) < 1)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n == 0)
			return true;
		if (n > 0)
			fby_str_add(s, buf, (size_t)n);
		else if (errno != EINTR)
			return false;
	}
}

/* True if it has ended by itself, well. */
static bool
is_done(pid_t pid, int64_t until)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (fby_clock_mono() < until) {
			poll(NULL, 0, 5);
			continue;
		}
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
		return false;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Heap; NULL: not known. */
static char *
version_of(const char *path)
{
	char *program = fby_strdup(path), word[] = "--version";
	char *argv[] = { program, word, NULL }, **envp;
	int64_t until = fby_clock_mono() + VERSION_MS;
	struct fby_str s;
	bool is_good;
	int fds[2];
	pid_t pid;

	fby_str_init(&s);
	if (pipe2(fds, O_CLOEXEC) == -1) {
		free(program);
		return NULL;
	}
	envp = fby_spawn_env_foreign(NULL, 0);
	pid = fby_spawn(&(struct fby_spawn){
	    .exec_fd = -1,
	    .argv = argv,
	    .envp = envp,
	    .fds = { -1, fds[1], fds[1] },
	    .nfds = 3,
	    .cpu = -1,
	    .own_group = true,
	    .foreign = true,
	});
	fby_spawn_env_free(envp);
	close(fds[1]);
	is_good = pid != -1 && read_until(fds[0], &s, until);
	close(fds[0]);
	is_good = pid != -1 && is_done(pid, is_good ? until : 0) && is_good;
	free(program);
	if (s.len > 0)
		s.p[strcspn(s.p, "\r\n")] = '\0';
	if (is_good && s.len > 0 && *s.p)
		return fby_str_take(&s);
	fby_str_fini(&s);
	return NULL;
}

/* ---- rows ------------------------------------------------------------- */

struct list {
	const struct fby_manifest *m;
	const json_t *status; /* of the master that runs; NULL: none does */
	json_t *rows;
};

static const char *
said(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* It is in force, or has workers. */
static bool
is_running(const struct list *l, const char *name)
{
	const json_t *list = json_object_get(l->status, "runtimes");

	if (strcmp(said(l->status, "runtime"), name) == 0)
		return true;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (strcmp(said(o, "runtime"), name) == 0)
			return json_integer_value(
				   json_object_get(o, "workers")) > 0;
	}
	return false;
}

/* Why what runs is not ready; NULL: it is. */
static const char *
complaint(const struct list *l, const char *name)
{
	const json_t *list = json_object_get(l->status, "alarms");

	if (strcmp(said(l->status, "runtime"), name) == 0)
		return json_is_false(json_object_get(l->status, "ready")) ?
		    said(l->status, "reason") :
		    NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (strcmp(said(o, "what"), "canary") == 0)
			return said(o, "text");
	}
	return NULL;
}

/* `version` is taken. */
static void
add(struct list *l, const char *name, const char *protocol, const char *path,
    const char *fault, char *version)
{
	const char *canary = l->m->host.canary.runtime;
	bool is_chosen = strcmp(l->m->runtime, name) == 0;
	bool is_canary = canary && strcmp(canary, name) == 0;
	bool runs = is_running(l, name);
	const char *why = runs ? complaint(l, name) : NULL;
	json_t *o = json_object();

	fby_json_set(o, "name", fby_json_text(name));
	fby_json_set(o, "protocol", fby_json_text(protocol));
	fby_json_set(o, "state",
	    fby_json_text(why ? "not ready" :
		    runs      ? "running" :
		    fault     ? fault :
		    is_chosen ? "chosen" :
		    is_canary ? "canary" :
				"found"));
	fby_json_set(o, "chosen", json_boolean(is_chosen));
	fby_json_set(o, "canary", json_boolean(is_canary));
	fby_json_set(o, "running", json_boolean(runs));
	fby_json_set(o, "reason", fby_json_text(why));
	fby_json_set(o, "executable", json_boolean(fault == NULL));
	fby_json_set(o, "version", fby_json_text(version));
	fby_json_set(o, "path", fby_json_text(path));
	json_array_append_new(l->rows, o);
	free(version);
}

static void
add_runtime(struct list *l, const struct fby_runtime *rt)
{
	const char *path = rt->command.v[0];
	const char *fault = fby_program_fault(path);

	add(l, rt->name, fby_manifest_protocol_word(rt->protocol), path, fault,
	    fault ? NULL : version_of(path));
}

static void
add_own(struct list *l)
{
	int fd = fby_program_open(NULL);
	char link[64], path[4096] = "";
	ssize_t n;

	if (fd != -1) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
		close(fd);
	}
	add(l, "c", "worker", *path ? path : NULL, *path ? NULL : "missing",
	    fby_strdup(FBY_VERSION));
}

static void
add_all(struct list *l)
{
	const struct fby_manifest *m = l->m;
	const struct fby_runtime *rust = fby_manifest_runtime_find(m, "rust");
	bool is_own = false;

	add_own(l);
	for (size_t i = 0; i < m->host.nruntimes; i++)
		is_own |= rust == &m->host.runtimes[i];
	if (!is_own)
		add_runtime(l, rust);
	for (size_t i = 0; i < m->host.nruntimes; i++)
		add_runtime(l, &m->host.runtimes[i]);
}

/* ---- showing ---------------------------------------------------------- */

static void
print(const json_t *rows)
{
	static const struct fby_column columns[] = {
		{ "RUNTIME", false, 0 },
		{ "PROTOCOL", false, 1 },
		{ "STATE", false, 0 },
		{ "VERSION", false, 2 },
		{ "PROGRAM", false, 0 },
	};
	static const char *const keys[] = { "name", "protocol", "state",
		"version", "path" };
	struct fby_table *t = fby_table_new(columns, FBY_NELEM(columns));
	struct fby_str s;

	for (size_t i = 0; i < json_array_size(rows); i++)
		for (size_t k = 0; k < FBY_NELEM(keys); k++) {
			const char *text = json_string_value(
			    json_object_get(json_array_get(rows, i), keys[k]));

			fby_table_cell(t, text ? text : "-");
		}
	fby_str_init(&s);
	fby_table_write(t, &s, 0, false);
	fby_screen_text(s.p);
	fby_str_fini(&s);
	fby_table_free(t);
}

void
fby_runtimes_show(const struct fby_manifest *m, const char *dir, bool json)
{
	json_t *status = fby_client_peek(dir);
	struct list l = {
		.m = m,
		.status = status,
		.rows = json_array(),
	};

	add_all(&l);
	if (json)
		fby_screen_json(l.rows);
	else
		print(l.rows);
	json_decref(l.rows);
	json_decref(status);
}
