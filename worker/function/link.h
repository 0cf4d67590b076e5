/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a function's server, from connect(2) to its end: it is
 * asked whether it is ready, then the one call is opened that carries all
 * messages, and both ends shake hands.  It has no clock: how long any of this
 * may take is its owner's to see to (function.h).
 */
#ifndef FBY_WORKER_LINK_H
#define FBY_WORKER_LINK_H

#include "shared/fby.h"

struct evbuffer;
struct event_base;
struct fby_address;
struct fby_link;

/* The service that a role speaks to. */
struct fby_service {
	const char *name;    /* of Numaflow's package: "sink.v1.Sink" */
	const char *call;    /* "/sink.v1.Sink/SinkFn" */
	const char *ready;   /* "/sink.v1.Sink/IsReady" */
	uint8_t ask, answer; /* numbers of the field `handshake` */
};

enum fby_link_stage {
	FBY_LINK_CONNECTING,
	FBY_LINK_CHECKING,
	FBY_LINK_HANDSHAKE,
	FBY_LINK_READY,
	FBY_LINK_LEAVING, /* takes no more; answers still come */
};

struct fby_link_ops {
	/* A step further; READY once. */
	void (*moved)(void *arg, enum fby_link_stage stage);
	/* After the handshake; borrowed. */
	void (*message)(void *arg, const uint8_t *p, size_t n);
	/*
	 * Once, last, on a turn of its own; the link may be freed there.
	 * `why` is one printable line, borrowed.
	 */
	void (*closed)(void *arg, const char *why, bool by_garbage);
};

/* NULL: errno, of connect(2). */
struct fby_link *fby_link_new(struct event_base *base,
    const struct fby_address *a, const struct fby_service *service,
    const struct fby_link_ops *ops, void *arg);

/*
 * Its end is in order: we have said all, and the server ends the call, too.
 * SDKs take a call that breaks off for a fault, and shut the server down, which
 * others may be using.  `link_end` says it, `link_wait` waits for the server's
 * end, at most so long; then it is to be freed.
 */
void fby_link_end(struct fby_link *l);
void fby_link_wait(struct fby_link *l, int64_t until);

/* Nothing is called any more.  Not from `message`. */
void fby_link_free(struct fby_link *l);

/* Ends it on a later turn; nothing but `closed` is called from here on. */
void fby_link_fail(struct fby_link *l, const char *why, bool by_garbage);

/* READY alone: messages, each behind its prefix (grpc.h).  NULL: it fails. */
struct evbuffer *fby_link_output(struct fby_link *l);
void fby_link_send(struct fby_link *l);

#endif
