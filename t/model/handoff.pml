/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over: master, ledger, broker and group.  The workers are in
 * lane.pml.  README says what is modelled, what is not, and what is shown.
 *
 * Two slots; two partitions, of two records and of one; at most FAULTS faults,
 * of any kind and at any step.  MUTANT n breaks one rule on purpose; `wrong(n)`
 * marks the place.
 *
 * Code of one event handler is one atomic step, since both programs have one
 * thread and share nothing but the ledger and the channel.  Whatever another
 * process could see in between is a step of its own.
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#define wrong(n) (MUTANT == n)

#ifndef RECORDS_0
#define RECORDS_0 2 /* at most: lane.pml lists them */
#endif
#ifndef RECORDS_1
#define RECORDS_1 1
#endif
#define RECORDS(p) ((p) == 0 -> RECORDS_0 : RECORDS_1)
#define GARBAGE 3
#define NONE 15
#define NOSLOT 2
#define QUEUE 5

mtype = { FREE, RESOLVING, IDLE, HELD, REVOKING, RELEASED }; /* ledger.h */
mtype = { SEEKING, RUNNING, DRAINING, DRAINED, LATE };	     /* lane.h */
mtype = { JOINING, STEADY, GIVING };			     /* group.h */
mtype = { NOBODY, UP, ZOMBIE };				     /* a process */
mtype = { DOWN, CREATED, WORKING };		     /* the master */
mtype = { NO, SENT, APPLIED, REFUSED };			     /* OffsetCommit */
mtype = { GRANT, REVOKE, READY };			     /* proto.h */

/* ---- shared ----------------------------------------------------------- */

/* A row of the ledger that is no copy of the part: part.state is row.state. */
typedef Row {
	byte acked;
	byte committed;
	bool carried /* IDLE in the file, FREE for the master */
};

/* struct fby_part; `epoch` and `slot` stand in the ledger, too. */
typedef Part {
	mtype state;
	byte epoch;
	byte slot;
	byte moving_to;
	byte start;
	byte resume;
	bool leaving;
	bool lost;
	bool wanted;
	bool again
};

typedef Lane {
	mtype state; /* IDLE: there is none */
	byte epoch;
	byte acked;
	byte position;
	byte done; /* bits, in flight and complete */
	bool failed
};

Row row[2];
Part part[2];
Lane lane[4]; /* of slot s and partition p: s * 2 + p */

mtype alive[2] = NOBODY;
bool draining[2];
bool orphan[2]; /* its master is gone: the channel has an end */
bool doomed[2]; /* mutant 1 only: a signal is under way */

/* type, row, epoch, failed */
chan to_worker[2] = [QUEUE] of { mtype, byte, byte };
chan to_master[2] = [QUEUE] of { mtype, byte, byte, bool };

mtype cycle = WORKING; /* the master */
byte faults; /* still to come */

/* What only the broker, or nobody, knows. */
byte broker[2];	   /* the committed offset */
byte delivered[2]; /* bits: some sink has had the record */
byte proven[2];	   /* all below has been delivered and acked once */
byte best[2];	   /* acked, and must not be read again */

hidden byte i, j, k, n, was;
hidden byte m_row, m_epoch, holder0, holder1, target0, target1;
hidden byte m_failed, m_lost, given0, given1; /* spin hides no bits */

#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define LANE(s, p) lane[(s) * 2 + (p)]
#define holds(s, p) (alive[s] == UP && LANE(s, p).state != IDLE)
#define nobody_holds(p) (!holds(0, p) && !holds(1, p))
#define is_held(p) (part[p].state == HELD || part[p].state == REVOKING)
#define is_ours(p) \
	((is_held(p) || part[p].state == IDLE || part[p].state == RELEASED) \
	    && !part[p].lost)

/* Every record below the offset has been delivered. */
#define below(offset) ((1 << (offset)) - 1)
#define is_prefix(p, offset) \
	((offset) <= RECORDS(p) && (delivered[p] & below(offset)) == below(offset))

