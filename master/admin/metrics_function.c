/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of the users' functions.
 */
#include "shared/fby.h"

#include "master/admin/metrics_table.h"

#include "shared/base/str.h"
#include "shared/boundary/hist.h"
#include "shared/boundary/shm.h"
#include "shared/manifest/manifest.h"

#include "master/function/traffic.h"
#include "master/master.h"

#define LABELS "function, instance"

typedef void (*sample_fn)(struct fby_metrics_out *o, const struct fby_metric *m,
    const char *labels, const struct fby_traffic *t);

static void
each(struct fby_metrics_out *o, const struct fby_metric *m, sample_fn fn)
{
	const struct fby_manifest *manifest = o->mst->ctx.manifest;
	struct fby_str labels;
	struct fby_traffic t;
	char number[24];

	fby_str_init(&labels);
	for (int role = 0; role < FBY_FUNCTION_N; role++) {
		const enum fby_function_role r = (enum fby_function_role)role;
		const size_t n = fby_traffic_instances(manifest, r);

		for (size_t i = 0; i < n; i++) {
			fby_traffic_of(&t, &o->mst->shm, r, i);
			snprintf(number, sizeof(number), "%zu", i);
			fby_str_reset(&labels);
			fby_openmetrics_label(&labels, "function",
			    fby_function_word(r));
			fby_openmetrics_label(&labels, "instance", number);
			fn(o, m, labels.p, &t);
		}
	}
	fby_str_fini(&labels);
}

/* A counter or a gauge of it; `offset` says which. */
static void
sample_number(struct fby_metrics_out *o, const struct fby_metric *m,
    const char *labels, const struct fby_traffic *t)
{
	uint64_t n;

	memcpy(&n, (const char *)t + m->offset, sizeof(n));
	fby_openmetrics_sample(o->s, &m->f, labels, (double)n);
}

static void
own_number(struct fby_metrics_out *o, const struct fby_metric *m)
{
	each(o, m, sample_number);
}

static void
sample_ready(struct fby_metrics_out *o, const struct fby_metric *m,
    const char *labels, const struct fby_traffic *t)
{
	fby_openmetrics_sample(o->s, &m->f, labels, (double)t->ready);
}

static void
own_ready(struct fby_metrics_out *o, const struct fby_metric *m)
{
	each(o, m, sample_ready);
}

static void
sample_time(struct fby_metrics_out *o, const struct fby_metric *m,
    const char *labels, const struct fby_traffic *t)
{
	double bounds[FBY_HIST_BOUNDS];

	for (size_t i = 0; i < FBY_HIST_BOUNDS; i++)
		bounds[i] = fby_hist_bounds[i] / 1e6;
	fby_openmetrics_histogram(o->s, &m->f, labels, bounds, FBY_HIST_BOUNDS,
	    t->buckets, (double)t->sum / 1e6);
}

static void
own_time(struct fby_metrics_out *o, const struct fby_metric *m)
{
	each(o, m, sample_time);
}

/* A function has said it of itself. */
static void
put_label(struct fby_str *labels, const char *name, const char *text)
{
	char printable[64];

	fby_str_print_into(printable, sizeof(printable), text, strlen(text));
	fby_openmetrics_label(labels, name, printable);
}

/*
 * As Numaflow tells it: by role, and not by instance.  What several of them
 * have in common is one sample.
 */
static void
sdk_sample(struct fby_metrics_out *o, const struct fby_metric *m,
    enum fby_function_role role, const struct fby_traffic *t,
    struct fby_str *seen)
{
	const char *file = fby_function_info(role);
	char type[32];
	struct fby_str labels;

	snprintf(type, sizeof(type), "%.*s",
	    (int)(strlen(file) - strlen("-server-info")), file);
	fby_str_init(&labels);
	fby_openmetrics_label(&labels, "component", "mono-vertex");
	fby_openmetrics_label(&labels, "component_name",
	    o->mst->ctx.manifest->name);
	put_label(&labels, "language", t->language);
	put_label(&labels, "version", t->version);
	fby_openmetrics_label(&labels, "type", type);
	if (strstr(seen->p, labels.p) == NULL) {
		fby_str_puts(seen, labels.p);
		fby_openmetrics_sample(o->s, &m->f, labels.p, 1);
	}
	fby_str_fini(&labels);
}

static void
own_sdk_info(struct fby_metrics_out *o, const struct fby_metric *m)
{
	const struct fby_manifest *manifest = o->mst->ctx.manifest;
	struct fby_traffic t;
	struct fby_str seen;

	fby_str_init(&seen);
	for (int role = 0; role < FBY_FUNCTION_N; role++) {
		const enum fby_function_role r = (enum fby_function_role)role;
		const size_t n = fby_traffic_instances(manifest, r);

		for (size_t i = 0; i < n; i++) {
			fby_traffic_of(&t, &o->mst->shm, r, i);
			if (*t.language)
				sdk_sample(o, m, r, &t, &seen);
		}
	}
	fby_str_fini(&seen);
}

/* Processes of ours; those of a pod are told by its name. */
static void
own_deaths(struct fby_metrics_out *o, const struct fby_metric *m)
{
	const struct fby_servers *all = &o->mst->servers;
	struct fby_str labels;
	char number[24];

	fby_str_init(&labels);
	for (size_t i = 0; i < all->n; i++) {
		const struct fby_server *sv = all->v[i];

		snprintf(number, sizeof(number), "%zu", sv->number);
		fby_str_reset(&labels);
		fby_openmetrics_label(&labels, "function",
		    fby_function_word(sv->role));
		fby_openmetrics_label(&labels, "instance", number);
		if (sv->pod)
			fby_openmetrics_label(&labels, "pod", sv->pod);
		fby_openmetrics_sample(o->s, &m->f, labels.p,
		    (double)sv->deaths);
	}
	fby_str_fini(&labels);
}

/* ---- the table -------------------------------------------------------- */

/* clang-format off */
#define N(name, type, field, help)                                            \
	{ F("forebay_function_" name, type, NULL, help), .own = own_number,   \
	    .labels = LABELS, .offset = offsetof(struct fby_traffic, field) }

const struct fby_metric fby_metrics_of_function[] = {
	OWN("forebay_function_ready", GAUGE, NULL, LABELS, own_ready,
	    "Workers whose connection to the instance is ready."),
	N("calls", COUNTER, calls, "Records that were sent to the function."),
	N("answers", COUNTER, answers, "Records that it has answered."),
	N("errors", COUNTER, errors, "Records that it has refused."),
	N("connects", COUNTER, connects, "Connections that became ready."),
	N("connection_failures", COUNTER, failures, "Connections that broke, "
	    "or could not be made."),
	N("in_flight", GAUGE, in_flight, "Records that it has not answered "
	    "yet."),
	OWN("forebay_function_answer_seconds", HISTOGRAM, "seconds", LABELS,
	    own_time, "From sending a record to its answer."),
	OWN("forebay_function_deaths", COUNTER, NULL, LABELS ", pod",
	    own_deaths, "Processes of the function that died when they should "
	    "not have; `pod` is that of a runtime's replica."),
	OWN("sdk_info", GAUGE, NULL,
	    "component, component_name, language, version, type", own_sdk_info,
	    "1 for each SDK that the functions of a role are made with; `type` "
	    "is the role as Numaflow's info file has it."),
	{ .labels = NULL }
};
/* clang-format on */
