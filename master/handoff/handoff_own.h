/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up the hand-over share: handoff.c, part.c,
 * release.c, plan.c, suspicion.c, skip.c.  Private to them.
 */
#ifndef FBY_HANDOFF_OWN_H
#define FBY_HANDOFF_OWN_H

#include "shared/fby.h"

#include "master/handoff/handoff.h"

void fby_handoff_open_parts(struct fby_handoff *h);
void fby_handoff_close_parts(struct fby_handoff *h);

/* Nobody holds it: all lines of its row say what the master knows. */
void fby_handoff_write(struct fby_handoff *h, const struct fby_part *pt);

/*
 * Nobody holds it: leave out what it was read for, as if it had been dropped.
 */
void fby_handoff_leave_out(struct fby_handoff *h, struct fby_part *pt,
    int64_t first, int64_t last);

bool fby_handoff_is_listed(const uint32_t *slots, size_t n, uint32_t slot);

/* The only writer of a part's state. */
void fby_handoff_set_state(struct fby_handoff *h, struct fby_part *pt,
    enum fby_row_state to, const char *why);

/* To that slot, of who is IDLE; from its holder, of who is HELD. */
void fby_handoff_grant(struct fby_handoff *h, struct fby_part *pt,
    uint32_t slot);
void fby_handoff_move(struct fby_handoff *h, struct fby_part *pt, uint32_t to,
    int64_t drain_ms);

/* Its start is asked for; soon, or after a while. */
void fby_handoff_resolve(struct fby_handoff *h, struct fby_part *pt,
    const char *why, bool soon);

/* Nobody holds it and it is to go: at once, or after its last commit. */
void fby_handoff_leave(struct fby_handoff *h, struct fby_part *pt,
    const char *why);

/* It is held back no more. */
void fby_handoff_go_on(struct fby_handoff *h, struct fby_part *pt,
    const char *why);

#endif
