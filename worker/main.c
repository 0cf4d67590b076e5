/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forebay-worker: consumes the partitions that its master grants it.
 *
 * It is started by the master with the descriptors and the environment of
 * shared/boundary/proto.h, and is of no use by itself.  It is crash-only: every
 * exit but a drained one leaves at once, and the ledger tells what was acked.
 */
#include "shared/fby.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <unistd.h>

#include "shared/base/crash.h"
#include "shared/base/descriptors.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/privileges.h"
#include "shared/base/stdfd.h"
#include "shared/base/str.h"
#include "shared/base/title.h"
#include "shared/boundary/proto.h"
#include "shared/manifest/manifest.h"

#include "worker/budget.h"
#include "worker/flight.h"
#include "worker/grant.h"
#include "worker/loop.h"
#include "worker/pipeline.h"
#include "worker/sink/sink.h"
#include "worker/source.h"
#include "worker/stage/stage.h"
#include "worker/worker.h"

/* librdkafka's threads may hang in a connect; the ledger is up to date. */
#define EXIT_SECONDS 5

static void
on_alarm(int signo)
{
	(void)signo;
	_exit(FBY_EXIT_OK);
}

/*
 * The master decides when we stop, also when the terminal's Ctrl-C or a
 * service manager's TERM goes to the whole process group.
 */
