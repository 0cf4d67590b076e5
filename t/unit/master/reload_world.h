/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reload, with manifests in files that are read by a real process, which is
 * the test program itself (`load`), and a supervisor and a cycle that do what
 * the test says.
 */
#ifndef FBY_UNIT_RELOAD_WORLD_H
#define FBY_UNIT_RELOAD_WORLD_H

#include "t/unit/unit.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/base/context.h"
#include "master/base/notify.h"
#include "master/pool/supervisor.h"
#include "master/reload.h"
#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

static struct fby_context ctx;
static struct fby_reload reload;
static struct fby_supervisor sup;
static struct fby_notify notify;
static char dir[64], path[80];
static char *files[] = { path };

/* ---- what a reload calls ---------------------------------------------- */

static size_t rolls, adoptions, updates, leaves;
static const struct fby_manifest *functions_for; /* prepared; NULL */
static const struct fby_manifest *rolled_to;
static bool only_canary, keep_foreign, is_up_to_date, cannot_adopt;
static unsigned generation; /* that the workers were given last */

void
fby_supervisor_roll(struct fby_supervisor *s, const struct fby_manifest *m,
    int fd, unsigned gen, bool canary)
{
	assert_true(fcntl(fd, F_GETFD) != -1);
	rolls++;
	rolled_to = m;
	only_canary = canary;
	generation = gen;
	s->failed = false;
}

int
fby_supervisor_adopt(struct fby_supervisor *s, const struct fby_manifest *m,
    int fd, unsigned gen)
{
	(void)s;
	(void)m;
	assert_true(fcntl(fd, F_GETFD) != -1);
	generation = gen;
	return cannot_adopt ? -1 : 0;
}

bool
fby_supervisor_is_up_to_date(const struct fby_supervisor *s)
{
	(void)s;
	return is_up_to_date;
}

static void
op_adopt(void *arg, struct fby_manifest *m, int fd, unsigned gen)
{
	(void)arg;
	adoptions++;
	fby_manifest_free(ctx.manifest);
	close(ctx.manifest_fd);
	ctx.manifest = m;
	ctx.manifest_fd = fd;
	ctx.generation = gen;
}

static void
op_functions(void *arg, const struct fby_manifest *next)
{
	(void)arg;
	functions_for = next;
}

static void
op_update_foreign(void *arg)
{
	(void)arg;
	updates++;
}

static void
op_leave(void *arg, bool keep)
{
	(void)arg;
	leaves++;
	keep_foreign = keep;
}

static const char *fault; /* of a program that was started */
static int unsettled;     /* so many more looks */

static bool
op_is_unsettled(void *arg, int64_t since)
{
	(void)arg;
	(void)since;
	return unsettled > 0 && unsettled-- > 0;
}

static char *
op_fault(void *arg, int64_t since)
{
	(void)arg;
	(void)since;
	return fault ? fby_strdup(fault) : NULL;
}

static const struct fby_reload_ops ops = {
	.adopt = op_adopt,
	.update_foreign = op_update_foreign,
	.functions = op_functions,
	.leave = op_leave,
	.is_unsettled = op_is_unsettled,
	.fault = op_fault,
};

/* ---- who asks --------------------------------------------------------- */

static size_t answers, good;
static char answer[1024];

static void
on_answer(void *arg, bool ok, const char *text)
{
	(void)arg;
	answers++;
	good += ok;
	snprintf(answer, sizeof(answer), "%s", text);
}

FBY_UNUSED static void
ask(void)
{
	fby_reload_request(&reload, on_answer, NULL);
}

/* The process that reads the manifest has ended, and what follows from it. */
FBY_UNUSED static void
wait_for_reading(void)
{
	while (reload.state == FBY_RELOAD_READING)
		event_base_loop(ctx.base, EVLOOP_ONCE);
}

FBY_UNUSED static void
wait_for_answers(size_t n)
{
	while (answers < n)
		event_base_loop(ctx.base, EVLOOP_ONCE);
}

