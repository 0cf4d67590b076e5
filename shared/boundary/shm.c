/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment that holds the ledger; see shm.h.
 *
 * A name is never removed and a row is never given to another partition, so
 * whoever has found one may keep its number for the life of the segment.
 * Hence the same inode is kept as it fills: a second, larger file would need a
 * time in which some workers have one and some the other, or none at all.
 */
#include "shared/fby.h"

#include "shared/boundary/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/boundary/proto.h"

/* A row, and the name of a topic that has no other partition. */
#define NAME_BYTES 250
#define NAMES_SPARE (64 * 1024)

/* So much more gets blocks at once, and at first. */
#define ROWS_STEP (1024 * 1024)
#define NAMES_STEP (256 * 1024)

static const char *const row_state_names[] = {
#define S(name, what) #name,
	FBY_ROW_STATES(S)
#undef S
};

static const char *const slot_state_names[] = {
#define S(name, what) #name,
	FBY_SLOT_STATES(S)
#undef S
};

static const char *const conn_state_names[] = {
#define S(name, what) what,
	FBY_CONN_STATES(S)
#undef S
};

static const char *const activity_names[] = {
#define A(name, what) what,
	FBY_ACTIVITIES(A)
#undef A
};

const char *
fby_row_state_name(uint32_t state)
{
	return state < FBY_NELEM(row_state_names) ? row_state_names[state] :
						    "?";
}

const char *
fby_slot_state_name(uint32_t state)
{
	return state < FBY_NELEM(slot_state_names) ? slot_state_names[state] :
						     "?";
}

const char *
fby_activity_name(uint32_t activity)
{
	return activity < FBY_NELEM(activity_names) ? activity_names[activity] :
						      "?";
}

const char *
fby_conn_state_name(uint32_t state)
{
	return state < FBY_NELEM(conn_state_names) ? conn_state_names[state] :
						     "?";
}

const char *
fby_shm_verdict(enum fby_shm_verdict v)
{
	switch (v) {
	case FBY_SHM_GOOD:
		return "good";
	case FBY_SHM_ERRNO:
		return strerror(errno);
	case FBY_SHM_SHORT:
		return "truncated";
	case FBY_SHM_MAGIC:
		return "not a ledger";
	case FBY_SHM_ABI:
		return "written by another version of forebay";
	case FBY_SHM_BROKEN:
		return "damaged: its parts do not fit together";
	}
	return "?";
}

static void
point(struct fby_shm *shm, const struct fby_ledger_head *head)
{
	char *base = (char *)shm->head;

	shm->slots = (void *)(base + head->slots_off);
	shm->rows = (void *)(base + head->rows_off);
	shm->names = base + head->names_off;
	shm->nslots = head->nslots;
	shm->nrows = head->nrows;
	shm->names_size = head->names_size;
}

/* ---- made ------------------------------------------------------------- */

/*
 * Blocks for the first n bytes of a part of it, which has them up to *have; -1:
 * errno.  Its result is the error number, and errno is left alone.
 */
static int
reserve(const struct fby_shm *shm, size_t from, size_t *have, size_t n,
    size_t step, size_t max)
{
	size_t to = FBY_MIN((n + step - 1) / step * step, max);

	if (n <= *have)
		return 0;
	errno = n > max ? ENOSPC :
			  posix_fallocate(shm->fd, (off_t)(from + *have),
			      (off_t)(to - *have));
	if (errno != 0)
		return -1;
	*have = to;
	return 0;
}

static int
reserve_rows(struct fby_shm *shm, size_t n)
{
	const size_t row = sizeof(struct fby_ledger_row);

	return reserve(shm, shm->own.rows_off, &shm->rows_bytes, n * row,
	    ROWS_STEP, shm->nrows * row);
}

static int
reserve_names(struct fby_shm *shm, size_t bytes)
{
	return reserve(shm, shm->own.names_off, &shm->names_bytes, bytes,
	    NAMES_STEP, shm->names_size);
}

