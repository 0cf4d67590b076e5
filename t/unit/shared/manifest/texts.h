/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests to write others from, and what reads them.
 */
#ifndef FBY_UNIT_TEXTS_H
#define FBY_UNIT_TEXTS_H

#include "t/unit/unit.h"

#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

#define MVTX                                                          \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n"                 \
	"kind: MonoVertex\n"                                          \
	"metadata: {name: orders}\n"                                  \
	"spec:\n"                                                     \
	"  source:\n"                                                 \
	"    kafka: {brokers: ['a:1'], topic: t, consumerGroup: g}\n" \
	"  sink: {blackhole: {}}\n"
#define MVTX_TWO                                                  \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n"             \
	"kind: MonoVertex\n"                                      \
	"metadata: {name: two}\n"                                 \
	"spec:\n"                                                 \
	"  source:\n"                                             \
	"    kafka: {brokers: [b], topic: u, consumerGroup: g}\n" \
	"  sink: {blackhole: {}}\n"
#define HOST                       \
	"---\n"                    \
	"apiVersion: forebay/v1\n" \
	"kind: Host\n"             \
	"spec:\n"
#define RUST                     \
	"  containerTemplate:\n" \
	"    env: [{name: NUMAFLOW_RUNTIME, value: rust}]\n"
#define RUST_HOST HOST "  runtimes: {rust: {command: [/bin/numaflow-rs]}}\n"
#define PYTHON_ENV(name)         \
	"  containerTemplate:\n" \
	"    env: [{name: NUMAFLOW_RUNTIME, value: " name "}]\n"
#define PYTHON_HOST                                             \
	HOST "  runtimes:\n"                                    \
	     "    python: {command: [/bin/python3, -u], args: " \
	     "[w.py], protocol: worker}\n"                      \
	     "    lisp: {command: [/bin/lisp], protocol: worker}\n"
#define CANARY(of, share)                                          \
	HOST "  runtimes:\n"                                       \
	     "    python: {command: [" of "], protocol: worker}\n" \
	     "  canary: {runtime: python, share: " share "}\n"

static inline struct fby_manifest *
parse(const char *yaml, char **errors)
{
	const struct fby_manifest_text text = { "t", yaml, strlen(yaml), NULL };
	struct fby_manifest *m;
	struct fby_err err;

	fby_err_init(&err);
	m = fby_manifest_parse(&text, 1, &err);
	if (errors)
		*errors = fby_err_text(&err);
	else if (m == NULL)
		fputs(fby_err_text(&err), stderr);
	fby_err_fini(&err);
	return m;
}

static inline struct fby_manifest *
good(const char *yaml)
{
	struct fby_manifest *m = parse(yaml, NULL);

	assert_non_null(m);
	return m;
}

static inline struct fby_manifest *
load(const char *file, struct fby_err *err)
{
	char *name = fby_strdup(file);
	struct fby_manifest *m = fby_manifest_load(&name, 1, err);

	free(name);
	return m;
}

#endif
