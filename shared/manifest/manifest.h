/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest: one MonoVertex and one Host document, checked, with defaults.
 *
 * Texts come in (files, or NUMAFLOW_MONO_VERTEX_OBJECT), one struct
 * fby_manifest comes out, or a list of errors and nothing.  It is immutable
 * and lives in one pool.  The very same texts are packed into a sealed memfd
 * that each worker parses again with this code: what the master accepted is
 * what the worker runs, whatever happens to the file on disk.
 *
 * Durations are milliseconds, sizes are bytes.  Strings are borrowed from the
 * manifest's pool; NULL means "not set" unless the comment says otherwise.
 * Facts about the MonoVertex document: numaproj/numaflow,
 * pkg/apis/numaflow/v1alpha1.
 */
#ifndef FBY_MANIFEST_H
#define FBY_MANIFEST_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/manifest/conf.h"
#include "shared/manifest/function.h"
#include "shared/manifest/retry.h"
#include "shared/settings/settings.h"

struct fby_node;
struct fby_pool;

/* ---- MonoVertex ------------------------------------------------------- */

/* Where a record may go; the first is the only one that must be there. */
#define FBY_SINK_ROLES(R)                              \
	R(PRIMARY, "sink", "spec.sink")                \
	R(FALLBACK, "fallback", "spec.sink.fallback")  \
	R(SUCCESS, "onSuccess", "spec.sink.onSuccess") \
	R(DEAD_LETTER, "deadLetter", "spec.deadLetter")

enum fby_sink_role {
#define R(name, word, path) FBY_SINK_##name,
	FBY_SINK_ROLES(R)
#undef R
	    FBY_SINK_N
};

struct fby_sink {
	bool present, log, blackhole;
	bool function; /* of the same name in m->functions */
	struct fby_kafka kafka;
};

struct fby_tags { /* bypass: what a record's tags must be like */
	bool present;
	int op; /* enum fby_tag_op */
	struct fby_strings values;
};

enum fby_tag_op { FBY_TAG_OR, FBY_TAG_AND, FBY_TAG_NOT };

enum fby_delivery { FBY_AT_LEAST_ONCE, FBY_EXACTLY_ONCE };

/* ---- Host ------------------------------------------------------------- */

/* Who is started instead of forebay-worker, and how it is spoken to. */
enum fby_runtime_protocol {
	FBY_RUNTIME_NUMAFLOW, /* as a pod's main container: all by itself */
	FBY_RUNTIME_WORKER    /* as forebay-worker: shared/README */
};

enum fby_metrics_scheme { FBY_METRICS_HTTPS, FBY_METRICS_HTTP };

#define FBY_NUMAFLOW_PORT 2469 /* of numaflow-rs, always */

struct fby_runtime {
	const char *name;
	struct fby_strings command; /* program and arguments */
	struct fby_strings env;     /* NAME=value */
	const char *user;           /* name or number; NULL: forebay's own */
	int protocol;               /* enum fby_runtime_protocol */
	int64_t replicas;           /* numaflow: processes */
	struct {
		bool present;
		int64_t port;     /* on 127.0.0.1 */
		const char *path; /* NULL: it is enough to connect */
	} readiness;              /* numaflow only */
	struct {
		bool present;
		int64_t port; /* on 127.0.0.1 */
		int scheme;   /* enum fby_metrics_scheme */
	} metrics;            /* numaflow only */
};

struct fby_host {
	int64_t workers;           /* 0: auto */
	struct fby_strings cpus;   /* cpuAffinity: CPU numbers; empty: all */
	const char *http_listen;   /* "address:port"; "" turns it off */
	const char *run_directory; /* NULL: see fby_manifest_run_dir */
	const char *secrets_directory;
	const char *log_file; /* NULL: standard error */
	int log_level;        /* enum fby_log_level */
	int64_t commit_interval_ms;
	int64_t drain_timeout_ms;
	int64_t worker_timeout_ms;   /* heartbeat older: killed */
	int64_t progress_timeout_ms; /* no ack for so long: an alarm */
	int64_t max_partitions;      /* rows of the ledger */
	struct {
		int64_t max_delay_ms;
		int64_t max_future_ms;
		struct {
			bool present;
			int64_t threshold_ms, increment_by_ms;
			int64_t step_interval_ms;
			int64_t init_source_delay_ms; /* 0: not set */
		} idle;
	} watermark;
	struct {
		int64_t budget_bytes; /* prefetched and in flight */
		int64_t max_records;  /* in flight, for each worker */
	} memory;
	int delivery; /* enum fby_delivery */
	struct {
		int64_t max_records, max_delay_ms;
	} transaction;
	int64_t poison_kills; /* then it is the record's fault */
	struct {
		bool present;
		const char *runtime;
		int64_t share; /* percent of the partitions */
	} canary;
	struct fby_runtime *runtimes;
	size_t nruntimes;
	/* config and settings alone: how all clients connect */
	struct fby_kafka kafka;
	struct fby_function_host functions[FBY_FUNCTION_N];
};

