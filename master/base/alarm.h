/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What needs an operator: one slot for each cause, at most one sentence in it.
 * The log has it when it appears, when it changes (at most every 30 s) and
 * when it is over; `forebay status`, /readyz, /metrics and systemctl show it
 * meanwhile.
 *
 * An alarm follows from state.  The one file that owns a cause looks at what
 * is the case on each tick of the master, and sets or clears the slot; no
 * event clears what an event has set, since one of the two may not come.
 * Setting the same sentence again, or clearing what is not set, does nothing.
 */
#ifndef FBY_ALARM_H
#define FBY_ALARM_H

#include "shared/fby.h"

struct fby_notify;

/*
 * name, word, does it make /readyz say no?  What concerns some partitions, or
 * does not keep records from flowing, does not: all others go on, and nobody
 * would be helped by taking us out.
 */
#define FBY_ALARMS(A)                                  \
	A(BROKER, "broker", true)                      \
	A(AUTH, "authorization", true)                 \
	A(TOPIC, "topic", true)                        \
	A(GROUP, "group", true)                        \
	A(INSTANCE, "instance", true)                  \
	A(UNASSIGNED, "unassigned", true)              \
	A(OFFSETS, "offsets", true)                    \
	A(COMMIT, "commit", true)                      \
	A(PARTITION_COMMIT, "partition commit", false) \
	A(LEDGER, "ledger", true)                      \
	A(WORKERS, "workers", true)                    \
	A(RUNTIME, "runtime", true)                    \
	A(FUNCTION, "function", true)                  \
	A(RELOAD, "reload", false)                     \
	A(STUCK, "stuck", false)                       \
	A(POISON, "poison", false)                     \
	A(SINK, "sink", false)                         \
	A(FALLBACK, "fallback", false)                 \
	A(ON_SUCCESS, "onSuccess", false)              \
	A(DEAD_LETTER, "dead letter", false)           \
	A(TRANSFORMER, "transformer", false)           \
	A(MAP, "map", false)                           \
	A(EVENT_TIME, "event time", false)             \
	A(CANARY, "canary", false)                     \
	A(RUN_DIR, "run directory", false)             \
	A(LOG, "log", false)

enum fby_alarm {
#define A(name, word, unready) FBY_ALARM_##name,
	FBY_ALARMS(A)
#undef A
	    FBY_ALARM_N
};

struct fby_alarm_slot {
	char *text;      /* heap; NULL: no alarm */
	int64_t since;   /* wall clock, ms */
	int64_t said_at; /* monotonic: when the log last had it */
};

struct fby_alarms {
	struct fby_alarm_slot slots[FBY_ALARM_N];
	struct fby_notify *notify; /* who tells systemd; NULL: nobody */
};

extern const char *const fby_alarm_names[FBY_ALARM_N];

void fby_alarm_fini(struct fby_alarms *alarms);

/* The text ends without a line feed. */
void fby_alarm_set(struct fby_alarms *alarms, enum fby_alarm a, const char *fmt,
    ...) FBY_PRINTF(3, 4);
void fby_alarm_clear(struct fby_alarms *alarms, enum fby_alarm a);

/* The sentence, or NULL. */
const char *fby_alarm_text(const struct fby_alarms *alarms, enum fby_alarm a);

/* Does this cause make /readyz say no while it is set? */
bool fby_alarm_is_unready(enum fby_alarm a);

#endif