inline flush_worker(s)
{
	do
	:: len(to_worker[s]) > 0 -> to_worker[s]?_, _, _
	:: else -> break
	od
}

inline flush_master(s)
{
	do
	:: len(to_master[s]) > 0 -> to_master[s]?_, _, _, _
	:: else -> break
	od
}

inline lane_clear(ln, p)
{
	/* Who comes next has to deliver all that is not acked. */
	delivered[p] = (ln.state == IDLE -> delivered[p] : below(proven[p]));
	ln.state = IDLE;
	ln.epoch = 0;
	ln.acked = 0;
	ln.position = 0;
	ln.done = 0;
	ln.failed = false
}

#include "lane.pml"

/* ---- the master's own ------------------------------------------------- */

mtype group = JOINING;
bool plan_soon;
bool ready[2];
bool owed;	/* a REVOKE of the group is not answered yet */
bool given[2];	/* by the group: ours, whether we have heard or not */
bool joined;	/* others may have had our partitions */

mtype commit = NO;
byte offered[2];	      /* in it; NONE: not in it */
byte asked[2];		      /* 0; 1: answer to come; 2: of an old round */
byte answer[2];		      /* committed offset as the broker said then */
byte item[2], item_committed[2]; /* recover.h */
byte late_slot = NOSLOT, late_row, late_epoch; /* from beyond the grave */

/* ---- handoff.c: leaving ----------------------------------------------- */

inline resolve(p)
{
	asked[p] = (asked[p] == 1 -> 2 : asked[p]);
	row[p].carried = false;
	part[p].state = RESOLVING
}

inline set_free(p)
{
	if
	:: part[p].lost || part[p].state == RESOLVING && item[p] != NONE ->
		best[p] = broker[p]
	:: else ->
		/* What leaves in order has all its acks committed. */
		assert(broker[p] >= best[p])
	fi;
	part[p].state = FREE;
	part[p].leaving = false;
	part[p].lost = false;
	part[p].again = false;
	part[p].moving_to = NOSLOT;
	part[p].resume = NONE;
	if
	:: part[p].wanted && !wrong(11) ->
		part[p].wanted = false;
		resolve(p)
	:: else ->
		part[p].wanted = false
	fi
}

inline leave(p)
{
	if
	:: part[p].lost || part[p].state == RESOLVING &&
	    (part[p].resume == NONE || wrong(13)) ->
		set_free(p)
	:: else ->
		part[p].state = RELEASED;
		if
		:: row[p].acked <= row[p].committed || wrong(8) -> set_free(p)
		:: else /* commit is enabled */
		fi
	fi
}

/* A second one only shortens the time, which may always be up here. */
inline send_revoke(p)
{
	if
	:: alive[part[p].slot] == UP && !orphan[part[p].slot] &&
	    !(to_worker[part[p].slot]??[REVOKE, eval(p), eval(part[p].epoch)]) ->
		assert(nfull(to_worker[part[p].slot]));
		to_worker[part[p].slot]!REVOKE(p, part[p].epoch)
	:: else
	fi
}

inline revoke_part(p, is_lost)
{
	part[p].leaving = true;
	part[p].wanted = false;
	part[p].lost = part[p].lost || is_lost;
	if
	:: is_held(p) ->
		part[p].state = REVOKING;
		send_revoke(p)
	:: part[p].state == RELEASED ->
		if
		:: is_lost -> set_free(p)
		:: else
		fi
	:: part[p].state == RESOLVING || part[p].state == IDLE ->
		leave(p)
	:: part[p].state == FREE ->
		part[p].leaving = false;
		part[p].lost = false
	fi
}

/* ---- handoff.c: coming, and from the workers -------------------------- */

inline assign(p)
{
	if
	:: part[p].leaving -> part[p].wanted = true
	:: !part[p].leaving && part[p].state == FREE -> resolve(p)
	:: else
	fi
}

