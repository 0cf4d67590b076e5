/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program forebay: the master itself (`run`), and the commands that look
 * at one or tell it something.
 */
#include "shared/fby.h"

#include <errno.h>
#include <unistd.h>

#include <jansson.h>

#include "shared/base/core.h"
#include "shared/base/crash.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/stdfd.h"
#include "shared/base/title.h"
#include "shared/kafka/environment.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/admin/metrics.h"
#include "master/admin/status.h"
#include "master/base/cpus.h"
#include "master/base/extent.h"
#include "master/base/json.h"
#include "master/base/loader.h"
#include "master/base/notes.h"
#include "master/base/rundir.h"
#include "master/base/signal_mask.h"
#include "master/base/stdout.h"
#include "master/base/version.h"
#include "master/cli/client.h"
#include "master/cli/runtimes.h"
#include "master/cli/screen.h"
#include "master/cli/shmdump.h"
#include "master/cli/target.h"
#include "master/cli/usage.h"
#include "master/compare/compare.h"
#include "master/daemon.h"
#include "master/function/try.h"
#include "master/group/quarantine.h"
#include "master/master.h"
#include "master/runtime/program.h"

#ifndef FBY_SYSCONFDIR
#define FBY_SYSCONFDIR "/etc"
#endif

/* Closed standard descriptors, and no /dev/null: there is nowhere to say so. */
#define FBY_EXIT_STDFD 3

#define DEFAULT_FILE FBY_SYSCONFDIR "/forebay/forebay.yaml"
#define OBJECT_ENV "NUMAFLOW_MONO_VERTEX_OBJECT"

/* ---- manifests -------------------------------------------------------- */

static char default_file[] = DEFAULT_FILE;
static char *default_files[] = { default_file };

/*
 * Without -c: a container that Numaflow's controller has made says everything
 * in its environment; else the file that the package installs.
 */
static void
choose_files(const struct fby_client *cl, char ***files, size_t *n)
{
	*files = cl->files;
	*n = cl->nfiles;
	if (*n > 0 || getenv(OBJECT_ENV))
		return;
	*files = default_files;
	*n = FBY_NELEM(default_files);
}

static void
complain(struct fby_err *err)
{
	char *text = fby_err_text(err);

	fputs(text, stderr);
	free(text);
}

/* Would it run on this machine? */
static int
try_here(const struct fby_manifest *m, struct fby_err *err)
{
	/* Secrets that are missing are better known now than later. */
	if (fby_cpus_try(m, err) == -1 || fby_program_try(m, err) == -1 ||
	    fby_function_try(m, err) == -1 || fby_environment_try(m, err) == -1)
		return -1;
	return !fby_manifest_has_workers(m) ? 0 : fby_kafka_try(m, err);
}

/* What can be said without its secrets, programs and CPUs. */
static int
try_elsewhere(const struct fby_manifest *m, struct fby_err *err)
{
	return !fby_manifest_has_workers(m) ? 0 :
					      fby_kafka_try_settings(m, err);
}

/* NULL: all that is wrong has been said. */
static struct fby_manifest *
load_with(char *const *files, size_t n,
    int (*try)(const struct fby_manifest *m, struct fby_err *err))
{
	struct fby_manifest *m;
	struct fby_err err;

	fby_err_init(&err);
	m = fby_manifest_load(files, n, &err);
	if (m && try(m, &err) == -1) {
		fby_manifest_free(m);
		m = NULL;
	}
	if (m == NULL)
		complain(&err);
	fby_err_fini(&err);
	return m;
}

static struct fby_manifest *
load(char *const *files, size_t n)
{
	return load_with(files, n, try_here);
}

static bool
can_write_records(const struct fby_manifest *m)
{
	struct fby_err err;
	int rc;

	fby_err_init(&err);
	if ((rc = fby_stdout_try(m, &err)) == -1)
		complain(&err);
	fby_err_fini(&err);
	return rc == 0;
}

/* ---- commands --------------------------------------------------------- */

