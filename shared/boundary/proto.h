/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What crosses between master and worker at run time, all of it: descriptor
 * numbers, environment names, message types and bodies, exit codes, and the
 * number that says which of all this is meant.  The layout of the shared
 * memory is in ledger.h.  A worker in another language can be written from
 * these two headers and shared/README.
 *
 * The worker is started by execve with
 *	fd 1	the master's standard output: the `log` sink writes here; for
 *		programs of `runtimes:` the same as fd 2 if there is none
 *	fd 2	the log; for programs of `runtimes:` a pipe, of which each line
 *		becomes one of the log
 *	fd 3	channel, SOCK_SEQPACKET; end of file: the master is gone, drain
 *		and exit
 *	fd 4	shared memory, to be mapped shared and writable
 *	fd 5	manifest, a sealed memfd (manifest.h, fby_manifest_unpack)
 *	fd 6	only for programs of `runtimes:`, which have neither our YAML
 *		reader nor our tables: what the manifest means, as JSON, a
 *		sealed memfd (shared/README)
 * and FOREBAY_SLOT and FOREBAY_PLACE in its environment.
 *
 * A message is one packet: a struct fby_msg, then the body of its type, in
 * host byte order, nothing else.  A packet of a wrong size or an unknown type
 * is a defect: the master kills the worker, the worker exits FBY_EXIT_PROTO.
 *
 * Messages say that something happened; the ledger says how things are.
 */
#ifndef FBY_PROTO_H
#define FBY_PROTO_H

#include "shared/fby.h"

/* Bumped by any change of this header or of ledger.h. */
#define FBY_ABI 4

enum fby_fd {
	FBY_FD_CHANNEL = 3,
	FBY_FD_LEDGER = 4,
	FBY_FD_MANIFEST = 5,
	FBY_FD_SETTINGS = 6,
};

#define FBY_ENV_SLOT "FOREBAY_SLOT" /* index into the ledger's slots */
/* Its place among the workers: which instance of a function it speaks to. */
#define FBY_ENV_PLACE "FOREBAY_PLACE"

/* Worker exit codes.  name, number, sentence, is it worth a respawn */
#define FBY_EXITS(E)                                                   \
	E(OK, 0, "drained and exited", true)                           \
	E(FAIL, 1, "failed; the log says why", true)                   \
	E(CONFIG, 2,                                                   \
	    "did not accept the manifest that the master had "         \
	    "accepted",                                                \
	    false)                                                     \
	E(ABI, 3,                                                      \
	    "speaks another ABI than this master: the two "            \
	    "programs are of different versions",                      \
	    false)                                                     \
	E(OOM, 4, "ran out of memory", true)                           \
	E(PROTO, 5, "got a message that it does not understand", true) \
	E(KAFKA, 6, "has no Kafka client that works", true)            \
	E(SETUP, 7,                                                    \
	    "was not started by a master, or without the "             \
	    "descriptors that it needs",                               \
	    false)

enum fby_exit {
#define E(name, number, sentence, respawn) FBY_EXIT_##name = number,
	FBY_EXITS(E)
#undef E
};

/* "drained and exited"; for an unknown code "exited for an unknown reason". */
const char *fby_exit_sentence(int code);
bool fby_exit_respawn(int code);

/* type, number, from, what has happened */
#define FBY_MSGS(M)                                                            \
	M(GRANT, 1, "master", "the partition of this row is yours")            \
	M(REVOKE, 2, "master", "drain the partition, then release it")         \
	M(DRAIN, 3, "master", "drain everything, then exit")                   \
	M(MANIFEST, 4, "master",                                               \
	    "apply the live settings of the manifest "                         \
	    "(for programs of `runtimes:` the JSON of fd 6) that "             \
	    "comes along as a descriptor")                                     \
	M(REOPEN, 5, "master",                                                 \
	    "the log goes on in the descriptor that "                          \
	    "comes along; not for programs of `runtimes:`")                    \
	M(GROUP, 6, "master",                                                  \
	    "the group's metadata for transactions, of all that is "           \
	    "held and of all grants that follow")                              \
	M(READY, 16, "worker", "set up; grants are welcome")                   \
	M(RELEASED, 17, "worker", "nothing in flight, the row is yours again") \
	M(FAILURE, 18, "worker", "refused or unreadable, and why")             \
	M(REOPENED, 19, "worker", "what came of REOPEN")

enum fby_msg_type {
#define M(name, number, from, what) FBY_MSG_##name = number,
	FBY_MSGS(M)
#undef M
};

