/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the channel between master and worker; see channel.h.
 */
#include "shared/fby.h"

#include "shared/boundary/channel.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/mem.h"

/* Packets taken in one turn of the loop, so that nobody else starves. */
#define READ_BUDGET 64

struct fby_channel_packet {
	STAILQ_ENTRY(fby_channel_packet) next;
	int fd; /* to be passed along; -1: none */
	size_t size;
	char bytes[FBY_MSG_MAX];
};

/* Size of each type's packet; 0: there is no such type. */
static size_t
type_size(unsigned type)
{
	switch (type) {
	case FBY_MSG_GRANT:
		return sizeof(struct fby_msg_grant);
	case FBY_MSG_REVOKE:
		return sizeof(struct fby_msg_revoke);
	case FBY_MSG_DRAIN:
		return sizeof(struct fby_msg_drain);
	case FBY_MSG_READY:
		return sizeof(struct fby_msg_ready);
	case FBY_MSG_RELEASED:
		return sizeof(struct fby_msg_released);
	case FBY_MSG_FAILURE:
		return sizeof(struct fby_msg_failure);
	case FBY_MSG_GROUP:
		return sizeof(struct fby_msg_group);
	case FBY_MSG_REOPENED:
		return sizeof(struct fby_msg_reopened);
	case FBY_MSG_MANIFEST:
	case FBY_MSG_REOPEN:
		return sizeof(struct fby_msg);
	default:
		return 0;
	}
}

int
fby_channel_pair(int fds[2])
{
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
}

static void
close_channel(struct fby_channel *ch, const char *why, bool tell)
{
	struct fby_channel_packet *pkt;

	if (ch->fd == -1)
		return;
	event_del(&ch->ev_read);
	event_del(&ch->ev_write);
	close(ch->fd);
	ch->fd = -1;
	while ((pkt = STAILQ_FIRST(&ch->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&ch->queue, next);
		if (pkt->fd != -1)
			close(pkt->fd);
		free(pkt);
	}
	ch->queued = 0;
	if (tell)
		ch->on_closed(ch->arg, why);
}

/* ---- receiving -------------------------------------------------------- */

static int
take_fd(struct msghdr *mh)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(mh);
	int fd;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void
refuse_packet(struct fby_channel *ch, int fd, const char *why)
{
	if (fd != -1)
		close(fd);
	close_channel(ch, why, true);
}

/* True if there may be more. */
static bool
read_packet(struct fby_channel *ch)
{
	union {
		struct fby_msg msg;
		char bytes[FBY_MSG_MAX];
	} buf;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { &buf, sizeof(buf) };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		/* Not CMSG_SPACE, padding is room for a second descriptor. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n;
	int fd;

	n = recvmsg(ch->fd, &mh, MSG_CMSG_CLOEXEC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	/* Even a packet without a byte can bring one along. */
	fd = n == -1 ? -1 : take_fd(&mh);
	if (n <= 0) {
		/* A reset is how the end looks if we had unsent packets. */
		refuse_packet(ch, fd,
		    n == 0 || errno == ECONNRESET ? NULL : strerror(errno));
		return false;
	}
	if ((size_t)n < sizeof(buf.msg) || buf.msg.abi != FBY_ABI ||
	    buf.msg.size != (size_t)n || type_size(buf.msg.type) != (size_t)n) {
		refuse_packet(ch, fd, "packet of an unknown type or size");
		return false;
	}
	/* Cut off, and not because this process can have no more of them. */
	if ((mh.msg_flags & MSG_CTRUNC) && fd != -1) {
		refuse_packet(ch, fd, "packet with several descriptors");
		return false;
	}
	ch->on_msg(ch->arg, &buf.msg, fd);
	return true;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fby_channel *ch = arg;

	(void)fd;
	(void)what;
	/* The handler may close the channel. */
	for (int i = 0; i < READ_BUDGET && ch->fd != -1; i++)
		if (!read_packet(ch))
			break;
}

/* ---- sending ---------------------------------------------------------- */

/* 0: gone; 1: the socket is full; -1: the channel is broken. */
static int
send_packet(struct fby_channel *ch, const struct fby_channel_packet *pkt)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)pkt->bytes, pkt->size };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (pkt->fd != -1) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &pkt->fd, sizeof(int));
	}
	do
		n = sendmsg(ch->fd, &mh, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)pkt->size)
		return 0;
	return n == -1 && (errno == EAGAIN || errno == ENOBUFS) ? 1 : -1;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct fby_channel *ch = arg;
	struct fby_channel_packet *pkt;

	(void)fd;
	(void)what;
	while ((pkt = STAILQ_FIRST(&ch->queue)) != NULL) {
		/* If it is broken, reading tells why. */
		if (send_packet(ch, pkt) != 0)
			return;
		STAILQ_REMOVE_HEAD(&ch->queue, next);
		ch->queued--;
		if (pkt->fd != -1)
			close(pkt->fd);
		free(pkt);
	}
	event_del(&ch->ev_write);
}

void
fby_channel_send(struct fby_channel *ch, enum fby_msg_type type,
    struct fby_msg *msg, size_t size, int fd)
{
	struct fby_channel_packet *pkt;

	FBY_BUG_ON(size > FBY_MSG_MAX || size != type_size(type));
	if (ch->fd == -1)
		return;
	msg->type = (uint16_t)type;
	msg->abi = FBY_ABI;
	msg->size = (uint32_t)size;
	pkt = fby_malloc(sizeof(*pkt));
	memcpy(pkt->bytes, msg, size);
	pkt->size = size;
	pkt->fd = fd;
	if (STAILQ_EMPTY(&ch->queue) && send_packet(ch, pkt) == 0) {
		free(pkt);
		return;
	}
	if (fd != -1 && (pkt->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		free(pkt);
		close_channel(ch, "no descriptor left to pass one on", true);
		return;
	}
	STAILQ_INSERT_TAIL(&ch->queue, pkt, next);
	if (++ch->queued > FBY_CHANNEL_QUEUE) {
		close_channel(ch, "the other side does not read", true);
		return;
	}
	event_add(&ch->ev_write, NULL);
}

/* ---- life ------------------------------------------------------------- */

void
fby_channel_init(struct fby_channel *ch, struct event_base *base, int fd,
    fby_channel_fn on_msg, fby_channel_closed_fn on_closed, void *arg)
{
	ch->fd = fd;
	ch->on_msg = on_msg;
	ch->on_closed = on_closed;
	ch->arg = arg;
	ch->queued = 0;
	STAILQ_INIT(&ch->queue);
	event_assign(&ch->ev_read, base, fd, EV_READ | EV_PERSIST, on_readable,
	    ch);
	event_assign(&ch->ev_write, base, fd, EV_WRITE | EV_PERSIST,
	    on_writable, ch);
	event_add(&ch->ev_read, NULL);
}

void
fby_channel_fini(struct fby_channel *ch)
{
	close_channel(ch, NULL, false);
}

bool
fby_channel_is_open(const struct fby_channel *ch)
{
	return ch->fd != -1;
}