static int
cmd_run(const struct fby_options *o)
{
	/* Large, and as long-lived as the process. */
	static struct fby_master mst;
	int status = FBY_EXIT_USAGE;

	choose_files(&o->client, &mst.files, &mst.nfiles);
	mst.ctx.manifest = load(mst.files, mst.nfiles);
	if (mst.ctx.manifest == NULL)
		return FBY_EXIT_USAGE;
	if (!can_write_records(mst.ctx.manifest))
		goto out;
	fby_notes_log(mst.ctx.manifest);
	mst.ctx.run_dir = fby_strdup(o->client.dir ?
		o->client.dir :
		fby_manifest_run_dir(mst.ctx.manifest));
	mst.libexec = o->libexec;
	status = fby_daemon_run(&mst);
out:
	fby_manifest_free(mst.ctx.manifest);
	free((void *)(uintptr_t)mst.ctx.run_dir);
	return status;
}

static int
cmd_test(const struct fby_options *o)
{
	struct fby_manifest *m;
	char **files, *text;
	size_t n;

	choose_files(&o->client, &files, &n);
	m = load_with(files, n, o->no_secrets ? try_elsewhere : try_here);
	if (m == NULL)
		return FBY_EXIT_USAGE;
	fby_notes_print(m);
	if (o->ignored) {
		text = fby_manifest_ignored(m);
		fby_screen_text(text);
		free(text);
	}
	for (size_t i = 0; i < n; i++)
		printf("%s: ok\n", files[i]);
	if (n == 0)
		puts(OBJECT_ENV ": ok");
	fby_manifest_free(m);
	return 0;
}

/* What a running master starts to have its manifest read; loader.h. */
static int
cmd_load(const struct fby_options *o)
{
	struct fby_manifest *m;
	char **files;
	size_t n;
	int rc;

	choose_files(&o->client, &files, &n);
	if ((m = load(files, n)) == NULL)
		return FBY_EXIT_USAGE;
	if ((rc = fby_manifest_pack_into(m, FBY_LOADER_FD)) == -1)
		fprintf(stderr, "the manifest cannot be handed on: %s\n",
		    strerror(errno));
	fby_manifest_free(m);
	return rc == 0 ? 0 : 1;
}

/* What a running master starts to find the end of a batch; extent.h. */
static int
cmd_extent(const struct fby_options *o)
{
	struct fby_manifest *m;
	int32_t partition;
	int64_t offset;
	char *topic = fby_strdup(o->arg ? o->arg : "");
	struct fby_err err;
	int status = FBY_EXIT_USAGE;

	fby_err_init(&err);
	m = fby_manifest_unpack(FBY_EXTENT_FD, &err);
	if (m == NULL)
		complain(&err);
	else if (fby_quarantine_parse(topic, &partition, &offset) == 0)
		status = fby_extent_print(m, topic, partition, offset);
	fby_err_fini(&err);
	/* The client's threads may hang in a connect. */
	if (fflush(stdout) == EOF)
		status = 1;
	_exit(status);
}

static int
cmd_dump(const struct fby_options *o)
{
	struct fby_manifest *m;
	char **files, *text;
	size_t n;

	choose_files(&o->client, &files, &n);
	if ((m = load(files, n)) == NULL)
		return FBY_EXIT_USAGE;
	text = fby_manifest_dump(m);
	fby_screen_text(text);
	free(text);
	fby_manifest_free(m);
	return 0;
}

static int
cmd_runtimes(const struct fby_options *o)
{
	struct fby_manifest *m;
	struct fby_err err;
	char **files;
	size_t n;

	choose_files(&o->client, &files, &n);
	fby_err_init(&err);
	/* A chosen one that is missing is what this is to show. */
	m = fby_manifest_load(files, n, &err);
	if (m == NULL)
		complain(&err);
	else
		fby_runtimes_show(m,
		    o->client.dir ? o->client.dir : fby_manifest_run_dir(m),
		    o->client.json);
	fby_err_fini(&err);
	fby_manifest_free(m);
	return m ? 0 : FBY_EXIT_USAGE;
}

static int
cmd_status(const struct fby_options *o)
{
	return o->check ? fby_client_check(&o->client) :
			  fby_client_status(&o->client);
}

