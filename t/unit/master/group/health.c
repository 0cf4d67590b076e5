/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alarms of the group's member: from what was noted, at any tick.
 */
#include "t/unit/unit.h"

#include "master/base/alarm.h"
#include "master/group/health.h"

static struct fby_alarms alarms;
static struct fby_group_health health;

static int
set_up(void **state)
{
	(void)state;
	memset(&health, 0, sizeof(health));
	memset(&alarms, 0, sizeof(alarms));
	fby_group_health_begin(&health, 15000, 1000);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	fby_group_health_fini(&health);
	fby_alarm_fini(&alarms);
	return 0;
}

static const char *
said(enum fby_alarm alarm, int64_t now)
{
	const char *text;

	fby_group_health_look(&health, &alarms, true, now);
	text = fby_alarm_text(&alarms, alarm);
	return text ? text : "";
}

static void
no_answer_for_most_of_a_session_is_an_alarm(void **state)
{
	(void)state;
	assert_string_equal(said(FBY_ALARM_BROKER, 11000), "");
	assert_string_equal(said(FBY_ALARM_BROKER, 11001),
	    "no broker has answered for more than 10.0 s");
	fby_group_health_answered(&health, 11500);
	assert_string_equal(said(FBY_ALARM_BROKER, 11600), "");
	/* Without a client nothing is asked. */
	fby_group_health_look(&health, &alarms, false, 99000);
	assert_null(fby_alarm_text(&alarms, FBY_ALARM_BROKER));
}

static void
the_last_word_on_a_connection_is_the_reason(void **state)
{
	(void)state;
	fby_group_health_broken(&health, "k:1: Connection refused");
	assert_string_equal(said(FBY_ALARM_BROKER, 2000), "");
	fby_group_health_down(&health, 2000);
	assert_string_equal(said(FBY_ALARM_BROKER, 2000),
	    "no broker can be reached: k:1: Connection refused");
	fby_group_health_answered(&health, 3000);
	assert_string_equal(said(FBY_ALARM_BROKER, 3000), "");
	fby_group_health_down(&health, 4000);
	assert_string_equal(said(FBY_ALARM_BROKER, 4000),
	    "no broker can be reached");
}

static void
a_refusal_stays_until_there_is_a_membership(void **state)
{
	(void)state;
	fby_group_health_refused(&health, "JoinGroup failed");
	fby_group_health_unauthorized(&health, "no");
	fby_group_health_answered(&health, 90000);
	assert_string_equal(said(FBY_ALARM_GROUP, 90000), "JoinGroup failed");
	assert_string_equal(said(FBY_ALARM_AUTH, 90000), "no");
	fby_group_health_authorized(&health);
	assert_string_equal(said(FBY_ALARM_AUTH, 90000), "");
	fby_group_health_joined(&health, 90000);
	assert_string_equal(said(FBY_ALARM_GROUP, 90000), "");
}

/* Each is over by what proves it, and not by the other's proof. */
static void
a_denied_topic_and_a_denied_group_are_two_things(void **state)
{
	(void)state;
	fby_group_health_topic_denied(&health, "topic");
	fby_group_health_unauthorized(&health, "group");
	assert_string_equal(said(FBY_ALARM_AUTH, 1000), "group");
	fby_group_health_authorized(&health);
	assert_string_equal(said(FBY_ALARM_AUTH, 1000), "topic");
	fby_group_health_unauthorized(&health, "group");
	fby_group_health_topics_seen(&health);
	assert_string_equal(said(FBY_ALARM_AUTH, 1000), "group");
	fby_group_health_authorized(&health);
	assert_string_equal(said(FBY_ALARM_AUTH, 1000), "");
	fby_group_health_topic_denied(&health, "topic");
	fby_group_health_joined(&health, 1000);
	assert_string_equal(said(FBY_ALARM_AUTH, 1000), "");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(no_answer_for_most_of_a_session_is_an_alarm),
		T(the_last_word_on_a_connection_is_the_reason),
		T(a_refusal_stays_until_there_is_a_membership),
		T(a_denied_topic_and_a_denied_group_are_two_things),
	};
#undef T

	return UNIT_RUN(tests);
}
