/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group member's states, with a librdkafka that does what a test says.
 */
#include "t/unit/unit.h"

#include "t/unit/master/group/fake_consumer.h"

#include <unistd.h>

#include "master/base/context.h"
#include "master/group/group_own.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

static struct fby_manifest manifest;
static struct fby_context ctx;
static struct fby_group g;

/* clang-format off */
static void on_metadata(void *arg) { (void)arg; note("metadata"); }
static void on_revoked(void *arg) { (void)arg; note("revoked"); }
static void on_forget(void *arg) { (void)arg; note("forget"); }
static void on_closed(void *arg) { (void)arg; note("closed"); }
/* clang-format on */

static void
on_topics(void *arg, const char *missing)
{
	(void)arg;
	note("topics%s", missing ? ":missing" : "");
}

static const struct fby_group_ops ops = {
	on_metadata,
	on_revoked,
	on_topics,
	on_forget,
	on_closed,
};

static int
set_up(void **state)
{
	static const char *topics[] = { "t" };

	(void)state;
	fby_log_set_level(FBY_LOG_CRIT);
	memset(&manifest, 0, sizeof(manifest));
	memset(&ctx, 0, sizeof(ctx));
	manifest.source.group = "g";
	manifest.topics.v = topics;
	manifest.topics.n = 1;
	manifest.host.drain_timeout_ms = 30000;
	ctx.manifest = &manifest;
	ctx.state = FBY_CYCLE_RUNNING;
	ctx.base = event_base_new();
	is_incremental = is_lost = is_closed = cannot_open = false;
	has_no_member_id = false;
	generation = 7;
	fatal = subscribed = RD_KAFKA_RESP_ERR_NO_ERROR;
	on_destroyed = NULL;
	nheld = 0;
	setting_protocol = "classic";
	setting_instance = "";
	fby_group_init(&g, &ctx, NULL, &ops, NULL);
	*calls = '\0';
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fby_group_fini(&g);
	fby_alarm_fini(&ctx.alarms);
	event_base_free(ctx.base);
	assert_int_equal(nevents, 0);
	return 0;
}

/* All that has come is heard. */
static void
hear(void)
{
	fby_group_serve(&g);
}

static void
join(void)
{
	assert_int_equal(fby_group_open(&g), 0);
	assert_calls("new subscribe:1");
	assert_int_equal(g.state, FBY_GROUP_JOINING);
	comes(RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
	    2);
	hear();
	assert_int_equal(g.state, FBY_GROUP_STEADY);
	assert_calls(is_incremental ? "incremental_assign:0 +t/0 +t/1" :
				      "assign:0 +t/0 +t/1");
}

static void
revoke_of(int partitions)
{
	comes(RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS,
	    partitions);
	hear();
}

static void
what_is_assigned_goes_to_the_hand_over_alone(void **state)
{
	(void)state;
	join();
	assert_int_equal(g.epoch, 7);
	assert_string_equal(g.member_id, "member-1");
	assert_int_equal(g.rebalances, 1);
}

static void
a_revoke_is_answered_when_all_has_left(void **state)
{
	(void)state;
	join();
	revoke_of(2);
	assert_int_equal(g.state, FBY_GROUP_REVOKING);
	assert_calls("-t/0:30000 -t/1:30000 revoked");
	assert_int_equal(nevents, 1);
	fby_group_unassign(&g);
	assert_calls("assign:none");
	assert_int_equal(g.state, FBY_GROUP_JOINING);
	assert_int_equal(nevents, 0);
	/* Twice is once. */
	fby_group_unassign(&g);
	assert_calls("");
}

static void
a_cooperative_revoke_is_answered_as_one(void **state)
{
	(void)state;
	is_incremental = true;
	join();
	revoke_of(1);
	assert_calls("-t/0:30000 revoked");
	fby_group_unassign(&g);
	assert_calls("incremental_unassign:0");
}

static void
what_is_lost_is_not_drained(void **state)
{
	(void)state;
	join();
	is_lost = true;
	revoke_of(1);
	assert_calls("!t/0:30000 revoked");
}

static void
one_answer_is_for_two_revokes(void **state)
{
	(void)state;
	join();
	revoke_of(1);
	revoke_of(1);
	assert_calls("-t/0:30000 revoked -t/0:30000 revoked");
	assert_int_equal(nevents, 1);
	fby_group_unassign(&g);
	assert_calls("assign:none");
}

