/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topic that is deleted and created anew while its partition has acks: in
 * which order the master stores what a row says of it (fby_handoff_set_log(),
 * fby_handoff_write()), so that a kill between any two stores leaves nothing
 * that the next master takes for acks of the new topic.
 *
 * One partition, one holder at a time, RECORDS records in each topic.  Here
 * each store is a step of its own, and the master can be killed before each.
 */
#ifndef FAULTS
#define FAULTS 3
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#define wrong(n) (MUTANT == n)

#define TOPICS 3
#define RECORDS 2
#define NONE 15

/* The row, in the file. */
byte id, acked = NONE, high;

/* What only the broker, or nobody, knows. */
byte now = 1;		    /* id of the topic of this name */
byte committed[TOPICS + 1]; /* in each of them */
byte delivered[TOPICS + 1]; /* records, from the first */

/* The holder, and what it was granted. */
bool holds;
byte reading, next;

/* Of the master; gone with it. */
byte start, topic, item, item_id;

byte faults = FAULTS;
bool killed;

/* fby_handoff_set_log() */
inline set_log()
{
	if
	:: id != topic && !wrong(14) -> acked = NONE
	:: else
	fi;
	high = RECORDS;
	id = topic
}

/* recover.c: what it takes, and offsets.c: when it believes it. */
inline recover()
{
	item = NONE;
	if
	:: acked != NONE && acked <= high -> item = acked; item_id = id
	:: else
	fi
}

inline resolve()
{
	topic = now;
	start = committed[topic];
	if
	:: item != NONE && item_id == topic && item > start ->
		/* Nothing is passed over that no sink has had. */
		assert(item <= delivered[topic]);
		start = item
	:: else
	fi;
	item = NONE
}

active proctype master()
{
again:	atomic { recover() };
	{
		do
		:: atomic { resolve() };
			set_log();
			acked = start;
			atomic { reading = topic; next = start; holds = true };
			/* Revoked, or the topic is another one by now. */
			!holds;
			if
			:: topic == now && acked != NONE &&
			    acked > committed[topic] ->
				assert(acked <= delivered[topic]);
				committed[topic] = acked
			:: else
			fi
		od
	} unless {
		/* The next one waits until the holder has gone. */
		atomic { killed && !holds -> killed = false }
	};
	goto again
}

active proctype worker()
{
end:	do
	:: atomic { holds && next < RECORDS && reading == now ->
		delivered[reading] = (delivered[reading] > next ->
		    delivered[reading] : next + 1);
		next++ }
		acked = next
	:: atomic { holds -> holds = false }
	od
}

active proctype fault()
{
end:	do
	:: atomic { faults > 0 && !killed -> faults--; killed = true }
	:: atomic { faults > 0 && now < TOPICS -> faults--; now++ }
	od
}