inline unhold(p)
{
	/* The lines of the holder are the master's now. */
	assert(nobody_holds(p));
	if
	:: (row[p].acked < row[p].committed || row[p].acked > RECORDS(p)) &&
	    !wrong(12) ->
		row[p].acked = MAX(part[p].start, row[p].committed);
		best[p] = row[p].acked
	:: else
	fi;
	if
	:: part[p].leaving ->
		leave(p)
	:: !part[p].leaving && part[p].again ->
		part[p].again = false;
		part[p].moving_to = NOSLOT;
		part[p].resume = row[p].acked;
		resolve(p)
	:: else ->
		part[p].start = row[p].acked;
		part[p].slot = (part[p].moving_to != NOSLOT ->
		    part[p].moving_to : part[p].slot);
		part[p].moving_to = NOSLOT;
		part[p].state = IDLE;
		plan_soon = true
	fi
}

inline released(s, p, e, has_failed)
{
	if
	:: is_held(p) && part[p].slot == s &&
	    (part[p].epoch == e || wrong(4)) ->
		part[p].again = part[p].again || has_failed;
		unhold(p)
	:: else /* stale: counted and ignored */
	fi
}

inline holder_gone(s)
{
	for (i : 0 .. 1) {
		if
		:: is_held(i) && part[i].slot == s && !wrong(3) -> unhold(i)
		:: else
		fi
	}
}

/* ---- handoff.c and assign.c: planning --------------------------------- */

#define eligible(s) (alive[s] != NOBODY && !orphan[s])
#define candidate(p) \
	(!part[p].leaving && part[p].state != FREE && part[p].state != RELEASED)
#define keeps(p) \
	(part[p].moving_to != NOSLOT -> part[p].moving_to : part[p].slot)

/*
 * A new epoch is one that nobody knows any more.  Real ones only grow; all
 * that is ever asked of two of them is whether they are the same.
 */
#define is_known(p, e) (late_slot != NOSLOT && late_row == p && \
	late_epoch == e || to_worker[0]??[REVOKE, eval(p), eval(e)] || \
	to_worker[1]??[REVOKE, eval(p), eval(e)])

inline next_epoch(p)
{
	part[p].epoch = 1;
	do
	:: is_known(p, part[p].epoch) -> part[p].epoch++
	:: else -> break
	od
}

inline grant(p, s)
{
	/* Never two holders, whoever started them. */
	assert(nobody_holds(p));
	/* Nothing that was acked is read again. */
	assert(row[p].acked >= best[p]);
	part[p].slot = s;
	next_epoch(p);
	part[p].start = row[p].acked;
	part[p].state = HELD;
	if
	:: alive[s] == UP ->
		assert(nfull(to_worker[s]));
		to_worker[s]!GRANT(p, part[p].epoch)
	:: else
	fi
}

/* Each keeps up to its due what it holds, then what it held. */
inline keep(held)
{
	if
	:: candidate(0) && is_held(0) == held && target0 == NOSLOT &&
	    holder0 == 0 && !given0 -> target0 = 0; given0 = true
	:: candidate(0) && is_held(0) == held && target0 == NOSLOT &&
	    holder0 == 1 && !given1 -> target0 = 1; given1 = true
	:: else
	fi;
	if
	:: candidate(1) && is_held(1) == held && target1 == NOSLOT &&
	    holder1 == 0 && !given0 -> target1 = 0; given0 = true
	:: candidate(1) && is_held(1) == held && target1 == NOSLOT &&
	    holder1 == 1 && !given1 -> target1 = 1; given1 = true
	:: else
	fi
}

/* fby_assign_plan() for at most two of each. */
inline assign_plan()
{
	holder0 = keeps(0);
	holder1 = keeps(1);
	target0 = NOSLOT;
	target1 = NOSLOT;
	given0 = false;
	given1 = false;
	if
	:: !eligible(0) && !eligible(1)
	:: eligible(0) && !eligible(1) -> target0 = 0; target1 = 0
	:: !eligible(0) && eligible(1) -> target0 = 1; target1 = 1
	:: eligible(0) && eligible(1) && candidate(0) && candidate(1) ->
		keep(true);
		keep(false);
		if
		:: target0 == NOSLOT && !given0 -> target0 = 0; given0 = true
		:: target0 == NOSLOT && given0 -> target0 = 1; given1 = true
		:: else
		fi;
		if
		:: target1 == NOSLOT -> target1 = (given0 -> 1 : 0)
		:: else
		fi
	:: else ->
		/* One partition stays where it is, or goes to the first. */
		target0 = (is_held(0) && holder0 != NOSLOT -> holder0 : 0);
		target1 = (is_held(1) && holder1 != NOSLOT -> holder1 : 0)
	fi
}