static int
cmd_reload(const struct fby_options *o)
{
	return fby_client_reload(&o->client);
}

static int
cmd_skip(const struct fby_options *o)
{
	return fby_client_skip(&o->client, o->arg);
}

static int
cmd_watermark(const struct fby_options *o)
{
	return fby_client_watermark(&o->client, o->arg);
}

static int
cmd_drain(const struct fby_options *o)
{
	return fby_client_drain(&o->client);
}

static int
cmd_stop(const struct fby_options *o)
{
	return fby_client_stop(&o->client);
}

static int
cmd_reopen(const struct fby_options *o)
{
	return fby_client_reopen(&o->client);
}

static int
cmd_shm(const struct fby_options *o)
{
	char *dir = o->arg ?
	    fby_strdup(o->arg) :
	    fby_target_find(o->client.dir, o->client.files, o->client.nfiles);
	int status;

	if (dir == NULL)
		return 1;
	status = fby_shmdump(dir, o->client.json);
	free(dir);
	return status;
}

static int
cmd_version(const struct fby_options *o)
{
	json_t *all = json_object();

	for (const struct fby_version *v = fby_version_list(); v->name; v++) {
		if (o->client.json)
			json_object_set_new(all, v->name,
			    fby_json_text(v->text));
		else
			printf("%s %s\n", v->name, v->text);
	}
	if (o->client.json)
		fby_screen_json(all);
	json_decref(all);
	return 0;
}

static int
cmd_compare(const struct fby_options *o)
{
	struct fby_manifest *m;
	char **files;
	size_t n;
	int status;

	choose_files(&o->client, &files, &n);
	if ((m = load(files, n)) == NULL)
		return FBY_EXIT_USAGE;
	status = fby_compare(m, o);
	fby_manifest_free(m);
	return status;
}

/* conf/METRICS.md is this. */
static int
cmd_metrics(const struct fby_options *o)
{
	char *text = fby_metrics_reference();

	(void)o;
	fby_screen_text(text);
	free(text);
	return 0;
}

static int
cmd_help(const struct fby_options *o)
{
	return fby_usage_help(o->commands, o->arg);
}

#define MANIFEST_MORE                                         \
	"Without -c it is the object in " OBJECT_ENV ", if\n" \
	"that is set, else " DEFAULT_FILE "."
#define MASTER_MORE                                                                \
	"The master is found by -d, the run directory, or by -c, its "             \
	"manifest;\nwithout both, by $RUNTIME_DIRECTORY or in " FBY_RUNDIR_DEFAULT \
	"."

#define SURE_MORE                                                   \
	"\nWhat is found there is named, and has to be confirmed; " \
	"without a terminal, by --yes."

enum {
	FIND = FBY_TAKES_FILES | FBY_TAKES_DIR,
	JSON = FBY_TAKES_JSON,
	YES = FBY_TAKES_YES,
};