struct fby_msg {
	uint16_t type; /* enum fby_msg_type */
	uint16_t abi;  /* FBY_ABI */
	uint32_t size; /* of the whole packet */
};

/*
 * What is to be read is said here and not taken from the ledger, which
 * everybody can write to.  The row was written before the message was sent.
 */
#define FBY_TOPIC_MAX 249 /* Kafka's */

struct fby_msg_grant {
	struct fby_msg msg;
	uint32_t row;
	/*
	 * Not 0: the record at `start` has killed its worker so often.  It
	 * goes to the dead-letter topic without being looked at.
	 */
	uint32_t kills;
	uint64_t epoch;
	int64_t start;     /* first offset to read, absolute */
	int64_t watermark; /* to go on from, ms; FBY_NONE: none */
	/*
	 * Records before this offset are handed on one at a time: one of them
	 * is suspected of killing workers.  FBY_NONE: none is.
	 */
	int64_t isolate_until;
	uint64_t topic_id; /* for the metadata of offsets; 0: unknown yet */
	int32_t partition;
	/*
	 * Of the record before `start`, or -1: then nothing can be said.  If
	 * the log does not have `start` records of it any more, something was
	 * cut off, and what follows is not what was to be read.
	 */
	int32_t leader_epoch;
	char topic[256]; /* zeros follow */
};

struct fby_msg_revoke {
	struct fby_msg msg;
	uint32_t row;
	uint32_t drain_ms; /* then release with what is acked */
	uint64_t epoch;
};

struct fby_msg_drain {
	struct fby_msg msg;
	uint32_t drain_ms;
	uint32_t reserved;
};

/*
 * rd_kafka_consumer_group_metadata_write() of the master's membership.  A
 * message may only be used for partitions that are held when it comes or
 * granted after it: REVOKE of what was lost goes before it.
 */
#define FBY_GROUP_METADATA_MAX 2040

struct fby_msg_group {
	struct fby_msg msg;
	uint32_t size; /* of the bytes in use */
	uint32_t reserved;
	uint8_t bytes[FBY_GROUP_METADATA_MAX];
};

struct fby_msg_ready {
	struct fby_msg msg;
	int32_t pid;
	uint32_t slot;
};

enum fby_release_reason {
	FBY_RELEASE_REVOKED = 0, /* asked by REVOKE or DRAIN */
	FBY_RELEASE_RANGE = 1,   /* the broker no longer has the offset */
	FBY_RELEASE_FAILED = 2,  /* the partition cannot be read now */
	FBY_RELEASE_CUT = 3,     /* the log was cut before what was read */
};

struct fby_msg_released {
	struct fby_msg msg;
	uint32_t row;
	uint32_t reason; /* enum fby_release_reason */
	uint64_t epoch;
	int64_t cut_at; /* FBY_RELEASE_CUT: where; FBY_NONE: unknown */
};

/*
 * Why a record was refused, a partition could not be read or a client got no
 * connection.  It explains and decides nothing: that a partition makes no
 * progress the master sees in the ledger.  So it may be lost, a worker sends
 * the same reason only every few seconds, and no more than some of all kinds
 * in each second; a worker in another language may leave it.
 *
 * role, word
 */
#define FBY_FAILURE_ROLES(R)          \
	R(SOURCE, "source")           \
	R(SINK, "sink")               \
	R(FALLBACK, "fallback")       \
	R(ON_SUCCESS, "onSuccess")    \
	R(DEAD_LETTER, "deadLetter")  \
	R(TRANSFORMER, "transformer") \
	R(MAP, "map")

enum fby_failure_role {
#define R(name, word) FBY_FAILURE_##name,
	FBY_FAILURE_ROLES(R)
#undef R
	    FBY_FAILURE_NROLES
};

/* "source", "sink", ... */
const char *fby_failure_role_word(enum fby_failure_role role);

#define FBY_FAILURE_TEXT 488 /* bytes, with the NUL */

struct fby_msg_failure {
	struct fby_msg msg;
	uint32_t row;   /* FBY_NOROW: of all partitions of this worker */
	uint32_t role;  /* enum fby_failure_role */
	uint64_t epoch; /* of the row's grant; 0 with FBY_NOROW */
	int32_t code;   /* librdkafka's; 0: not of it */
	uint32_t reserved;
	char text[FBY_FAILURE_TEXT]; /* ends with a NUL; what is behind: 0 */
};

struct fby_msg_reopened {
	struct fby_msg msg;
	int32_t error; /* errno; 0: the log goes on in the new one */
	uint32_t reserved;
};

#define FBY_MSG_MAX 2056 /* no packet is larger */

#endif
