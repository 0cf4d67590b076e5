/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes of functions there are, and when: processes that start, exit
 * and die when the test says so.
 */
#include "t/unit/unit.h"

#include <event2/event.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "master/base/context.h"
#include "master/base/spawn.h"
#include "master/function/servers.h"
#include "master/runtime/foreign.h"
#include "master/runtime/mounts.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"
#include "t/unit/calls.h"

static struct fby_context ctx;
static struct fby_manifest m, next;
static struct fby_servers all;
static struct fby_foreign foreign;
static const struct fby_foreign *const runtimes[] = { &foreign };
static char run_dir[64];
static size_t gone;
static int32_t next_pid;
static bool cannot_start, lingers;
static int refused;
static const char *words[] = { "/bin/true", "{sockets}" };

/* ---- what a server calls ---------------------------------------------- */

void
fby_subprocess_init(struct fby_subprocess *sp, struct fby_context *c,
    event_callback_fn again, void *arg)
{
	*sp = (struct fby_subprocess){ .ctx = c };
	evtimer_assign(&sp->ev_again, c->base, again, arg);
}

void
fby_subprocess_fini(struct fby_subprocess *sp)
{
	evtimer_del(&sp->ev_again);
	if (sp->pid)
		note("fini(%d)", sp->pid);
}

int
fby_subprocess_start(struct fby_subprocess *sp,
    const struct fby_subprocess_start *how)
{
	fby_spawn_env_free(how->envp);
	if (cannot_start)
		return -1;
	sp->pid = ++next_pid;
	note("start(%s %d)", how->name + strlen("function "), sp->pid);
	return 0;
}

/* Its time is up in the next turn. */
int64_t
fby_subprocess_later(struct fby_subprocess *sp)
{
	const struct timeval soon = { 0, 0 };

	note("later");
	evtimer_add(&sp->ev_again, &soon);
	return 1000;
}

void
fby_subprocess_signal(const struct fby_subprocess *sp, int signo)
{
	if (sp->pid)
		note("signal(%d %d)", sp->pid, signo);
}

void
fby_subprocess_reaped(struct fby_subprocess *sp, const char *noun, int status,
    bool asked)
{
	(void)noun;
	note("reaped(%d %d%s)", sp->pid, status, asked ? " asked" : "");
	sp->pid = 0;
	sp->ends = asked && lingers;
}

bool
fby_subprocess_lingers(struct fby_subprocess *sp)
{
	sp->ends = sp->ends && lingers;
	return sp->ends;
}

void
fby_subprocess_give_up(struct fby_subprocess *sp, const char *noun)
{
	(void)noun;
	note("give-up(%d)", sp->pid);
	sp->pid = 0;
	sp->ends = false;
}

int
fby_mounts_refused(void)
{
	return refused;
}

struct fby_mounts *
fby_mounts_of_function(const char *run, const char *runtime,
    const struct fby_account *as, struct fby_err *err)
{
	(void)run;
	(void)runtime;
	(void)as;
	(void)err;
	return (struct fby_mounts *)&all;
}

void
fby_mounts_free(struct fby_mounts *mo)
{
	(void)mo;
}

int
fby_mounts_enter(void *mo)
{
	(void)mo;
	return 0;
}

char *
fby_mounts_pod(const char *dir, const char *pod)
{
	return fby_asprintf("%s/pods/%s", dir, pod);
}

/* ---- a world ---------------------------------------------------------- */

static void
on_gone(void *arg)
{
	(void)arg;
	gone++;
}

