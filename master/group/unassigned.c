/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that no member of the group has; see unassigned.h.
 */
#include "shared/fby.h"

#include "master/group/unassigned.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/group.h"
#include "master/group/topics.h"
#include "master/handoff/handoff.h"

#define LOOK_MS 5000
#define TIMEOUT_MS 2000
#define PATIENCE_MS 15000 /* a rebalance in order is over by then */
#define AGAIN_MS 60000

/* ---- the consumer protocol -------------------------------------------- */

struct reader {
	const unsigned char *p, *end;
	bool is_short;
};

static uint32_t
get(struct reader *r, size_t bytes)
{
	uint32_t n = 0;

	if ((size_t)(r->end - r->p) < bytes) {
		r->is_short = true;
		return 0;
	}
	while (bytes-- > 0)
		n = n << 8 | *r->p++;
	return n;
}

static void
read_topic(struct reader *r, fby_unassigned_fn *each, void *arg)
{
	size_t len = get(r, 2);
	const char *topic = (const char *)r->p;
	uint32_t n;

	if (r->is_short || len > (size_t)(r->end - r->p)) {
		r->is_short = true;
		return;
	}
	r->p += len;
	for (n = get(r, 4); n > 0 && !r->is_short; n--) {
		int32_t partition = (int32_t)get(r, 4);

		if (!r->is_short)
			each(arg, topic, len, partition);
	}
}

int
fby_unassigned_read(const void *bytes, size_t size, fby_unassigned_fn *each,
    void *arg)
{
	struct reader r = { .p = bytes, .end = (const unsigned char *)bytes };
	uint32_t n;

	/* A member that has nothing may say it with nothing. */
	if (size == 0)
		return 0;
	r.end += size;
	get(&r, 2);
	for (n = get(&r, 4); n > 0 && !r.is_short; n--)
		read_topic(&r, each, arg);
	return r.is_short ? -1 : 0;
}

/* ---- who has what? ---------------------------------------------------- */

/* One for each topic that we read. */
struct had {
	const struct fby_topics_id *topic;
	bool *is_had; /* by partition */
};

struct tally {
	struct had *topics; /* by name */
	size_t n;
	struct had *last; /* that was found; NULL: none yet */
};

static int
by_name(const void *va, const void *vb)
{
	const struct had *a = va, *b = vb;

	return strcmp(a->topic->name, b->topic->name);
}

/* A topic's name as other members have sent it: any bytes, and no end. */
struct name {
	const char *p;
	size_t len;
};

static int
compare(const void *key, const void *with)
{
	const struct name *name = key;
	const char *ours = ((const struct had *)with)->topic->name;
	const size_t len = strlen(ours);
	int order = memcmp(name->p, ours, FBY_MIN(name->len, len));

	return order ? order : (name->len > len) - (name->len < len);
}

/* One after the other of the same topic. */
static void
mark(void *arg, const char *topic, size_t len, int32_t partition)
{
	const struct name name = { topic, len };
	struct tally *t = arg;

	if (t->last == NULL || compare(&name, t->last) != 0)
		t->last = bsearch(&name, t->topics, t->n, sizeof(t->topics[0]),
		    compare);
	if (t->last && partition >= 0 && partition < t->last->topic->partitions)
		t->last->is_had[partition] = true;
}

/* Those whose number of partitions is known. */
static struct tally
new_tally(const struct fby_unassigned *u)
{
	const struct fby_strings *names = &u->ctx->manifest->topics;
	struct tally t = { .topics = fby_calloc(names->n + 1,
			       sizeof(t.topics[0])) };

	for (size_t i = 0; i < names->n; i++) {
		const struct fby_topics_id *id = fby_topics_find(u->topics,
		    names->v[i]);

		if (id == NULL || id->partitions <= 0)
			continue;
		t.topics[t.n].topic = id;
		t.topics[t.n++].is_had = fby_calloc((size_t)id->partitions,
		    sizeof(bool));
	}
	qsort(t.topics, t.n, sizeof(t.topics[0]), by_name);
	return t;
}

static void
free_tally(struct tally *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->topics[i].is_had);
	free(t->topics);
}