inline bring(p, target)
{
	if
	:: candidate(p) && target != NOSLOT && ready[target] &&
	    part[p].state == IDLE ->
		grant(p, target)
	:: candidate(p) && target != NOSLOT && ready[target] &&
	    part[p].state == HELD && target != part[p].slot ->
		part[p].moving_to = target;
		part[p].state = REVOKING;
		send_revoke(p)
	:: else
	fi
}

/* ---- offsets.c -------------------------------------------------------- */

inline decide(p)
{
	if
	:: part[p].state != RESOLVING || asked[p] == 2 && !wrong(10)
	:: else ->
		was = answer[p];
		row[p].committed = answer[p];
		if
		:: part[p].resume != NONE -> was = MAX(was, part[p].resume)
		:: else
		fi;
		/* What the master before had left. */
		if
		:: item[p] != NONE && answer[p] >= item_committed[p] &&
		    answer[p] < item[p] ->
			was = (part[p].resume == NONE -> item[p] :
			    MAX(item[p], part[p].resume))
		:: else
		fi;
		assert(nobody_holds(p));
		row[p].acked = was;
		part[p].start = was;
		part[p].resume = NONE;
		part[p].state = IDLE;
		plan_soon = true
	fi;
	asked[p] = 0;
	answer[p] = 0
}

/* ---- commit.c --------------------------------------------------------- */

#define is_believed(p) (row[p].acked <= RECORDS(p) || wrong(2))
#define is_due(p) \
	(is_ours(p) && is_believed(p) && row[p].acked > row[p].committed)

inline apply(p)
{
	if
	:: offered[p] != NONE ->
		/* Nothing is committed beyond what was acked, or rewound. */
		assert(is_prefix(p, offered[p]));
		assert(offered[p] >= broker[p]);
		broker[p] = offered[p]
	:: else
	fi
}

inline confirm(p)
{
	if
	:: offered[p] != NONE -> row[p].committed = offered[p]
	:: else
	fi
}

inline free_committed()
{
	for (i : 0 .. 1) {
		if
		:: part[i].state == RELEASED &&
		    row[i].acked <= row[i].committed ->
			set_free(i)
		:: else
		fi
	}
}

inline give_up()
{
	for (i : 0 .. 1) {
		if
		:: part[i].state == RELEASED -> revoke_part(i, true)
		:: else
		fi
	}
}

inline answered()
{
	commit = NO;
	offered[0] = NONE;
	offered[1] = NONE
}

/* ---- group.c ---------------------------------------------------------- */

/* The next owner may be somebody else, who commits before we come back. */
inline revoke_by_group(p)
{
	revoke_part(p, m_lost);
	if
	:: given[p] = false
	:: true
	fi
}

inline assign_by_group(p)
{
	if
	:: given[p] && part[p].state == FREE && joined &&
	    broker[p] < RECORDS(p) ->
		if
		:: broker[p]++;
			best[p] = MAX(best[p], broker[p]);
			proven[p] = MAX(proven[p], broker[p]);
			delivered[p] = below(proven[p])
		:: true
		fi
	:: else
	fi;
	if
	:: given[p] -> assign(p)
	:: else
	fi
}

inline drop_client()
{
	owed = false;
	asked[0] = 0;
	asked[1] = 0;
	answer[0] = 0;
	answer[1] = 0;
	answered();
	group = JOINING
}

/* ---- recover.c -------------------------------------------------------- */