static void
turn(void)
{
	event_base_loop(ctx.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void
give(struct fby_manifest *of, enum fby_function_role role, size_t instances)
{
	of->functions[role].present = true;
	of->functions[role].command = (struct fby_strings){ words, 2 };
	of->functions[role].instances = (int64_t)instances;
}

static void
update(void)
{
	fby_servers_update(&all, runtimes, FBY_NELEM(runtimes));
}

static int
begin(void **state)
{
	(void)state;
	snprintf(run_dir, sizeof(run_dir), "/tmp/servers.XXXXXX");
	if (mkdtemp(run_dir) == NULL)
		return -1;
	fby_log_init("unit");
	m = (struct fby_manifest){ .name = "demo",
		.namespace_ = "default",
		.runtime = "c",
		.run_dir = run_dir,
		.host.workers = 2 };
	memset(&foreign, 0, sizeof(foreign));
	ctx = (struct fby_context){ .run_dir = run_dir, .manifest = &m };
	ctx.base = event_base_new();
	fby_servers_init(&all, &ctx, on_gone, NULL);
	next_pid = 0;
	gone = 0;
	refused = 0;
	cannot_start = lingers = false;
	*calls = '\0';
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
end(void **state)
{
	(void)state;
	fby_servers_fini(&all);
	event_base_free(ctx.base);
	return nftw(run_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- starting --------------------------------------------------------- */

static void
one_of_each_role_for_each_worker(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_MAP, 0);
	give(&m, FBY_FUNCTION_SINK, 1);
	update();
	assert_calls("start(map-0 1) start(map-1 2) start(sink-0 3)");
	update();
	assert_calls("");
}

static void
without_a_command_somebody_else_runs_it(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	m.functions[FBY_FUNCTION_SINK].command.n = 0;
	update();
	assert_calls("");
	assert_int_equal(all.n, 0);
}

static void
its_directory_is_its_own_and_swept(void **state)
{
	char *dir = fby_asprintf("%s/functions/sink-0", run_dir);
	char *sock = fby_asprintf("%s/sink.sock", dir);
	char *info = fby_asprintf("%s/sinker-server-info", dir);
	char *other = fby_asprintf("%s/map.sock", dir);
	const char *const files[] = { sock, info, other };
	struct stat st;

	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	update();
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02770);
	assert_int_equal(st.st_gid, getegid());
	for (size_t i = 0; i < FBY_NELEM(files); i++)
		assert_int_equal(mknod(files[i], S_IFREG | 0600, 0), 0);
	assert_true(fby_servers_reaped(&all, 1, 9));
	turn();
	assert_calls("start(sink-0 1) reaped(1 9) later start(sink-0 2)");
	assert_int_equal(access(sock, F_OK), -1);
	assert_int_equal(access(info, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0);
	free(dir);
	free(sock);
	free(info);
	free(other);
}

static void
one_that_cannot_be_started_is_tried_again(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	cannot_start = true;
	update();
	assert_calls("later");
	assert_int_equal(all.v[0]->state, FBY_SERVER_BACKOFF);
	cannot_start = false;
	turn();
	assert_calls("start(sink-0 1)");
	assert_int_equal(all.v[0]->spawns, 1);
}

static void
a_directory_that_cannot_be_shown_is_a_fault(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	refused = 1; /* EPERM */
	update();
	assert_calls("start(sink-0 1)"); /* it names {sockets} */
	m.functions[FBY_FUNCTION_SINK]
	    .isolation = FBY_FUNCTION_ISOLATION_NAMESPACE;
	fby_servers_reaped(&all, 1, 0);
	*calls = '\0';
	turn();
	assert_calls("later");
	assert_non_null(strstr(all.v[0]->fault, "/var/run/numaflow"));
	refused = 0;
	turn();
	assert_calls("start(sink-0 2)");
	assert_null(all.v[0]->fault);
}

/* ---- another manifest ------------------------------------------------- */

static void
what_is_given_something_else_is_replaced(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	give(&m, FBY_FUNCTION_MAP, 1);
	update();
	*calls = '\0';
	m.functions[FBY_FUNCTION_SINK].command.n = 1;
	update();
	assert_calls("signal(2 15)");
	update();
	assert_calls("");
	fby_servers_reaped(&all, 2, 0);
	assert_calls("reaped(2 0 asked) start(sink-0 3)");
	assert_int_equal(all.v[1]->deaths, 0);
}

static void
what_is_not_wanted_any_more_ends(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 3);
	update();
	*calls = '\0';
	m.functions[FBY_FUNCTION_SINK].instances = 1;
	update();
	assert_calls("signal(3 15) signal(2 15)");
	fby_servers_reaped(&all, 2, 0);
	assert_int_equal(gone, 0);
	turn();
	assert_int_equal(gone, 1);
	assert_int_equal(all.n, 2);
	m.functions[FBY_FUNCTION_SINK].instances = 3;
	update();
	fby_servers_reaped(&all, 3, 0);
	assert_calls("reaped(2 0 asked) start(sink-1 4) reaped(3 0 asked) "
		     "start(sink-2 5)");
}

static void
a_roll_has_what_it_needs_before_it_and_loses_the_rest_after_it(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	update();
	*calls = '\0';
	next = m;
	next.functions[FBY_FUNCTION_SINK] = (struct fby_function){ 0 };
	give(&next, FBY_FUNCTION_MAP, 1);
	fby_servers_prepare(&all, &next);
	assert_calls("start(map-0 2)");
	ctx.manifest = &next;
	update();
	assert_calls("signal(1 15)");
}

static void
a_roll_that_failed_leaves_nothing_behind(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	update();
	next = m;
	give(&next, FBY_FUNCTION_MAP, 1);
	next.functions[FBY_FUNCTION_SINK].command.n = 1;
	fby_servers_prepare(&all, &next);
	*calls = '\0';
	fby_servers_forget(&all);
	update();
	assert_calls("signal(2 15)");
	fby_servers_reaped(&all, 2, 0);
	turn();
	assert_int_equal(all.n, 1);
}

/* ---- ending ----------------------------------------------------------- */

static void
all_end_and_are_waited_for(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 2);
	update();
	*calls = '\0';
	lingers = true;
	fby_servers_stop(&all, false, 1000);
	assert_calls("signal(2 15) signal(1 15)");
	fby_servers_reaped(&all, 1, 0);
	fby_servers_reaped(&all, 2, 0);
	assert_int_equal(fby_servers_alive(&all, false), 2);
	lingers = false;
	while (fby_servers_alive(&all, false) > 0)
		event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_calls("reaped(1 0 asked) reaped(2 0 asked)");
	turn();
	assert_true(gone > 0);
}

static void
one_that_does_not_listen_is_killed_then_given_up(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	update();
	*calls = '\0';
	fby_servers_stop(&all, false, 60000);
	fby_servers_stop(&all, false, 0);
	event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_calls("signal(1 15) signal(1 15) signal(1 9)");
	fby_servers_give_up(&all, false);
	assert_calls("give-up(1)");
	assert_int_equal(all.n, 0);
}

static void
one_that_waits_to_be_started_is_not_while_all_end(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	update();
	fby_servers_reaped(&all, 1, 9);
	*calls = '\0';
	fby_servers_stop(&all, false, 1000);
	assert_int_equal(all.n, 0);
	turn();
	assert_calls("");
	assert_int_equal(gone, 1);
}

/* ---- pods ------------------------------------------------------------- */

static void
run_in_our_place(size_t replicas, bool is_private)
{
	static char name[] = "rust";

	foreign.runtime = name;
	foreign.wanted = true;
	foreign.is_private = is_private;
	foreign.nreplicas = replicas;
}

static void
a_replica_has_its_own_of_each_role(void **state)
{
	static struct fby_runtime rust = { .name = "rust",
		.protocol = FBY_RUNTIME_NUMAFLOW };

	(void)state;
	m.runtime = "rust";
	m.host.runtimes = &rust;
	m.host.nruntimes = 1;
	give(&m, FBY_FUNCTION_MAP, 0);
	give(&m, FBY_FUNCTION_SINK, 0);
	run_in_our_place(2, true);
	update();
	assert_calls("start(map of rust-0 1) start(sink of rust-0 2) "
		     "start(map of rust-1 3) start(sink of rust-1 4)");
	assert_non_null(strstr(all.v[3]->dir, "/pods/rust-1/run"));
	/* While it drains they stay. */
	foreign.wanted = false;
	foreign.replicas[0].process.pid = 7;
	update();
	assert_calls("");
	foreign.replicas[0].process.pid = 0;
	update();
	assert_calls("signal(4 15) signal(3 15) signal(2 15) signal(1 15)");
}

static void
replicas_in_the_machines_directory_share_them(void **state)
{
	static struct fby_runtime rust = { .name = "rust",
		.protocol = FBY_RUNTIME_NUMAFLOW };

	(void)state;
	m.runtime = "rust";
	m.host.runtimes = &rust;
	m.host.nruntimes = 1;
	give(&m, FBY_FUNCTION_SINK, 0);
	run_in_our_place(2, false);
	update();
	assert_calls("start(sink of rust-0 1)");
	assert_string_equal(all.v[0]->dir, FBY_MOUNTS_MACHINES);
}

static void
those_of_a_runtime_that_is_kept_stay(void **state)
{
	(void)state;
	give(&m, FBY_FUNCTION_SINK, 1);
	run_in_our_place(1, true);
	update();
	*calls = '\0';
	fby_servers_stop(&all, true, 1000);
	assert_calls("signal(1 15)");
	assert_int_equal(fby_servers_alive(&all, true), 1);
	fby_servers_reaped(&all, 1, 0);
	assert_int_equal(fby_servers_alive(&all, true), 0);
	assert_int_equal(fby_servers_alive(&all, false), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_of_each_role_for_each_worker),
		TEST(without_a_command_somebody_else_runs_it),
		TEST(its_directory_is_its_own_and_swept),
		TEST(one_that_cannot_be_started_is_tried_again),
		TEST(a_directory_that_cannot_be_shown_is_a_fault),
		TEST(what_is_given_something_else_is_replaced),
		TEST(what_is_not_wanted_any_more_ends),
		TEST(
		    a_roll_has_what_it_needs_before_it_and_loses_the_rest_after_it),
		TEST(a_roll_that_failed_leaves_nothing_behind),
		TEST(all_end_and_are_waited_for),
		TEST(one_that_does_not_listen_is_killed_then_given_up),
		TEST(one_that_waits_to_be_started_is_not_while_all_end),
		TEST(a_replica_has_its_own_of_each_role),
		TEST(replicas_in_the_machines_directory_share_them),
		TEST(those_of_a_runtime_that_is_kept_stay),
	};

	return UNIT_RUN(tests);
}