static void
draining_is_bounded_by_the_poll_interval(void **state)
{
	(void)state;
	manifest.host.drain_timeout_ms = 900000;
	join();
	revoke_of(1);
	assert_calls("-t/0:240000 revoked");
}

static void
what_comes_while_stopping_is_not_begun(void **state)
{
	(void)state;
	join();
	ctx.state = FBY_CYCLE_DRAINING;
	comes(RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
	    2);
	hear();
	assert_calls("assign:0");
	assert_int_equal(g.state, FBY_GROUP_STEADY);
}

static void
a_failed_rebalance_gives_all_back(void **state)
{
	(void)state;
	join();
	comes(RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_RESP_ERR__FAIL, 0);
	hear();
	assert_calls("assign:none");
}

static void
a_static_member_leaves_before_it_closes(void **state)
{
	(void)state;
	join();
	fby_group_leave(&g);
	assert_int_equal(g.state, FBY_GROUP_LEAVING);
	assert_calls("unsubscribe");
	/* The REVOKE that unsubscribing brings is answered at once. */
	revoke_of(2);
	assert_calls("-t/0:30000 -t/1:30000 assign:none");
	assert_int_equal(g.state, FBY_GROUP_LEAVING);
	fby_group_on_poll(&g);
	assert_calls("");
	has_no_member_id = true;
	fby_group_on_poll(&g);
	assert_calls("close");
	is_closed = true;
	fby_group_on_poll(&g);
	assert_calls("forget destroy closed");
	assert_int_equal(g.state, FBY_GROUP_CLOSED);
	assert_null(g.rk);
}

static void
leaving_has_an_end(void **state)
{
	(void)state;
	join();
	fby_group_leave(&g);
	assert_calls("unsubscribe");
	g.close_by = fby_clock_mono();
	fby_group_on_poll(&g);
	assert_calls("close forget destroy closed");
}

static void
a_held_revoke_is_answered_by_leaving(void **state)
{
	(void)state;
	join();
	revoke_of(1);
	assert_calls("-t/0:30000 revoked");
	fby_group_leave(&g);
	assert_calls("assign:none unsubscribe");
}

static void
no_member_has_left_already(void **state)
{
	(void)state;
	fby_group_leave(&g);
	assert_calls("closed");
}

static void
fatal_comes(rd_kafka_resp_err_t err)
{
	fatal = err;
	comes(RD_KAFKA_EVENT_ERROR, RD_KAFKA_RESP_ERR__FATAL, 0);
	hear();
	assert_int_equal(g.state, FBY_GROUP_CLOSED);
	assert_null(g.rk);
}