/* ---- both ------------------------------------------------------------- */

/* One text as it was read; both strings are borrowed until parsed. */
struct fby_manifest_text {
	const char *name; /* file name, for error messages */
	const char *text;
	size_t len;
	const char *pick; /* metadata.name of the one that is meant; NULL */
};

struct fby_manifest {
	struct fby_pool *pool;
	struct fby_node *mvtx, *hostdoc; /* trees with positions */
	struct fby_node **passed;        /* documents of other kinds */
	size_t npassed;
	const char *name, *namespace_; /* namespace "default" if unset */
	const char *host_id;    /* the master's to set; fby_kafka_host_id */
	const char *run_dir;    /* unpacked: the master's; NULL */
	const char *runtime;    /* NUMAFLOW_RUNTIME; "c" if unset */
	struct fby_strings env; /* containerTemplate.env: NAME=value */
	struct fby_kafka source;
	struct fby_strings topics; /* of the source, trimmed, unique */
	struct fby_sink sinks[FBY_SINK_N];
	struct fby_function functions[FBY_FUNCTION_N];
	struct fby_retry_strategy retry;
	struct fby_tags bypass[FBY_SINK_N]; /* DEAD_LETTER: never */
	bool streaming;
	int64_t read_batch_size; /* as written: fby_manifest_batch_size() */
	int64_t read_timeout_ms;
	int64_t concurrency;
	struct fby_host host;
	/* what is accepted and yet to be said: for `test` and the log */
	struct fby_err *notes;
	/* the texts, to be packed for the workers */
	struct fby_manifest_text *texts;
	size_t ntexts;
};

/*
 * "FILE#NAME": the file, and in *pick the name; NULL if there is none, or if
 * there is a file that is called so.
 */
const char *fby_manifest_split_name(struct fby_pool *pool, const char *name,
    const char **pick);

/*
 * Read files ("-" is standard input; "FILE#NAME" picks the MonoVertex of that
 * name, and its Host document, out of many) and the environment's object if no
 * file holds a MonoVertex, parse and check.  NULL: `err` says everything.
 */
struct fby_manifest *fby_manifest_load(char *const *files, size_t n,
    struct fby_err *err) FBY_MUSTCHECK;

struct fby_manifest *fby_manifest_parse(const struct fby_manifest_text *texts,
    size_t n, struct fby_err *err) FBY_MUSTCHECK;
void fby_manifest_free(struct fby_manifest *m);

/*
 * Pack the texts, host_id and run directory into a sealed, close-on-exec
 * memfd, and back.  Format: the line "forebay-manifest 3 N LEN HOST-ID" and
 * LEN bytes, the run directory; then N times the line "LEN NAME", or "LEN
 * NAME", a tab and the one that is picked, and LEN bytes.  -1 with errno; NULL
 * with `err` filled.
 */
int fby_manifest_pack(const struct fby_manifest *m) FBY_MUSTCHECK;
/* Into a memfd that is there, and empty; sealed if all went well. */
int fby_manifest_pack_into(const struct fby_manifest *m, int fd) FBY_MUSTCHECK;
struct fby_manifest *fby_manifest_unpack(int fd,
    struct fby_err *err) FBY_MUSTCHECK;

/*
 * Where run files lie: runDirectory, $RUNTIME_DIRECTORY, /run/forebay/NAME.  In
 * a worker it is the master's, whatever its own environment is.
 */
const char *fby_manifest_run_dir(const struct fby_manifest *m);

