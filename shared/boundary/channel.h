/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the channel between master and worker: whole packets over a
 * SOCK_SEQPACKET pair, each with at most one descriptor.
 *
 * Sending never blocks: what the socket does not take is queued here and goes
 * out when it is writable.  A queue of more than FBY_CHANNEL_QUEUE packets
 * means that the other side is stuck; the channel then closes itself, as it
 * does at end of file and at any packet that breaks the rules of proto.h.
 */
#ifndef FBY_CHANNEL_H
#define FBY_CHANNEL_H

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "shared/boundary/proto.h"

#define FBY_CHANNEL_QUEUE 65536

struct fby_channel;
struct fby_channel_packet;

/*
 * A packet of a known type and of the right size has come.  fd is -1 or
 * belongs to the callee.
 */
typedef void (*fby_channel_fn)(void *arg, const struct fby_msg *msg, int fd);

/* The channel is closed; why is NULL at plain end of file. */
typedef void (*fby_channel_closed_fn)(void *arg, const char *why);

struct fby_channel {
	int fd; /* -1: closed */
	struct event ev_read, ev_write;
	fby_channel_fn on_msg;
	fby_channel_closed_fn on_closed;
	void *arg;
	STAILQ_HEAD(, fby_channel_packet) queue;
	size_t queued;
};

/* fds[0] for the master, fds[1] for the worker; both non-blocking. */
int fby_channel_pair(int fds[2]) FBY_MUSTCHECK;

/* The channel owns fd from here on. */
void fby_channel_init(struct fby_channel *ch, struct event_base *base, int fd,
    fby_channel_fn on_msg, fby_channel_closed_fn on_closed, void *arg);
void fby_channel_fini(struct fby_channel *ch);
bool fby_channel_is_open(const struct fby_channel *ch);

/*
 * Fills in the header and sends.  fd is -1 or is duplicated.  A closed
 * channel swallows the message: on_closed has told, or is about to.
 */
void fby_channel_send(struct fby_channel *ch, enum fby_msg_type type,
    struct fby_msg *msg, size_t size, int fd);

#endif
