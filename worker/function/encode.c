/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for functions, packed where they are sent from; see encode.h.
 */
#include "shared/fby.h"

#include "worker/function/encode.h"

#include <event2/buffer.h>

#include "shared/base/mem.h"

#include "worker/function/grpc.h"

bool
fby_encode(struct evbuffer *to, const ProtobufCMessage *msg)
{
	size_t n = protobuf_c_message_get_packed_size(msg);
	struct evbuffer_iovec v;

	if (n > FBY_GRPC_MESSAGE_MAX)
		return false;
	if (evbuffer_reserve_space(to, (ev_ssize_t)(FBY_GRPC_PREFIX + n), &v,
		1) != 1)
		fby_mem_fatal();
	fby_grpc_prefix(v.iov_base, n);
	protobuf_c_message_pack(msg, (uint8_t *)v.iov_base + FBY_GRPC_PREFIX);
	v.iov_len = FBY_GRPC_PREFIX + n;
	evbuffer_commit_space(to, &v, 1);
	return true;
}