/* Registered, or known without that; NULL for "c" and for the unknown. */
const struct fby_runtime *
fby_manifest_runtime_find(const struct fby_manifest *m, const char *name);

/* Does a runtime of that name move records: the chosen one, or the canary? */
bool fby_manifest_uses(const struct fby_manifest *m, const char *runtime);

/* Is it one whose processes are workers of ours, forebay-worker's or not? */
bool fby_manifest_is_worker(const struct fby_manifest *m, const char *runtime);

/* Are records moved by workers of ours, all or a share of them? */
bool fby_manifest_has_workers(const struct fby_manifest *m);

/*
 * The runtime of all workers but the canary's, NULL without workers; and the
 * canary's, NULL if there is none or it is no worker beside others.
 */
const char *fby_manifest_workers_runtime(const struct fby_manifest *m);
const char *fby_manifest_canary_runtime(const struct fby_manifest *m);

/*
 * The chosen runtime, and the canary, if it is a member of the group by itself
 * (protocol numaflow); else NULL.
 */
const char *fby_manifest_foreign_runtime(const struct fby_manifest *m);
const char *fby_manifest_foreign_canary(const struct fby_manifest *m);
bool fby_manifest_has_foreign(const struct fby_manifest *m);

/* Records that are handed on at once: one, if they are to stream. */
int64_t fby_manifest_batch_size(const struct fby_manifest *m);

/* Of http.listen; 0: none, or any. */
int64_t fby_manifest_http_port(const struct fby_manifest *m);

/* "numaflow", "worker" */
const char *fby_manifest_protocol_word(int protocol);

/* "sink", "fallback", ... for the log; "spec.sink", ... */
const char *fby_manifest_sink_word(enum fby_sink_role role);
const char *fby_manifest_sink_path(enum fby_sink_role role);

/* Has the manifest any function? */
bool fby_manifest_has_functions(const struct fby_manifest *m);

/* The instance that the worker in that slot speaks to. */
int64_t fby_manifest_function_instance(const struct fby_manifest *m,
    enum fby_function_role role, uint32_t slot);

/*
 * "RUN-DIRECTORY/functions/WORD-INSTANCE", of the instance that the worker in
 * that slot speaks to: the directory of socket and info file.  Returns buf.
 */
#define FBY_FUNCTION_DIR 4096
const char *fby_manifest_function_dir(const struct fby_manifest *m,
    enum fby_function_role role, uint32_t slot, char buf[FBY_FUNCTION_DIR]);

/* Is it a topic of the source, going by its name alone? */
bool fby_manifest_is_read(const struct fby_manifest *m, const char *topic);

/* Which sink a record with these tags goes to first: `bypass`. */
enum fby_sink_role fby_manifest_route(const struct fby_manifest *m,
    const struct fby_strings *tags);

/* Does a condition of `bypass` ask for a record with these tags? */
bool fby_manifest_is_bypassed(const struct fby_manifest *m,
    const struct fby_strings *tags);

/* The place of a directive, "spec.source.kafka.topic", or the nearest one. */
struct fby_pos fby_manifest_pos(const struct fby_manifest *m, const char *path);

/*
 * What a reload from `a` to `b` takes: the strongest policy of all settings
 * that differ.  `each` is called for each of them.
 */
typedef void (
    *fby_manifest_diff_fn)(void *arg, const char *path, enum fby_policy policy);
enum fby_policy fby_manifest_diff(const struct fby_manifest *a,
    const struct fby_manifest *b, fby_manifest_diff_fn each, void *arg);

/* The effective manifest as YAML, defaults filled in, secrets as references
 * and secret-looking `config` values hidden; the caller frees. */
char *fby_manifest_dump(const struct fby_manifest *m);

/* The MonoVertex alone as compact JSON, defaults applied, as Numaflow's
 * controller hands it to a data plane; the caller frees. */
char *fby_manifest_object(const struct fby_manifest *m);

/* What of it has no effect here, "FILE:L:C: setting: ...\n"; caller frees. */
char *fby_manifest_ignored(const struct fby_manifest *m);

/* conf/REFERENCE.md, and the list of the man page (mdoc or man macros). */
char *fby_manifest_reference(void);
char *fby_manifest_man(void);

#endif