FBY_UNUSED static void
assert_answer(bool ok, const char *part)
{
	assert_int_equal(answers, 1);
	if (good != ok || strstr(answer, part) == NULL)
		fail_msg("answered %s", answer);
	answers = good = 0;
	/* What comes next is not a burst. */
	reload.restless_until = 0;
}

/* ---- manifests -------------------------------------------------------- */

#define HOST "---\napiVersion: forebay/v1\nkind: Host\nspec:\n"
#define PYTHON \
	"  runtimes: {python: {command: [/bin/true], protocol: worker}}\n"

static void
write_manifest(const char *runtime, const char *host)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f,
	    "apiVersion: numaflow.numaproj.io/v1alpha1\n"
	    "kind: MonoVertex\n"
	    "metadata: {name: orders}\n"
	    "spec:\n"
	    "  containerTemplate:\n"
	    "    env: [{name: NUMAFLOW_RUNTIME, value: %s}]\n"
	    "  source:\n"
	    "    kafka: {brokers: [b:9092], topic: t, consumerGroup: g}\n"
	    "  sink: {blackhole: {}}\n%s",
	    runtime, host);
	fclose(f);
}

static void
put_in_force(const char *runtime, const char *host)
{
	struct fby_err err;

	write_manifest(runtime, host);
	fby_err_init(&err);
	ctx.manifest = fby_manifest_load(files, 1, &err);
	if (ctx.manifest == NULL)
		fail_msg("%s", fby_err_text(&err));
	fby_err_fini(&err);
	ctx.manifest->host_id = "us";
	ctx.manifest_fd = fby_manifest_pack(ctx.manifest);
}

FBY_UNUSED static int
set_up(void **state)
{
	(void)state;
	fby_log_set_level(FBY_LOG_CRIT);
	memset(&ctx, 0, sizeof(ctx));
	memset(&sup, 0, sizeof(sup));
	notify = (struct fby_notify){ .fd = -1 };
	rolls = adoptions = updates = leaves = answers = good = 0;
	only_canary = keep_foreign = is_up_to_date = cannot_adopt = false;
	rolled_to = NULL;
	snprintf(dir, sizeof(dir), "/tmp/fby-reload-%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/m.yaml", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	ctx.base = event_base_new();
	ctx.state = FBY_CYCLE_RUNNING;
	ctx.generation = 1;
	fby_reload_init(&reload, &ctx, &ops, NULL);
	reload.sup = &sup;
	reload.notify = &notify;
	reload.files = files;
	reload.nfiles = 1;
	put_in_force("c", "");
	return 0;
}

FBY_UNUSED static int
tear_down(void **state)
{
	(void)state;
	fby_reload_fini(&reload);
	fby_manifest_free(ctx.manifest);
	close(ctx.manifest_fd);
	fby_alarm_fini(&ctx.alarms);
	event_base_free(ctx.base);
	unlink(path);
	return rmdir(dir);
}

/* A roll has begun, for a manifest with three workers. */
FBY_UNUSED static void
roll(void)
{
	write_manifest("c", HOST "  workers: 3\n");
	ask();
	wait_for_reading();
	assert_int_equal(reload.state, FBY_RELOAD_ROLLING);
	assert_int_equal(rolls, 1);
	assert_int_equal(answers, 0);
}

/* ---- the process that reads ------------------------------------------- */

FBY_UNUSED static int
load(int argc, char **argv)
{
	char *one[] = { argc == 4 ? argv[3] : NULL };
	struct fby_manifest *m;
	struct fby_err err;
	int rc = -1;

	if (getenv("FBY_TEST_LOADER"))
		raise(SIGKILL);
	fby_err_init(&err);
	m = fby_manifest_load(one, 1, &err);
	if (m == NULL) {
		char *text = fby_err_text(&err);

		fputs(text, stderr);
		free(text);
	} else {
		rc = fby_manifest_pack_into(m, FBY_LOADER_FD);
	}
	fby_manifest_free(m);
	fby_err_fini(&err);
	return rc == 0 ? 0 : 1;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

#define RUN(tests)                                                     \
	(argc > 1 && strcmp(argv[1], "load") == 0 ? load(argc, argv) : \
						    UNIT_RUN(tests))

#endif
