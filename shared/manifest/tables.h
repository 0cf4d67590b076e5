/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directive tables of both documents, and what the files that walk them
 * share.  Private to shared/manifest*.c and its tests.
 *
 * Both tables fill one struct fby_manifest.
 */
#ifndef FBY_MANIFEST_TABLES_H
#define FBY_MANIFEST_TABLES_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/manifest/conf.h"
#include "shared/manifest/function.h"

struct fby_kafka;
struct fby_manifest;
struct fby_manifest_text;
struct fby_node;
struct fby_str;

#define FBY_MANIFEST_MVTX_API "numaflow.numaproj.io/v1alpha1"
#define FBY_MANIFEST_HOST_API "forebay/v1"
#define FBY_MANIFEST_OBJECT_ENV "NUMAFLOW_MONO_VERTEX_OBJECT"
#define FBY_MANIFEST_RUNTIME_ENV "NUMAFLOW_RUNTIME"

extern const struct fby_directive fby_manifest_mvtx_table[];
extern const struct fby_directive fby_manifest_host_table[];

/* Sections of spec.source and spec.sink; base: struct fby_kafka. */
extern const struct fby_directive fby_manifest_kafka_source[];
extern const struct fby_directive fby_manifest_kafka_sink[];

/* {name, key, optional}; base: struct fby_secret. */
extern const struct fby_directive fby_manifest_secret_table[];

/* Of functions; base: struct fby_function, but for the last. */
extern const struct fby_directive fby_manifest_transformer[];
extern const struct fby_directive fby_manifest_map[];
extern const struct fby_directive fby_manifest_udsink[];
extern const struct fby_directive fby_manifest_host_functions[];

/* retryStrategy of functions; base: struct fby_retry_strategy. */
extern const struct fby_directive fby_manifest_stage_retry[];

/* A document of a text takes its place in the manifest. */
void fby_manifest_place(struct fby_manifest *m,
    const struct fby_manifest_text *text, struct fby_node *doc,
    struct fby_err *err);
/* Once all are placed: those of other kinds, as notes or as errors. */
void fby_manifest_passed(const struct fby_manifest *m, struct fby_err *err);

/* What no single row can see; manifest/check.c. */
void fby_manifest_check(struct fby_manifest *m, struct fby_err *err);

/* The part of it that concerns sinks, delivery and the dead-letter topic. */
void fby_manifest_check_sinks(struct fby_manifest *m, struct fby_err *err);

/* One retryStrategy; `path` is its own. */
void fby_manifest_check_retry(const struct fby_manifest *m,
    const struct fby_retry_strategy *retry, const char *path,
    struct fby_err *err);

/* A secret's name and key are names of files; `path` says whose. */
void fby_manifest_check_secret(struct fby_pos pos, const char *path,
    const struct fby_secret *secret, struct fby_err *err);

/* Functions: what both documents say, put together and checked. */
void fby_manifest_check_functions(struct fby_manifest *m, struct fby_err *err);

/* Why the C workers cannot do the role yet, in words; NULL: they can. */
const char *fby_manifest_function_refused(enum fby_function_role role);
/* Is the setting, of either document, of such a role? */
bool fby_manifest_is_refused(const char *path);

/* What is wrong with an entry of `brokers`, in words; NULL: nothing. */
const char *fby_manifest_broker_fault(const char *broker);
/* Is an address in both lists, so that they are of one cluster? */
bool fby_manifest_share_broker(const struct fby_kafka *a,
    const struct fby_kafka *b);

/*
 * The `config:` blocks of both ends, tried against the librdkafka in use and
 * against each other; manifest/config.c.
 */
int fby_manifest_check_config(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

/* How many of the keys the map has; "a and b" is added to `names`. */
size_t fby_manifest_count_keys(const struct fby_node *map,
    const char *const *keys, size_t n, struct fby_str *names);

/*
 * The runtime that is asked for, and the canary's (NULL: none), before
 * anything else is read.
 */
const char *fby_manifest_runtime_get(const struct fby_manifest *m);
const char *fby_manifest_canary_get(const struct fby_manifest *m);
/* Are they known?  Once everything is read. */
void fby_manifest_runtime_check(const struct fby_manifest *m,
    struct fby_err *err);

/* "spec.source.kafka.topic" down from a document's root. */
const struct fby_node *fby_manifest_node(const struct fby_node *root,
    const char *path);

#endif