static void
set_signals(void)
{
	static const int ignored[] = {
		SIGHUP,
		SIGINT,
		SIGQUIT,
		SIGTERM,
		SIGPIPE,
		SIGUSR1,
		SIGUSR2,
	};
	sigset_t none;
	struct sigaction sa = { .sa_handler = SIG_IGN };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < FBY_NELEM(ignored); i++)
		sigaction(ignored[i], &sa, NULL);
	sa.sa_handler = on_alarm;
	sigaction(SIGALRM, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Records of others pass through here.  What root keeps is to read the files
 * of secrets, whoever owns them: also later, when a log-in is refused.
 */
static int
drop_privileges(void)
{
	const uint64_t keep = UINT64_C(1) << CAP_DAC_READ_SEARCH;

	fby_privileges_bound(keep);
	if (fby_privileges_limit(keep) == 0)
		return 0;
	fby_error("privileges: %s", strerror(errno));
	return -1;
}

static int
leave(int code, const char *why)
{
	fby_error("%s", why);
	return code;
}

/* A number that the master has put there; -1: it did not start us. */
static int64_t
number_from_env(const char *name)
{
	const char *text = getenv(name);
	unsigned long n;
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtoul(text, &end, 10);
	return errno || *end || n >= FBY_NOSLOT ? -1 : (int64_t)n;
}

static bool
have_descriptors(void)
{
	for (int fd = FBY_FD_CHANNEL; fd <= FBY_FD_MANIFEST; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			return false;
	return fcntl(FBY_FD_CHANNEL, F_SETFL, O_NONBLOCK) != -1;
}

static int
attach(struct fby_worker *w)
{
	enum fby_shm_verdict v = fby_shm_attach(&w->shm, FBY_FD_LEDGER);

	if (v == FBY_SHM_ABI)
		return leave(FBY_EXIT_ABI, fby_shm_verdict(v));
	if (v != FBY_SHM_GOOD) {
		fby_error("ledger: %s%s%s", fby_shm_verdict(v),
		    v == FBY_SHM_ERRNO ? ": " : "",
		    v == FBY_SHM_ERRNO ? strerror(errno) : "");
		return FBY_EXIT_SETUP;
	}
	if (w->slot_no >= w->shm.nslots)
		return leave(FBY_EXIT_SETUP, "the ledger has no such slot");
	fby_crash_guard(w->shm.head, w->shm.size);
	w->slot = &w->shm.slots[w->slot_no];
	fby_release(&w->slot->state, FBY_SLOT_STARTING);
	fby_worker_activity(w, FBY_ACTIVITY_SETUP, FBY_NOROW, FBY_NONE);
	w->cpu_before = fby_load(&w->slot->cpu_us);
	w->survived_before = fby_load(&w->slot->survived);
	w->log_lost_before = fby_load(&w->slot->log_lost);
	fby_store(&w->slot->lanes, 0);
	fby_store(&w->slot->in_flight, 0);
	fby_store(&w->slot->in_flight_bytes, 0);
	/* Those that this manifest has say what they are when they begin. */
	for (size_t i = 0; i < FBY_LEDGER_FUNCTIONS; i++)
		fby_release(&w->slot->function[i].state, FBY_CONN_OFF);
	return FBY_EXIT_OK;
}

static int
read_manifest(struct fby_worker *w)
{
	struct fby_err err;
	int code = FBY_EXIT_OK;

	fby_err_init(&err);
	w->m = fby_manifest_unpack(FBY_FD_MANIFEST, &err);
	if (w->m == NULL) {
		fby_worker_say(&err);
		code = FBY_EXIT_CONFIG;
	}
	fby_err_fini(&err);
	close(FBY_FD_MANIFEST);
	return code;
}

static int
run(struct fby_worker *w)
{
	int code;

	if ((code = attach(w)) != FBY_EXIT_OK ||
	    (code = read_manifest(w)) != FBY_EXIT_OK)
		return code;
	fby_loop_init(w);
	fby_flight_init(w->flight);
	fby_pipeline_init(w);
	if (fby_source_open(w) == -1)
		return FBY_EXIT_KAFKA;
	if (fby_sink_open(w) == -1)
		return FBY_EXIT_FAIL;
	fby_stages_open(w);
	fby_pipeline_start(w);
	return fby_loop_run(w);
}

/* After a drain: nothing is held, nothing is owed. */
static void
tear_down(struct fby_worker *w)
{
	fby_worker_activity(w, FBY_ACTIVITY_EXITING, FBY_NOROW, FBY_NONE);
	alarm(EXIT_SECONDS);
	fby_stages_close(w);
	fby_sink_close(w);
	fby_flight_fini(w->flight);
	fby_source_close(w);
	fby_loop_fini(w);
	fby_manifest_free(w->m);
	fby_crash_guard(NULL, 0);
	fby_shm_close(&w->shm);
}

int
main(int argc, char **argv)
{
	static struct fby_source src = {
		.submit = fby_pipeline_submit,
		.fail = fby_grant_drain,
	};
	static struct fby_budget budget = { .wake = fby_source_wake };
	static struct fby_flight flight = { .drained = fby_grant_check };
	static struct fby_pipeline pl;
	static struct fby_worker w = {
		.shm = FBY_SHM_INIT,
		.src = &src,
		.budget = &budget,
		.flight = &flight,
		.pl = &pl,
	};
	int64_t slot, place;
	char *ident;
	int code;

	/* Before anything is opened, and before a signal finds us without. */
	set_signals();
	if (fby_stdfd_secure() == -1)
		return FBY_EXIT_SETUP;
	fby_title_init(argc, argv);
	fby_mem_init();
	fby_log_init("forebay-worker");
	fby_crash_catch();
	slot = number_from_env(FBY_ENV_SLOT);
	place = number_from_env(FBY_ENV_PLACE);
	if (slot == -1 || place == -1 || !have_descriptors()) {
		fprintf(stderr,
		    "forebay-worker is started by forebay, with "
		    "descriptors that only a master can give it.\n"
		    "Start forebay instead: forebay -c FILE\n");
		return FBY_EXIT_SETUP;
	}
	w.slot_no = (uint32_t)slot;
	w.place = (uint32_t)place;
	ident = fby_asprintf("worker %u", w.slot_no);
	w.ident = ident;
	fby_log_init(ident);
	fby_title_set("forebay: worker %u", w.slot_no);
	if (drop_privileges() == -1)
		return FBY_EXIT_SETUP;
	if (fby_descriptors_raise() == -1)
		fby_warn("limit of descriptors: %s", strerror(errno));
	code = run(&w);
	if (code != FBY_EXIT_OK) {
		fby_log_flush();
		_exit(code);
	}
	tear_down(&w);
	fby_log_flush();
	fby_log_init("forebay-worker");
	free(ident);
	return FBY_EXIT_OK;
}