static void
lay_out(struct fby_ledger_head *head, uint32_t nslots, uint32_t nrows)
{
	*head = (struct fby_ledger_head){
		.magic = FBY_LEDGER_MAGIC,
		.abi = FBY_ABI,
		.head_size = sizeof(*head),
		.nslots = nslots,
		.nrows = nrows,
		.names_size = NAMES_SPARE + nrows * NAME_BYTES,
	};
	head->slots_off = sizeof(*head);
	head->rows_off = head->slots_off +
	    nslots * (uint32_t)sizeof(struct fby_ledger_slot);
	head->names_off = head->rows_off +
	    nrows * (uint32_t)sizeof(struct fby_ledger_row);
	head->size = (uint64_t)head->names_off + head->names_size;
}

/* The file has its size; what is sure to be used has blocks. */
static int
make_file(struct fby_shm *shm)
{
	if (ftruncate(shm->fd, (off_t)shm->size) == -1)
		return -1;
	errno = posix_fallocate(shm->fd, 0, (off_t)shm->own.rows_off);
	if (errno != 0)
		return -1;
	return reserve_rows(shm, FBY_MIN(shm->nrows, 1u)) == -1 ||
		reserve_names(shm, 1) == -1 ?
	    -1 :
	    0;
}

int
fby_shm_create(struct fby_shm *shm, const char *path, uint32_t nslots,
    uint32_t nrows, const char *name, const char *group)
{
	int saved;

	*shm = (struct fby_shm)FBY_SHM_INIT;
	lay_out(&shm->own, nslots, nrows);
	shm->size = shm->own.size;
	shm->nrows = nrows;
	shm->names_size = shm->own.names_size;
	if (unlink(path) == -1 && errno != ENOENT)
		return -1;
	shm->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (shm->fd == -1)
		return -1;
	if (make_file(shm) == -1)
		goto fail;
	shm->head = mmap(NULL, shm->size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    shm->fd, 0);
	if (shm->head == MAP_FAILED)
		goto fail;
	memcpy(shm->head, &shm->own, sizeof(shm->own));
	point(shm, &shm->own);
	shm->names_used = 1;
	shm->own.name_off = fby_shm_add_name(shm, name);
	shm->head->name_off = shm->own.name_off;
	if (shm->own.name_off == 0 || fby_shm_set_group(shm, group) == -1)
		goto fail;
	return 0;

fail:
	saved = errno;
	if (shm->head == MAP_FAILED)
		shm->head = NULL;
	fby_shm_close(shm);
	unlink(path);
	errno = saved;
	return -1;
}

/* ---- made good -------------------------------------------------------- */

bool
fby_shm_is_whole(const struct fby_shm *shm)
{
	struct stat st;

	return fstat(shm->fd, &st) == 0 && st.st_size == (off_t)shm->size;
}

int
fby_shm_remap(struct fby_shm *shm)
{
	return mmap(shm->head, shm->size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, shm->fd, 0) == MAP_FAILED ?
	    -1 :
	    0;
}

int
fby_shm_restore(struct fby_shm *shm)
{
	size_t rows = shm->rows_bytes / sizeof(struct fby_ledger_row);

	shm->rows_bytes = shm->names_bytes = 0;
	if (make_file(shm) == -1 || reserve_rows(shm, rows) == -1 ||
	    reserve_names(shm, shm->names_used) == -1 ||
	    fby_shm_remap(shm) == -1)
		return -1;
	fby_shm_restore_head(shm);
	return 0;
}

bool
fby_shm_restore_head(struct fby_shm *shm)
{
	const size_t fixed = offsetof(struct fby_ledger_head, names_used);

	if (memcmp(shm->head, &shm->own, fixed) == 0 &&
	    fby_load(&shm->head->names_used) == shm->names_used)
		return false;
	memcpy(shm->head, &shm->own, fixed);
	fby_release(&shm->head->names_used, shm->names_used);
	return true;
}

bool
fby_shm_restore_name(struct fby_shm *shm, uint32_t off, const char *name)
{
	size_t len = strlen(name) + 1;

	if (memcmp(shm->names + off, name, len) == 0)
		return false;
	memcpy(shm->names + off, name, len);
	return true;
}

/* ---- filled ----------------------------------------------------------- */