/* How many nobody has, and the first of them. */
static size_t
count_missing(const struct tally *t, const char **topic, int32_t *partition)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct fby_topics_id *id = t->topics[i].topic;

		for (int32_t p = 0; p < id->partitions; p++) {
			if (t->topics[i].is_had[p])
				continue;
			if (n++ == 0) {
				*topic = id->name;
				*partition = p;
			}
		}
	}
	return n;
}

static size_t
count_all(const struct fby_unassigned *u)
{
	const struct fby_strings *names = &u->ctx->manifest->topics;
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++) {
		const struct fby_topics_id *id = fby_topics_find(u->topics,
		    names->v[i]);

		n += id ? (size_t)FBY_MAX(id->partitions, 0) : 0;
	}
	return n;
}

/* ---- the alarm -------------------------------------------------------- */

static void
all_are_had(struct fby_unassigned *u)
{
	u->since = 0;
	fby_alarm_clear(&u->ctx->alarms, FBY_ALARM_UNASSIGNED);
}

static void
some_are_missing(struct fby_unassigned *u, size_t n, const char *topic,
    int32_t partition)
{
	const int64_t now = fby_clock_mono();
	char others[48] = "";

	if (u->since == 0)
		u->since = now;
	if (now - u->since < PATIENCE_MS)
		return;
	if (n > 1)
		snprintf(others, sizeof(others), " and %zu more", n - 1);
	fby_alarm_set(&u->ctx->alarms, FBY_ALARM_UNASSIGNED,
	    "%s/%d%s: the group has given %s to none of its members", topic,
	    partition, others, n > 1 ? "these partitions" : "this partition");
	if (u->joined_at != 0 && now - u->joined_at < AGAIN_MS)
		return;
	u->joined_at = now;
	fby_group_join_anew(u->group);
}

static void
on_members(void *arg, const struct rd_kafka_group_info *g, int err)
{
	struct fby_unassigned *u = arg;
	const char *topic = NULL;
	int32_t partition = 0;
	struct tally t;
	size_t n;

	u->call = NULL;
	/* Those of a rebalance under way have been given nothing yet. */
	if (err || g == NULL || g->err || strcmp(g->state, "Stable") != 0 ||
	    u->ctx->state != FBY_CYCLE_RUNNING)
		return;
	t = new_tally(u);
	for (int i = 0; i < g->member_cnt; i++) {
		const struct rd_kafka_group_member_info *m = &g->members[i];

		/* Another protocol's: it says nothing to us. */
		if (fby_unassigned_read(m->member_assignment,
			(size_t)FBY_MAX(m->member_assignment_size, 0), mark,
			&t) == -1) {
			free_tally(&t);
			return;
		}
	}
	n = count_missing(&t, &topic, &partition);
	if (n == 0)
		all_are_had(u);
	else
		some_are_missing(u, n, topic, partition);
	free_tally(&t);
}

/* ---- life ------------------------------------------------------------- */

void
fby_unassigned_init(struct fby_unassigned *u, struct fby_context *ctx,
    struct fby_group *group, const struct fby_topics *topics,
    const struct fby_handoff *handoff)
{
	*u = (struct fby_unassigned){ .ctx = ctx,
		.group = group,
		.topics = topics,
		.handoff = handoff };
}

void
fby_unassigned_fini(struct fby_unassigned *u)
{
	if (u->ctx)
		fby_call_forget(&u->ctx->calls, u->call);
	u->call = NULL;
}

void
fby_unassigned_tick(struct fby_unassigned *u)
{
	const int64_t now = fby_clock_mono();

	/* On its way out the member must not join once more. */
	if (u->ctx->state != FBY_CYCLE_RUNNING || u->group->rk == NULL ||
	    !u->group->is_classic) {
		all_are_had(u);
		return;
	}
	if (u->group->state != FBY_GROUP_STEADY)
		return;
	if (count_all(u) <= fby_handoff_ours(u->handoff)) {
		all_are_had(u);
		return;
	}
	if (u->call != NULL || now - u->asked_at < LOOK_MS)
		return;
	u->asked_at = now;
	u->call = fby_call_members(&u->ctx->calls, u->group->rk,
	    u->ctx->manifest->source.group, TIMEOUT_MS, on_members, u);
}