inline take_row(p)
{
	item[p] = NONE;
	item_committed[p] = 0;
	if
	:: (part[p].state != FREE || row[p].carried) &&
	    row[p].acked > row[p].committed && row[p].acked <= RECORDS(p) ->
		item[p] = row[p].acked;
		item_committed[p] = row[p].committed
	:: else
	fi;
	if
	:: row[p].acked > RECORDS(p) -> best[p] = broker[p]
	:: else
	fi
}

inline create_row(p)
{
	row[p].acked = 0;
	row[p].committed = 0;
	row[p].carried = false;
	part[p].state = FREE;
	part[p].epoch = 0
}

inline carry_over(p)
{
	if
	:: item[p] != NONE ->
		row[p].acked = item[p];
		row[p].committed = item_committed[p];
		row[p].carried = true
	:: else
	fi
}

/* The master dies: its memory is gone, the ledger stays. */
inline forget_part(p)
{
	part[p].slot = NOSLOT;
	part[p].moving_to = NOSLOT;
	part[p].start = 0;
	part[p].resume = NONE;
	part[p].leaving = false;
	part[p].lost = false;
	part[p].wanted = false;
	part[p].again = false
}

inline forget_slot(s)
{
	flush_master(s);
	ready[s] = false;
	if
	:: alive[s] == UP -> orphan[s] = true
	:: else -> alive[s] = NOBODY
	fi
}

inline die()
{
	forget_slot(0);
	forget_slot(1);
	drop_client();
	plan_soon = false;
	late_slot = NOSLOT;
	late_row = 0;
	late_epoch = 0;
	item[0] = NONE;
	item[1] = NONE;
	item_committed[0] = 0;
	item_committed[1] = 0;
	joined = true;
	cycle = DOWN
}

/* ---- proc.c and supervisor.c ------------------------------------------ */

inline bury(s)
{
	alive[s] = NOBODY;
	ready[s] = false;
	/* The channel is closed; let one message outlive it all the same. */
	if
	:: faults > 0 && late_slot == NOSLOT &&
	    to_master[s]?[RELEASED, _, _, _] ->
		faults--;
		to_master[s]?RELEASED(late_row, late_epoch, _);
		late_slot = s
	:: true
	fi;
	flush_master(s);
	holder_gone(s);
	plan_soon = true
}

#define working (cycle == WORKING)

proctype channel(byte s)
{
end:	do
	:: atomic { working && to_master[s]?[READY, _, _, _] ->
		to_master[s]?READY(_, _, _);
		ready[s] = true;
		plan_soon = true }
	:: atomic { working && to_master[s]?[RELEASED, _, _, _] ->
		to_master[s]?RELEASED(m_row, m_epoch, m_failed);
		released(s, m_row, m_epoch, m_failed) }
	:: atomic { working && late_slot == s ->
		late_slot = NOSLOT;
		m_row = late_row;
		m_epoch = late_epoch;
		late_row = 0;
		late_epoch = 0;
		released(s, m_row, m_epoch, false) }
	:: atomic { working && alive[s] == ZOMBIE -> bury(s) }
	:: atomic { working && alive[s] == NOBODY ->
		alive[s] = UP;
		/* It is not ready before we have read it. */
		to_master[s]!READY(0, 0, false);
		plan_soon = true }
	:: atomic { wrong(1) && working && alive[s] == UP && faults > 0 ->
		faults--;
		doomed[s] = true;
		holder_gone(s);
		ready[s] = false;
		plan_soon = true }
	od
}

proctype offsets(byte p)
{
end:	do
	:: atomic { working && part[p].state == RESOLVING && asked[p] == 0 ->
		asked[p] = 1;
		answer[p] = broker[p] }
	:: atomic { working && asked[p] != 0 -> decide(p) }
	od
}