uint32_t
fby_shm_add_name(struct fby_shm *shm, const char *name)
{
	uint32_t off = shm->names_used;
	size_t len = strlen(name) + 1;

	if (reserve_names(shm, off + len) == -1)
		return 0;
	memcpy(shm->names + off, name, len);
	shm->names_used += (uint32_t)len;
	fby_release(&shm->head->names_used, shm->names_used);
	return off;
}

int
fby_shm_set_group(struct fby_shm *shm, const char *group)
{
	uint32_t off = fby_shm_add_name(shm, group);

	if (off == 0)
		return -1;
	shm->own.group_off = shm->head->group_off = off;
	return 0;
}

int
fby_shm_make_row(struct fby_shm *shm, uint32_t n, uint32_t topic_off,
    int32_t partition)
{
	struct fby_ledger_row *row = &shm->rows[n];

	if (reserve_rows(shm, (size_t)n + 1) == -1)
		return -1;
	row->partition = partition;
	fby_store(&row->slot, FBY_NOSLOT);
	fby_store(&row->committed, FBY_NONE);
	fby_store(&row->committed_watermark, FBY_NONE);
	fby_store(&row->acked, FBY_NONE);
	fby_store(&row->watermark, FBY_NONE);
	fby_store(&row->position, FBY_NONE);
	fby_store(&row->high, FBY_NONE);
	fby_store(&row->leader_epoch, -1);
	/* Last: it is what says that the row is in use. */
	atomic_thread_fence(memory_order_release);
	row->topic_off = topic_off;
	return 0;
}

/* ---- read ------------------------------------------------------------- */

static enum fby_shm_verdict
check(const struct fby_ledger_head *head, size_t size)
{
	uint64_t slots_end, rows_end, names_end;

	if (head->magic != FBY_LEDGER_MAGIC)
		return FBY_SHM_MAGIC;
	if (head->abi != FBY_ABI || head->head_size != sizeof(*head))
		return FBY_SHM_ABI;
	if (head->size != size)
		return FBY_SHM_SHORT;
	slots_end = head->slots_off +
	    (uint64_t)head->nslots * sizeof(struct fby_ledger_slot);
	rows_end = head->rows_off +
	    (uint64_t)head->nrows * sizeof(struct fby_ledger_row);
	names_end = (uint64_t)head->names_off + head->names_size;
	if (head->slots_off != sizeof(*head) || head->rows_off != slots_end ||
	    head->names_off != rows_end || names_end != size ||
	    head->names_size == 0 ||
	    fby_load(&head->names_used) > head->names_size)
		return FBY_SHM_BROKEN;
	return FBY_SHM_GOOD;
}

/* Bytes from..to of the file, or errno is set. */
static int
copy_part(char *base, off_t from, off_t to, int fd)
{
	while (from < to) {
		ssize_t n = pread(fd, base + from, (size_t)(to - from), from);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? ENODATA : errno;
			return -1;
		}
		from += n;
	}
	return 0;
}

/* All of the file, whose size is known; its holes are zeros already. */
static int
copy(char *base, off_t size, int fd)
{
	struct stat st;

	for (off_t at = 0, hole; at < size; at = hole) {
		off_t data = lseek(fd, at, SEEK_DATA);

		if (data == -1 && errno == ENXIO)
			break;
		hole = data == -1 ? size : lseek(fd, data, SEEK_HOLE);
		if (data == -1)
			data = at;
		if (hole == -1)
			return -1;
		hole = FBY_MIN(hole, size);
		if (copy_part(base, data, hole, fd) == -1)
			return -1;
	}
	if (fstat(fd, &st) == -1)
		return -1;
	/* Cut short meanwhile. */
	errno = ENODATA;
	return st.st_size < size ? -1 : 0;
}

