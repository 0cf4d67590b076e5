/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzed bytes as packets on a channel.  Each is made of
 *	how	low bits: that many descriptors go along (0 to 3);
 *		4: ABI and size are made right; 8: the reader's turn after it;
 *		16: four zeros follow for each byte of the packet
 *		32: zeros follow up to the size of a GRANT
 *	length	of the packet, without those
 * and as many bytes.
 */
#ifndef FBY_FUZZ_PACKETS_H
#define FBY_FUZZ_PACKETS_H

#include "shared/fby.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/boundary/proto.h"

#define PACKET_FDS 3

static inline void
packet_send(int to, uint8_t how, const uint8_t *p, size_t len)
{
	union {
		struct fby_msg msg;
		char bytes[5 * UINT8_MAX + 1];
		struct fby_msg_grant grant;
	} buf = { .bytes = { 0 } };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(PACKET_FDS * sizeof(int))];
	} control = { .bytes = { 0 } };
	const size_t all = how & 16 ? 5 * len :
	    how & 32 ? FBY_MAX(len, sizeof(struct fby_msg_grant)) :
		       len;
	struct iovec iov = { &buf, all };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	const int fds[PACKET_FDS] = { STDIN_FILENO, STDIN_FILENO,
		STDIN_FILENO };
	const size_t size = (how & 3u) * sizeof(int);

	memcpy(&buf, p, len);
	if ((how & 4) && len >= sizeof(buf.msg)) {
		buf.msg.abi = FBY_ABI;
		buf.msg.size = (uint32_t)all;
	}
	if (size) {
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(size);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(&control.align), fds, size);
	}
	(void)!sendmsg(to, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* All packets, then the end of file. */
static inline void
packets_send(int to, struct event_base *base, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		const size_t len = FBY_MIN((size_t)data[1], size - 2);

		packet_send(to, data[0], data + 2, len);
		if (data[0] & 8)
			event_base_loop(base, EVLOOP_NONBLOCK);
		data += 2 + len;
		size -= 2 + len;
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(to);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/*
 * The descriptor that would be used next but `n`: a leak moves it, wherever
 * the n that are open at one time and not at the other had been.
 */
static inline int
next_fd(int n)
{
	int fd = dup(STDIN_FILENO), next = fd;

	FBY_BUG_ON(fd == -1);
	if (n > 0)
		next = next_fd(n - 1);
	close(fd);
	return next;
}

#endif
