/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker, and its lanes.  Each step may be its last: it dies between any
 * two of them, and so do others go on between them.
 */
#define L lane[s * 2 + p]
#define is_up (alive[s] == UP)
#define is_reading (is_up && (L.state == SEEKING || L.state == RUNNING))
#define is_open (is_up && (is_reading || L.state == DRAINING))
#define in_flight(o) \
	(is_open && o >= L.acked && o < L.position && !(L.done & (1 << o)))

/* The holder's lines of the row: one writer, and a prefix of what is done. */
inline publish()
{
	assert(!holds(1 - s, p));
	assert(part[p].epoch == L.epoch && part[p].slot == s);
	assert(is_held(p));
	row[p].acked = L.acked;
	assert(is_prefix(p, L.acked));
	best[p] = MAX(best[p], L.acked);
	proven[p] = MAX(proven[p], L.acked)
}

inline complete(o)
{
	L.done = L.done | (1 << o);
	delivered[p] = delivered[p] | (1 << o);
	L.acked = (wrong(7) -> o + 1 : L.acked);
	do
	:: L.acked < L.position && (L.done & (1 << L.acked)) -> L.acked++
	:: else -> break
	od;
	/* Below acked nobody looks. */
	L.done = L.done & ~below(L.acked)
}

inline drain(ln, has_failed)
{
	if
	:: ln.state == SEEKING || ln.state == RUNNING ->
		ln.state = DRAINING;
		ln.failed = has_failed
	:: else
	fi
}

proctype lanes(byte s, p)
{
end:	do
	/* Records, one after the other; or the end of the partition. */
	:: atomic { is_reading && L.position < RECORDS(p) ->
		L.position++;
		L.state = RUNNING }
	/* The sink completes them in any order. */
	:: atomic { in_flight(0) -> complete(0) }
	:: atomic { in_flight(1) -> complete(1) }
	:: atomic { is_open && row[p].acked != L.acked -> publish() }
	/* Nothing in flight, or the deadline: what is not done goes back. */
	:: atomic { is_up && L.state == DRAINING ->
		L.position = 0;
		L.done = 0;
		if
		:: !wrong(5) -> publish()
		:: else
		fi;
		L.state = DRAINED }
	:: atomic { is_up && L.state == DRAINED ->
		if
		:: !orphan[s] ->
			assert(nfull(to_master[s]));
			to_master[s]!RELEASED(p, L.epoch, L.failed)
		:: else
		fi;
		if
		:: wrong(5) -> L.state = LATE
		:: else -> lane_clear(L, p)
		fi }
	:: atomic { is_up && L.state == LATE -> publish(); lane_clear(L, p) }
	/* The broker no longer has the offset, or a batch is broken. */
	:: atomic { is_reading && faults > 0 -> faults--; drain(L, true) }
	/* A wild store. */
	:: atomic { is_open && faults > 0 ->
		faults--;
		row[p].acked = GARBAGE }
	od
}

inline gone(as)
{
	alive[s] = as;
	draining[s] = false;
	orphan[s] = false;
	doomed[s] = false;
	flush_worker(s);
	lane_clear(LANE(s, 0), 0);
	lane_clear(LANE(s, 1), 1)
}

proctype worker(byte s)
{
end:	do
	:: atomic { is_up && to_worker[s]?[GRANT, _, _] ->
		to_worker[s]?GRANT(m_row, m_epoch);
		/* No grant is ever refused: see refuse() in lane.c. */
		assert(part[m_row].epoch == m_epoch);
		assert(is_held(m_row) && part[m_row].slot == s);
		assert(LANE(s, m_row).state == IDLE && !draining[s]);
		LANE(s, m_row).state = SEEKING;
		LANE(s, m_row).epoch = m_epoch;
		LANE(s, m_row).acked = row[m_row].acked;
		LANE(s, m_row).position = row[m_row].acked }
	:: atomic { is_up && to_worker[s]?[REVOKE, _, _] ->
		to_worker[s]?REVOKE(m_row, m_epoch);
		if
		:: LANE(s, m_row).epoch == m_epoch ->
			drain(LANE(s, m_row), false)
		:: else /* released meanwhile */
		fi }
	/* End of the channel, after all that was in it. */
	:: atomic { is_up && orphan[s] && !draining[s] &&
	    empty(to_worker[s]) ->
		draining[s] = true;
		drain(LANE(s, 0), false);
		drain(LANE(s, 1), false) }
	:: atomic { is_up && draining[s] && LANE(s, 0).state == IDLE &&
	    LANE(s, 1).state == IDLE -> gone(NOBODY) }
	/* kill -9; nobody but init waits for an orphan. */
	:: atomic { is_up && faults > 0 ->
		faults--;
		if
		:: orphan[s] -> gone(NOBODY)
		:: else -> gone(ZOMBIE)
		fi }
	/* recover.c: it has had its time. */
	:: atomic { is_up && orphan[s] && cycle == DOWN -> gone(NOBODY) }
	:: atomic { is_up && doomed[s] -> gone(ZOMBIE) }
	od
}