proctype commits()
{
end:	do
	:: atomic { working && commit == NO && group != JOINING &&
	    (is_due(0) || is_due(1)) ->
		commit = SENT;
		offered[0] = (is_due(0) -> row[0].acked : NONE);
		offered[1] = (is_due(1) -> row[1].acked : NONE) }
	:: atomic { commit == SENT -> apply(0); apply(1); commit = APPLIED }
	:: atomic { working && commit == APPLIED ->
		confirm(0);
		confirm(1);
		answered();
		free_committed() }
	/* An error, whatever the broker has done with it. */
	:: atomic { working && (commit == SENT || commit == APPLIED) &&
	    faults > 0 ->
		faults--;
		answered();
		if
		:: give_up()
		:: true
		fi }
	:: atomic { working && commit == REFUSED -> answered(); give_up() }
	od
}

proctype member()
{
end:	do
	:: atomic { working && group == JOINING ->
		assign_by_group(0);
		assign_by_group(1);
		joined = true;
		group = STEADY }
	/* Revoked, or lost: then the broker takes no commit any more. */
	:: atomic { working && group == STEADY && faults > 0 &&
	    (given[0] || given[1]) ->
		faults--;
		owed = true;
		group = GIVING;
		if
		:: m_lost = false
		:: m_lost = true;
			commit = (commit == SENT -> REFUSED : commit)
		fi;
		if
		:: given[0] -> revoke_by_group(0)
		:: given[1] -> revoke_by_group(1)
		:: given[0] && given[1] ->
			revoke_by_group(0);
			revoke_by_group(1)
		fi }
	/* A turn of the loop of its own: who was the last to leave? */
	:: atomic { working && owed &&
	    !part[0].leaving && !part[1].leaving ->
		owed = false;
		group = (group == GIVING -> JOINING : group) }
	/* The client is of no use any more. */
	:: atomic { working && faults > 0 ->
		faults--;
		for (i : 0 .. 1) {
			if
			:: part[i].state != FREE -> revoke_part(i, true)
			:: else
			fi
		}
		drop_client() }
	od
}

proctype master()
{
end:	do
	:: atomic { working && plan_soon ->
		plan_soon = false;
		assign_plan();
		bring(0, target0);
		bring(1, target1) }
	:: atomic { cycle != DOWN && faults > 0 -> faults--; die() }
	:: atomic { cycle == DOWN &&
	    (alive[0] == NOBODY && alive[1] == NOBODY || wrong(6)) ->
		take_row(0);
		take_row(1);
		create_row(0);
		create_row(1);
		forget_part(0);
		forget_part(1);
		if
		:: wrong(9) -> cycle = CREATED
		:: else ->
			/* It gets its name when all is in it. */
			carry_over(0);
			carry_over(1);
			cycle = WORKING
		fi }
	:: atomic { cycle == CREATED ->
		carry_over(0);
		carry_over(1);
		cycle = WORKING }
	od
}

/* ---- when nothing is left to do --------------------------------------- */

inline check_quiet(p)
{
	if
	:: given[p] ->
		/* No partition is lost, and all of it is done. */
		assert(part[p].state == HELD && holds(part[p].slot, p));
		assert(LANE(part[p].slot, p).epoch == part[p].epoch);
		assert(row[p].acked == RECORDS(p) && broker[p] == RECORDS(p))
	:: else ->
		assert(part[p].state == FREE && nobody_holds(p))
	fi
}

proctype quiet()
{
end:	timeout;
	atomic {
		assert(faults == 0 && cycle == WORKING);
		assert(ready[0] && ready[1]);
		assert(commit == NO && !owed);
		assert(!(given[0] && given[1]) || part[0].slot != part[1].slot);
		check_quiet(0);
		check_quiet(1)
	}
}

init {
	atomic {
		forget_part(0);
		forget_part(1);
		create_row(0);
		create_row(1);
		for (i : 0 .. 3) {
			lane_clear(lane[i], i % 2)
		}
		item[0] = NONE;
		item[1] = NONE;
		answered();
		given[0] = true;
		given[1] = true;
		select (faults : 0 .. FAULTS);
		run master();
		run member();
		run commits();
		run channel(0);
		run channel(1);
		run offsets(0);
		run offsets(1);
		run worker(0);
		run worker(1);
		run lanes(0, 0);
		run lanes(0, 1);
		run lanes(1, 0);
		run lanes(1, 1);
		run quiet()
	}
}
