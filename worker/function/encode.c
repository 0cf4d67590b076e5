/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for functions, packed where they are sent from; see encode.h.
 */
#include "shared/fby.h"

#include "worker/function/encode.h"

#include <event2/buffer.h>

#include "shared/base/bug.h"
#include "shared/base/mem.h"

#include "worker/function/grpc.h"

void
fby_encoder_open(struct fby_encoder *e, struct evbuffer *to, size_t at_once)
{
	*e = (struct fby_encoder){ .to = to, .at_once = at_once };
}

void
fby_encoder_close(struct fby_encoder *e)
{
	struct evbuffer_iovec v = { e->p, e->used };

	if (e->p != NULL && evbuffer_commit_space(e->to, &v, 1) == -1)
		fby_mem_fatal();
	e->p = NULL;
	e->used = e->size = 0;
}

static void
reserve(struct fby_encoder *e, size_t n)
{
	struct evbuffer_iovec v;

	fby_encoder_close(e);
	if (evbuffer_reserve_space(e->to, (ev_ssize_t)FBY_MAX(n, e->at_once),
		&v, 1) != 1)
		fby_mem_fatal();
	e->p = v.iov_base;
	e->size = v.iov_len;
}

uint8_t *
fby_encoder_next(struct fby_encoder *e, size_t n)
{
	size_t need = FBY_GRPC_PREFIX + n;
	uint8_t *p;

	if (n > FBY_GRPC_MESSAGE_MAX)
		return NULL;
	if (e->size - e->used < need)
		reserve(e, need);
	p = e->p + e->used;
	e->used += need;
	fby_grpc_prefix(p, n);
	return p + FBY_GRPC_PREFIX;
}

void
fby_encode(struct evbuffer *to, const ProtobufCMessage *msg)
{
	size_t n = protobuf_c_message_get_packed_size(msg);
	struct fby_encoder e;
	uint8_t *p;

	fby_encoder_open(&e, to, 0);
	p = fby_encoder_next(&e, n);
	FBY_BUG_ON(p == NULL);
	protobuf_c_message_pack(msg, p);
	fby_encoder_close(&e);
}