static enum fby_shm_verdict
map(struct fby_shm *shm, int fd, bool is_copy)
{
	struct fby_ledger_head head;
	enum fby_shm_verdict v;
	struct stat st;

	shm->fd = fd;
	shm->head = NULL;
	if (fstat(fd, &st) == -1)
		return FBY_SHM_ERRNO;
	if (st.st_size < (off_t)sizeof(struct fby_ledger_head))
		return FBY_SHM_SHORT;
	shm->size = (size_t)st.st_size;
	shm->head = mmap(NULL, shm->size, PROT_READ | PROT_WRITE,
	    is_copy ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED,
	    is_copy ? -1 : fd, 0);
	if (shm->head == MAP_FAILED) {
		shm->head = NULL;
		return FBY_SHM_ERRNO;
	}
	if (is_copy && copy((char *)shm->head, st.st_size, fd) == -1)
		return errno == ENODATA ? FBY_SHM_SHORT : FBY_SHM_ERRNO;
	/* It may change between the look and the use. */
	memcpy(&head, shm->head, sizeof(head));
	if ((v = check(&head, shm->size)) == FBY_SHM_GOOD)
		point(shm, &head);
	return v;
}

enum fby_shm_verdict
fby_shm_attach(struct fby_shm *shm, int fd)
{
	return map(shm, fd, false);
}

enum fby_shm_verdict
fby_shm_load(struct fby_shm *shm, int fd)
{
	return map(shm, fd, true);
}

enum fby_shm_verdict
fby_shm_open(struct fby_shm *shm, const char *path)
{
	enum fby_shm_verdict v;
	int fd;

	*shm = (struct fby_shm)FBY_SHM_INIT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return FBY_SHM_ERRNO;
	v = fby_shm_load(shm, fd);
	if (v != FBY_SHM_GOOD) {
		int saved = errno;

		fby_shm_close(shm);
		errno = saved;
	}
	return v;
}

void
fby_shm_close(struct fby_shm *shm)
{
	if (shm->head)
		munmap(shm->head, shm->size);
	if (shm->fd != -1)
		close(shm->fd);
	*shm = (struct fby_shm)FBY_SHM_INIT;
}

const char *
fby_shm_name(const struct fby_shm *shm, uint32_t off)
{
	uint32_t used = fby_load(&shm->head->names_used);

	if (used > shm->names_size || off >= used ||
	    memchr(shm->names + off, '\0', used - off) == NULL)
		return "";
	return shm->names + off;
}

uint32_t
fby_shm_find(const struct fby_shm *shm, const char *topic, int32_t partition)
{
	for (uint32_t i = 0; i < shm->nrows; i++) {
		const struct fby_ledger_row *row = &shm->rows[i];

		if (row->topic_off != 0 && row->partition == partition &&
		    strcmp(fby_shm_name(shm, row->topic_off), topic) == 0)
			return i;
	}
	return FBY_NOROW;
}

void
fby_shm_copy_row(struct fby_ledger_row *to, const struct fby_ledger_row *from)
{
#define COPY(field) fby_store(&to->field, fby_load(&from->field))
#define COPY_ACQUIRED(field) fby_store(&to->field, fby_acquire(&from->field))
	to->topic_off = from->topic_off;
	to->partition = from->partition;
	COPY(epoch);
	COPY(slot);
	COPY(state);
	COPY(committed);
	COPY(committed_watermark);
	COPY(log_start);
	COPY(topic_id);
	COPY_ACQUIRED(watermark);
	COPY_ACQUIRED(acked);
	COPY_ACQUIRED(position);
	COPY(high);
	COPY(in_flight);
	COPY(oldest_at);
	COPY_ACQUIRED(delivered);
	COPY_ACQUIRED(fallback);
	COPY_ACQUIRED(dead_lettered);
	COPY_ACQUIRED(dropped);
	COPY_ACQUIRED(returned);
	COPY(read);
	COPY(read_bytes);
	COPY(late);
	COPY(stale);
	COPY(flags);
	COPY_ACQUIRED(error_at);
	COPY(error);
	COPY(error_role);
	COPY(leader_epoch);
	COPY(future);
#undef COPY
#undef COPY_ACQUIRED
}

uint32_t
fby_shm_row(struct fby_shm *shm, const char *topic, int32_t partition)
{
	uint32_t i = fby_shm_find(shm, topic, partition);
	uint32_t off;

	if (i != FBY_NOROW)
		return i;
	for (i = 0; i < shm->nrows; i++)
		if (shm->rows[i].topic_off == 0)
			break;
	if (i == shm->nrows || (off = fby_shm_add_name(shm, topic)) == 0 ||
	    fby_shm_make_row(shm, i, off, partition) == -1)
		return FBY_NOROW;
	return i;
}
