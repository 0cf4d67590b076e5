/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong between the group's member and its brokers; see
 * group/health.h.
 */
#include "shared/fby.h"

#include "master/group/health.h"

#include "shared/base/mem.h"

#include "master/base/alarm.h"

/* Something is asked each second; less would be no more than a hiccup. */
#define SILENT_MIN_MS 4000

static void
note(char **text, const char *why)
{
	free(*text);
	*text = why && *why ? fby_strdup(why) : NULL;
}

void
fby_group_health_begin(struct fby_group_health *h, int64_t session_ms,
    int64_t now)
{
	h->silent_ms = FBY_MAX(session_ms - session_ms / 3, SILENT_MIN_MS);
	h->answered_at = now;
}

void
fby_group_health_fini(struct fby_group_health *h)
{
	note(&h->down, NULL);
	note(&h->unauthorized, NULL);
	note(&h->topic_denied, NULL);
	note(&h->refused, NULL);
}

void
fby_group_health_answered(struct fby_group_health *h, int64_t now)
{
	h->answered_at = now;
	h->down_at = 0;
	note(&h->down, NULL);
}

void
fby_group_health_broken(struct fby_group_health *h, const char *why)
{
	note(&h->down, why);
}

void
fby_group_health_down(struct fby_group_health *h, int64_t now)
{
	h->down_at = now;
}

void
fby_group_health_unauthorized(struct fby_group_health *h, const char *why)
{
	note(&h->unauthorized, why);
}

void
fby_group_health_authorized(struct fby_group_health *h)
{
	note(&h->unauthorized, NULL);
}

void
fby_group_health_topic_denied(struct fby_group_health *h, const char *why)
{
	note(&h->topic_denied, why);
}

void
fby_group_health_topics_seen(struct fby_group_health *h)
{
	note(&h->topic_denied, NULL);
}

void
fby_group_health_refused(struct fby_group_health *h, const char *why)
{
	note(&h->refused, why);
}

void
fby_group_health_joined(struct fby_group_health *h, int64_t now)
{
	fby_group_health_answered(h, now);
	fby_group_health_authorized(h);
	fby_group_health_topics_seen(h);
	note(&h->refused, NULL);
}

/* ---- alarms ----------------------------------------------------------- */

static void
say(struct fby_alarms *alarms, enum fby_alarm alarm, const char *text)
{
	if (text)
		fby_alarm_set(alarms, alarm, "%s", text);
	else
		fby_alarm_clear(alarms, alarm);
}

static void
look_at_broker(const struct fby_group_health *h, struct fby_alarms *alarms,
    bool open, int64_t now)
{
	if (h->down_at > 0)
		fby_alarm_set(alarms, FBY_ALARM_BROKER,
		    "no broker can be reached%s%s", h->down ? ": " : "",
		    h->down ? h->down : "");
	else if (open && now - h->answered_at > h->silent_ms)
		fby_alarm_set(alarms, FBY_ALARM_BROKER,
		    "no broker has answered for more than %.1f s%s%s",
		    (double)h->silent_ms / 1000, h->down ? ": " : "",
		    h->down ? h->down : "");
	else
		fby_alarm_clear(alarms, FBY_ALARM_BROKER);
}

void
fby_group_health_look(struct fby_group_health *h, struct fby_alarms *alarms,
    bool open, int64_t now)
{
	look_at_broker(h, alarms, open, now);
	say(alarms, FBY_ALARM_AUTH,
	    h->unauthorized ? h->unauthorized : h->topic_denied);
	say(alarms, FBY_ALARM_GROUP, h->refused);
}
