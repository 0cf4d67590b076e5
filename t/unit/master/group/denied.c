/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a group that was denied is asked about again, and what ends it.
 */
#include "t/unit/unit.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/denied.h"
#include "master/group/group.h"

static struct fby_manifest manifest;
static struct fby_context ctx;
static struct fby_group group;
static struct fby_denied denied;
static const char *topics[] = { "orders" };

/* ---- a call ----------------------------------------------------------- */

static struct {
	fby_call_committed_fn *fn;
	void *arg;
	rd_kafka_topic_partition_list_t *list; /* NULL: none is under way */
} call;

static unsigned asked, forgotten, granted;

struct fby_call *
fby_call_committed(struct fby_calls *c, rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list, int timeout_ms,
    fby_call_committed_fn *fn, void *arg)
{
	assert_ptr_equal(c, &ctx.calls);
	assert_ptr_equal(rk, group.rk);
	assert_in_range(timeout_ms, 1, 5000);
	assert_null(call.list);
	call.list = list;
	call.fn = fn;
	call.arg = arg;
	asked++;
	return (struct fby_call *)&call;
}

static void
end_call(void)
{
	rd_kafka_topic_partition_list_destroy(call.list);
	call.list = NULL;
}

void
fby_call_forget(struct fby_calls *c, struct fby_call *which)
{
	assert_ptr_equal(c, &ctx.calls);
	if (which == NULL)
		return;
	assert_ptr_equal(which, &call);
	end_call();
	forgotten++;
}

void
fby_group_committed(struct fby_group *g)
{
	assert_ptr_equal(g, &group);
	granted++;
}

static void
answer(rd_kafka_resp_err_t err, rd_kafka_resp_err_t of_partition)
{
	assert_non_null(call.list);
	assert_int_equal(call.list->cnt, 1);
	assert_string_equal(call.list->elems[0].topic, "orders");
	call.list->elems[0].err = of_partition;
	call.fn(call.arg, call.list, err);
	end_call();
}

/* ---- life ------------------------------------------------------------- */

static int
setup(void **state)
{
	(void)state;
	asked = forgotten = granted = 0;
	manifest.topics.v = topics;
	manifest.topics.n = 1;
	ctx.manifest = &manifest;
	memset(&group, 0, sizeof(group));
	group.rk = (rd_kafka_t *)&group;
	group.state = FBY_GROUP_STEADY;
	group.health.unauthorized = (char *)(uintptr_t) "not authorized";
	fby_denied_init(&denied, &ctx, &group);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_denied_forget(&denied);
	assert_null(call.list);
	return 0;
}

/* Five seconds later. */
static void
tick_later(bool can_commit)
{
	denied.asked_at -= 5000;
	fby_denied_tick(&denied, can_commit);
}

/* ---- tests ------------------------------------------------------------ */

static void
a_committed_offset_that_may_be_read_ends_it(void **state)
{
	(void)state;
	tick_later(false);
	assert_int_equal(asked, 1);
	assert_int_equal(granted, 0);
	answer(RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(granted, 1);
}

static void
a_refusal_of_any_kind_does_not(void **state)
{
	(void)state;
	tick_later(false);
	answer(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
	    RD_KAFKA_RESP_ERR_NO_ERROR);
	tick_later(false);
	answer(RD_KAFKA_RESP_ERR_NO_ERROR,
	    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	tick_later(false);
	answer(RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(asked, 3);
	assert_int_equal(granted, 0);
}

static void
it_is_asked_every_five_seconds_and_once_at_a_time(void **state)
{
	(void)state;
	tick_later(false);
	tick_later(false);
	assert_int_equal(asked, 1);
	answer(RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR_NO_ERROR);
	denied.asked_at = fby_clock_mono() - 4000;
	fby_denied_tick(&denied, false);
	assert_int_equal(asked, 1);
	tick_later(false);
	assert_int_equal(asked, 2);
}

static void
who_commits_finds_out_by_that(void **state)
{
	(void)state;
	tick_later(true);
	assert_int_equal(asked, 0);
}

static void
nobody_asks_who_is_not_denied_or_no_member(void **state)
{
	(void)state;
	group.health.unauthorized = NULL;
	tick_later(false);
	group.health.unauthorized = (char *)(uintptr_t) "not authorized";
	group.is_login_refused = true;
	tick_later(false);
	group.is_login_refused = false;
	group.state = FBY_GROUP_JOINING;
	tick_later(false);
	group.state = FBY_GROUP_STEADY;
	group.rk = NULL;
	tick_later(false);
	assert_int_equal(asked, 0);
}

static void
with_the_client_its_call_goes(void **state)
{
	(void)state;
	tick_later(false);
	fby_denied_forget(&denied);
	assert_int_equal(forgotten, 1);
	/* And with the next one there is another. */
	tick_later(false);
	assert_int_equal(asked, 2);
}

static void
before_it_is_set_up_there_is_nothing_to_forget(void **state)
{
	struct fby_denied none = { .ctx = NULL };

	(void)state;
	fby_denied_forget(&none);
	assert_int_equal(forgotten, 0);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_committed_offset_that_may_be_read_ends_it),
		TEST(a_refusal_of_any_kind_does_not),
		TEST(it_is_asked_every_five_seconds_and_once_at_a_time),
		TEST(who_commits_finds_out_by_that),
		TEST(nobody_asks_who_is_not_denied_or_no_member),
		TEST(with_the_client_its_call_goes),
		TEST(before_it_is_set_up_there_is_nothing_to_forget),
	};

	return UNIT_RUN(tests);
}
