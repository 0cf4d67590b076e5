/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "master/base/call.h"

/*
 * A mock broker of librdkafka answers; under SAN=tsan this is where the lists
 * and their lock are looked at.
 */
enum { MANY = 200, TIMEOUT_MS = 5000 };

static struct event_base *base;
static struct fby_calls calls;
static rd_kafka_t *owner; /* of the mock cluster */
static rd_kafka_t *rk;
static int n_answers, n_errors, n_destroyed;

static rd_kafka_t *
client(rd_kafka_type_t type, const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *new;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	if (type == RD_KAFKA_CONSUMER)
		rd_kafka_conf_set(conf, "group.id", "g", NULL, 0);
	else
		rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0);
	new = rd_kafka_new(type, conf, text, sizeof(text));
	assert_non_null(new);
	return new;
}

static int
start(void **state)
{
	(void)state;
	n_answers = n_errors = n_destroyed = 0;
	base = event_base_new();
	owner = client(RD_KAFKA_PRODUCER, "");
	rk = client(RD_KAFKA_CONSUMER,
	    rd_kafka_mock_cluster_bootstraps(
		rd_kafka_handle_mock_cluster(owner)));
	return fby_calls_init(&calls, base);
}

static int
end(void **state)
{
	(void)state;
	assert_true(fby_calls_fini(&calls));
	event_base_free(base);
	if (n_destroyed == 0)
		rd_kafka_destroy(rk);
	rd_kafka_destroy(owner);
	return 0;
}

static rd_kafka_topic_partition_list_t *
one_topic(void)
{
	rd_kafka_topic_partition_list_t
	    *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, "topic", 0);
	return list;
}

static void
on_committed(void *arg, rd_kafka_topic_partition_list_t *list, int err)
{
	assert_ptr_equal(arg, &calls);
	assert_int_equal(list->cnt, 1);
	n_answers++;
	n_errors += err != 0;
}

static void
on_metadata(void *arg, const struct rd_kafka_metadata *md, int err)
{
	assert_ptr_equal(arg, &calls);
	assert_int_equal(err, 0);
	assert_string_equal(md->topics[0].topic, "topic");
	n_answers++;
}

static void
on_members(void *arg, const struct rd_kafka_group_info *g, int err)
{
	(void)g;
	(void)err;
	assert_ptr_equal(arg, &calls);
	n_answers++;
}

static void
on_destroyed(void *arg)
{
	assert_ptr_equal(arg, &calls);
	n_destroyed++;
	event_base_loopbreak(base);
}

static struct fby_call *
ask(void)
{
	return fby_call_committed(&calls, rk, one_topic(), TIMEOUT_MS,
	    on_committed, &calls);
}

/* Calls are made one after the other, so this is after all others. */
static void
finish(void)
{
	fby_call_destroy(&calls, rk, on_destroyed, &calls);
	event_base_dispatch(base);
	assert_int_equal(n_destroyed, 1);
}

static void
each_call_is_answered_once_and_before_its_client_is_destroyed(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		ask();
	fby_call_metadata(&calls, rk, one_topic(), TIMEOUT_MS, on_metadata,
	    &calls);
	fby_call_members(&calls, rk, "g", TIMEOUT_MS, on_members, &calls);
	assert_int_equal(n_answers, 0);
	finish();
	assert_int_equal(n_answers, MANY + 2);
	assert_int_equal(n_errors, 0);
}

static void
what_is_forgotten_is_not_answered(void **state)
{
	(void)state;
	/* Some are waiting, one is being made, some have been. */
	for (int i = 0; i < MANY; i++) {
		struct fby_call *call = ask();

		event_base_loop(base, EVLOOP_NONBLOCK);
		fby_call_forget(&calls, i % 2 ? call : NULL);
	}
	finish();
	assert_true(n_answers >= MANY / 2);
	assert_true(n_answers < MANY);
}

static void
the_end_waits_for_the_call_under_way_and_answers_none(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		ask();
	assert_true(fby_calls_fini(&calls));
	assert_int_equal(n_answers, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    each_call_is_answered_once_and_before_its_client_is_destroyed,
		    start, end),
		cmocka_unit_test_setup_teardown(
		    what_is_forgotten_is_not_answered, start, end),
		cmocka_unit_test_setup_teardown(
		    the_end_waits_for_the_call_under_way_and_answers_none,
		    start, end),
	};

	return UNIT_RUN(tests);
}