/* clang-format off */
static const struct fby_command commands[] = {
	{ "run", FIND | FBY_TAKES_LIBEXEC | FBY_TAKES_SIGNALS, NULL,
	    "Run in the foreground until told to stop",
	    MANIFEST_MORE "\n\nSIGHUP reloads the manifest, SIGQUIT drains "
	    "and ends, SIGTERM and SIGINT do so\nquickly, SIGUSR1 opens the "
	    "log file anew.", cmd_run },
	{ "test", FBY_TAKES_FILES | FBY_TAKES_TEST, NULL,
	    "Check the manifest and print each mistake",
	    MANIFEST_MORE "\nThe exit status is 2 if something is wrong.  "
	    "Nothing is run, loaded or connected to.",
	    cmd_test },
	{ "dump", FBY_TAKES_FILES, NULL,
	    "Print the manifest with all defaults, secrets hidden",
	    MANIFEST_MORE, cmd_dump },
	{ "runtimes", FIND | JSON, NULL,
	    "List the runtimes: program, version, state",
	    "NUMAFLOW_RUNTIME of the manifest chooses; `runtimes` of its Host "
	    "document\nmakes programs known.  A version is what PROGRAM "
	    "--version says within 2 s.\n\n" MANIFEST_MORE, cmd_runtimes },
	{ "status", FIND | JSON | FBY_TAKES_CHECK, NULL,
	    "Show workers, partitions, lag and watermarks",
	    "With --check, one line for Nagios or cron, and the exit status\n"
	    "0 OK; 1 WARNING: an alarm; 2 CRITICAL: not ready; 3 UNKNOWN: no "
	    "master, no answer.\n" MASTER_MORE, cmd_status },
	{ "reload", FIND | JSON | YES, NULL,
	    "Read the manifest again, and wait for the result",
	    "A manifest with mistakes changes nothing; the exit status is 1 "
	    "then.\n" MASTER_MORE SURE_MORE, cmd_reload },
	{ "drain", FIND | JSON | YES, NULL,
	    "Finish what is in flight, commit, leave; wait for the end",
	    MASTER_MORE SURE_MORE, cmd_drain },
	{ "stop", FIND | JSON | YES, NULL,
	    "Like drain, but give the records in flight 10 s at most",
	    MASTER_MORE SURE_MORE, cmd_stop },
	{ "reopen", FIND | JSON, NULL, "Open the log file anew",
	    MASTER_MORE, cmd_reopen },
	{ "skip", FIND | JSON | YES | FBY_TAKES_ARG, "TOPIC/PARTITION@OFFSET",
	    "Skip one record that blocks its partition",
	    "It has to be the next record that its partition acknowledges.  "
	    "If it is in a batch\nthat cannot be decoded, the rest of the "
	    "batch is skipped, too.  Skipped records\ncount as dropped; the "
	    "log names the user.\n" MASTER_MORE
	    SURE_MORE, cmd_skip },
	{ "watermark", FIND | JSON | YES | FBY_TAKES_ARG, "reset",
	    "Forget watermarks that records from the future have raised",
	    "Those of the partitions that this host holds begin anew, from "
	    "the records that are\nread next.  Do it on each host of the "
	    "group.\n" MASTER_MORE SURE_MORE, cmd_watermark },
	{ "shm", FIND | JSON | FBY_TAKES_ARG, "FILE",
	    "Show the ledger, also the one that a killed master left",
	    "FILE is a ledger or the directory it is in.  It is not changed."
	    "\n" MASTER_MORE, cmd_shm },
	{ "compare",
	    FBY_TAKES_FILES | JSON | FBY_TAKES_LIBEXEC | FBY_TAKES_COMPARE_ALL,
	    NULL, "Show side by side what each runtime costs",
	    "Every run has a consumer group of its own, which is deleted at "
	    "the end; the one of\nthe manifest is not touched.  Records go "
	    "nowhere unless --sink as-is.  Exit status\n0: all runs went "
	    "well; 1: not all did, or something could not be made.",
	    cmd_compare },
	{ "version", JSON, NULL,
	    "Show the versions of forebay and its libraries", NULL,
	    cmd_version },
	{ "help", FBY_TAKES_ARG, "COMMAND", "Show this help, or a command's",
	    NULL, cmd_help },
	{ "load", FBY_TAKES_FILES | FBY_TAKES_SIGNALS, NULL, NULL,
	    "Hands a checked manifest to the master that has started it.",
	    cmd_load },
	{ "extent", FBY_TAKES_ARG, "TOPIC/PARTITION@OFFSET", NULL,
	    "Says where a batch ends to the master that has started it.",
	    cmd_extent },
	{ "metrics", 0, NULL, NULL,
	    "Prints the table of all metrics, which the documentation has.",
	    cmd_metrics },
	{ 0 },
};
/* clang-format on */

int
main(int argc, char **argv)
{
	int status;

	fby_signal_mask_hold();
	if (fby_stdfd_secure() == -1)
		return FBY_EXIT_STDFD;
	fby_core_forbid();
	fby_mem_init();
	fby_title_init(argc, argv);
	fby_log_init("forebay");
	fby_crash_catch();
	json_set_alloc_funcs(fby_malloc, free);
	status = fby_usage_run(argc, argv, commands);
	if (fby_screen_flush() == -1 && status == 0)
		status = 1;
	return status;
}
