/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong between the group's member and its brokers: the alarms
 * `broker`, `authorization` and `group`.
 *
 * Events only note what a broker has said, or that it has said something.
 * The alarms follow from these notes and the member's state on each tick:
 *
 *	broker		librdkafka says that it reaches none, or none has
 *			answered anything for most of a session: a broker that
 *			is frozen keeps its connections
 *	authorization	refused since the last time that something was allowed
 *	group		why there is no membership: the last refusal of group
 *			or coordinator while it is being joined, or why the
 *			client had to be given up
 */
#ifndef FBY_GROUP_HEALTH_H
#define FBY_GROUP_HEALTH_H

#include "shared/fby.h"

struct fby_alarms;

struct fby_group_health {
	int64_t silent_ms;   /* no answer for so long is an alarm */
	int64_t answered_at; /* monotonic: the last answer, or the start */
	int64_t down_at;     /* all brokers down; 0: since then an answer */
	char *down;          /* heap: the last word on a connection */
	char *unauthorized;  /* heap: log-in, group or cluster; or NULL */
	char *topic_denied;  /* heap: a topic is not to be seen; or NULL */
	char *refused;       /* heap: why there is no membership */
};

/* A client is there; what a session is for it. */
void fby_group_health_begin(struct fby_group_health *h, int64_t session_ms,
    int64_t now);
void fby_group_health_fini(struct fby_group_health *h);

/* A broker has answered, be it with an error. */
void fby_group_health_answered(struct fby_group_health *h, int64_t now);

/* Why a connection is no more; that there is none. */
void fby_group_health_broken(struct fby_group_health *h, const char *why);
void fby_group_health_down(struct fby_group_health *h, int64_t now);

/*
 * What is denied is said once, and that it is not denied any more is not said
 * at all; so it is over when something succeeds for which the right is needed:
 * a log-in, a commit, metadata of all topics.
 */
void fby_group_health_unauthorized(struct fby_group_health *h, const char *why);
void fby_group_health_authorized(struct fby_group_health *h);
void fby_group_health_topic_denied(struct fby_group_health *h, const char *why);
void fby_group_health_topics_seen(struct fby_group_health *h);

/* By group or coordinator, or by librdkafka itself. */
void fby_group_health_refused(struct fby_group_health *h, const char *why);

/* A member: all that was said before is over. */
void fby_group_health_joined(struct fby_group_health *h, int64_t now);

/* Each second.  `open`: there is a client. */
void fby_group_health_look(struct fby_group_health *h,
    struct fby_alarms *alarms, bool open, int64_t now);

#endif