static void
after_a_fatal_error_another_client_joins(void **state)
{
	(void)state;
	join();
	fatal_comes(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
	assert_calls("!all:0 forget destroy");
	assert_true(event_pending(&g.ev_retry, EV_TIMEOUT, NULL));
	assert_non_null(fby_alarm_text(&ctx.alarms, FBY_ALARM_GROUP));
	assert_int_equal(g.epoch, -1);
	/* Two of one name would fence each other. */
	assert_int_equal(fby_group_open(&g), 0);
	assert_calls("");
	on_destroyed(on_destroyed_arg);
	assert_calls("new subscribe:1");
	assert_int_equal(g.state, FBY_GROUP_JOINING);
}

static void
a_fenced_member_stands_by(void **state)
{
	(void)state;
	setting_instance = "host-a";
	join();
	fatal_comes(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
	assert_calls("!all:0 forget destroy stand_by:host-a");
	assert_false(event_pending(&g.ev_retry, EV_TIMEOUT, NULL));
}

static void
a_fatal_error_while_stopping_is_the_end(void **state)
{
	(void)state;
	join();
	ctx.state = FBY_CYCLE_LEAVING;
	fatal_comes(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
	assert_calls("!all:0 forget destroy closed");
	assert_false(event_pending(&g.ev_retry, EV_TIMEOUT, NULL));
}

static void
a_client_that_cannot_be_made_is_an_alarm(void **state)
{
	(void)state;
	cannot_open = true;
	assert_int_equal(fby_group_open(&g), -1);
	assert_calls("new");
	assert_int_equal(g.retry_ms, 1000);
	assert_non_null(strstr(fby_alarm_text(&ctx.alarms, FBY_ALARM_GROUP),
	    "no such CA file"));
	/* The back-off doubles, up to a minute. */
	for (int ms = 2000; ms <= 256000; ms *= 2) {
		assert_int_equal(fby_group_open(&g), -1);
		assert_int_equal(g.retry_ms, FBY_MIN(ms, 60000));
	}
	*calls = '\0';
	cannot_open = false;
	join();
	assert_null(fby_alarm_text(&ctx.alarms, FBY_ALARM_GROUP));
}

static void
a_refused_subscription_is_tried_again(void **state)
{
	(void)state;
	subscribed = RD_KAFKA_RESP_ERR__INVALID_ARG;
	assert_int_equal(fby_group_open(&g), -1);
	assert_calls("new subscribe:1 forget destroy");
	assert_true(event_pending(&g.ev_retry, EV_TIMEOUT, NULL));
	assert_int_equal(g.state, FBY_GROUP_CLOSED);
}

static void
joining_anew_is_a_member_s_alone(void **state)
{
	(void)state;
	fby_group_join_anew(&g);
	assert_calls("");
	join();
	fby_group_join_anew(&g);
	assert_calls("unsubscribe subscribe:1");
	revoke_of(1);
	assert_calls("-t/0:30000 revoked");
	fby_group_join_anew(&g);
	assert_calls("");
}

static void
a_join_without_an_answer_is_given_up(void **state)
{
	(void)state;
	join();
	revoke_of(1);
	fby_group_unassign(&g);
	*calls = '\0';
	g.since = fby_clock_mono() - 59000;
	fby_group_on_poll(&g);
	assert_calls("");
	g.since -= 2000;
	/* What we have is read meanwhile: others may drain for long. */
	nheld = 1;
	fby_group_on_poll(&g);
	assert_calls("");
	nheld = 0;
	fby_group_on_poll(&g);
	assert_calls("!all:0 forget destroy");
	on_destroyed(on_destroyed_arg);
	assert_calls("new subscribe:1");
}

static void
a_join_that_a_broker_refuses_is_an_alarm(void **state)
{
	static const rd_kafka_resp_err_t errors[] = {
		RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL,
		RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
		RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED,
		RD_KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID,
		RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
	};

	(void)state;
	assert_int_equal(fby_group_open(&g), 0);
	for (size_t i = 0; i < FBY_NELEM(errors); i++) {
		comes(RD_KAFKA_EVENT_ERROR, errors[i], 0);
		hear();
		assert_non_null(
		    strstr(fby_alarm_text(&ctx.alarms, FBY_ALARM_GROUP),
			"as the broker says"));
		fby_group_health_joined(&g.health, fby_clock_mono());
		fby_group_look(&g);
		assert_null(fby_alarm_text(&ctx.alarms, FBY_ALARM_GROUP));
	}
}

static void
errors_find_their_alarm(void **state)
{
	static const struct {
		rd_kafka_resp_err_t err;
		enum fby_alarm alarm;
		const char *calls;
	} errors[] = {
		{ RD_KAFKA_RESP_ERR__AUTHENTICATION, FBY_ALARM_AUTH, "topics" },
		{ RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, FBY_ALARM_AUTH,
		    "topics" },
		{ RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, FBY_ALARM_AUTH,
		    "" },
		{ RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
		    FBY_ALARM_AUTH, "" },
		{ RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, FBY_ALARM_AUTH,
		    "" },
		{ RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, FBY_ALARM_GROUP, "" },
		{ RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, FBY_ALARM_BROKER,
		    "topics" },
	};

	(void)state;
	join();
	for (size_t i = 0; i < FBY_NELEM(errors); i++) {
		comes(RD_KAFKA_EVENT_ERROR, errors[i].err, 0);
		hear();
		assert_calls(errors[i].calls);
		assert_non_null(fby_alarm_text(&ctx.alarms, errors[i].alarm));
		assert_int_equal(g.state, FBY_GROUP_STEADY);
		/* A log-in says nothing of rights. */
		fby_group_logged_in(&g);
		if (errors[i].alarm == FBY_ALARM_AUTH)
			assert_int_equal(fby_alarm_text(&ctx.alarms,
					     FBY_ALARM_AUTH) == NULL,
			    *errors[i].calls != '\0');
		fby_group_committed(&g);
		fby_group_topics_seen(&g);
		fby_group_answered(&g);
		fby_group_health_joined(&g.health, fby_clock_mono());
		fby_group_look(&g);
		assert_null(fby_alarm_text(&ctx.alarms, errors[i].alarm));
	}
	comes(RD_KAFKA_EVENT_ERROR, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, 0);
	hear();
	assert_calls("topics:missing");
}

static unsigned nreplies;

static void
on_reply(void *arg, rd_kafka_event_t *ev)
{
	(void)arg;
	(void)ev;
	nreplies++;
}

/* A reply of that kind and with those errors. */
static void
reply(struct fby_request *req, rd_kafka_event_type_t type,
    rd_kafka_resp_err_t err)
{
	req->under_way = 1;
	comes(type, RD_KAFKA_RESP_ERR_NO_ERROR, 1);
	pending[npending - 1]->opaque = req;
	pending[npending - 1]->list->elems[0].err = err;
	if (!err)
		pending[npending - 1]->list->elems[0].offset = 5;
	g.health.answered_at = 0;
	g.retry_ms = 4000;
	hear();
	assert_int_equal(req->under_way, 0);
}

static void
only_a_broker_s_word_is_an_answer(void **state)
{
	struct fby_request req = { .fn = on_reply };

	(void)state;
	join();
	nreplies = 0;
	reply(&req, RD_KAFKA_EVENT_LISTOFFSETS_RESULT,
	    RD_KAFKA_RESP_ERR__TIMED_OUT);
	assert_int_equal(g.health.answered_at, 0);
	reply(&req, RD_KAFKA_EVENT_LISTOFFSETS_RESULT,
	    RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_true(g.health.answered_at > 0);
	assert_int_equal(g.retry_ms, 0);
	reply(&req, RD_KAFKA_EVENT_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_true(g.health.answered_at > 0);
	assert_int_equal(nreplies, 3);
}

static void
exactly_once_tells_each_new_generation(void **state)
{
	(void)state;
	manifest.host.delivery = FBY_EXACTLY_ONCE;
	assert_int_equal(fby_group_open(&g), 0);
	comes(RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
	    1);
	hear();
	/* Before what is assigned can be granted. */
	assert_calls("new subscribe:1 assign:0 metadata +t/0");
	assert_int_equal(g.metadata.size, 2);
	assert_memory_equal(g.metadata.bytes, "g7", 2);
	/* The classic protocol says when the generation changes. */
	generation = 8;
	fby_group_on_poll(&g);
	assert_calls("");
	/* Metadata without a generation are a stranger's. */
	generation = -1;
	comes(RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
	    0);
	hear();
	assert_calls("assign:0");
}

static void
the_new_protocol_is_asked_for_its_epoch(void **state)
{
	(void)state;
	setting_protocol = "consumer";
	manifest.host.delivery = FBY_EXACTLY_ONCE;
	assert_int_equal(fby_group_open(&g), 0);
	comes(RD_KAFKA_EVENT_REBALANCE, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
	    0);
	hear();
	*calls = '\0';
	fby_group_on_poll(&g);
	assert_calls("");
	generation = 8;
	fby_group_on_poll(&g);
	assert_calls("metadata");
	assert_int_equal(g.epoch, 8);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_assigned_goes_to_the_hand_over_alone),
		T(a_revoke_is_answered_when_all_has_left),
		T(a_cooperative_revoke_is_answered_as_one),
		T(what_is_lost_is_not_drained),
		T(one_answer_is_for_two_revokes),
		T(draining_is_bounded_by_the_poll_interval),
		T(what_comes_while_stopping_is_not_begun),
		T(a_failed_rebalance_gives_all_back),
		T(a_static_member_leaves_before_it_closes),
		T(leaving_has_an_end),
		T(a_held_revoke_is_answered_by_leaving),
		T(no_member_has_left_already),
		T(after_a_fatal_error_another_client_joins),
		T(a_fenced_member_stands_by),
		T(a_fatal_error_while_stopping_is_the_end),
		T(a_client_that_cannot_be_made_is_an_alarm),
		T(a_refused_subscription_is_tried_again),
		T(joining_anew_is_a_member_s_alone),
		T(a_join_without_an_answer_is_given_up),
		T(a_join_that_a_broker_refuses_is_an_alarm),
		T(errors_find_their_alarm),
		T(only_a_broker_s_word_is_an_answer),
		T(exactly_once_tells_each_new_generation),
		T(the_new_protocol_is_asked_for_its_epoch),
	};

	return UNIT_RUN(tests);
}
