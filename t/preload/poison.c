/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record that does harm: loaded into the daemon with LD_PRELOAD, it looks
 * for the text in FOREBAY_POISON_MARK at what the log sink writes and at what
 *Kafka's threads send, and then does what the files of the directory
 *FOREBAY_POISON_DIR say:
 *
 *	die	dies of SIGSEGV
 *	die.N	the same, once: the file is taken away before (N is 1 to 9)
 *	hang	hangs for as long as the file is there
 *
 * No library of ours or of a sanitizer is called that may be interposed, too.
 */
#include "shared/fby.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool
is_there(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

/* Of several processes one gets it. */
static bool
take_one(const char *dir)
{
	char path[4096];

	for (int i = 1; i <= 9; i++) {
		snprintf(path, sizeof(path), "%s/die.%d", dir, i);
		if (syscall(SYS_unlinkat, AT_FDCWD, path, 0) == 0)
			return true;
	}
	return false;
}

static void
do_harm(const char *dir)
{
	const struct timespec nap = { .tv_nsec = 10000000 };
	sigset_t none;

	if (is_there(dir, "die") || take_one(dir)) {
		/*
		 * Kafka's threads block all signals, and a sanitizer's handler
		 * would have a word to say.
		 */
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	while (is_there(dir, "hang"))
		syscall(SYS_nanosleep, &nap, NULL);
}

static void
look_at(const void *buf, size_t len)
{
	const char *mark = getenv("FOREBAY_POISON_MARK");
	const char *dir = getenv("FOREBAY_POISON_DIR");

	if (mark && dir && *mark && memmem(buf, len, mark, strlen(mark)))
		do_harm(dir);
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	if (fd > STDERR_FILENO)
		look_at(buf, len);
	return syscall(SYS_write, fd, buf, len);
}

ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		look_at(msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
	return syscall(SYS_sendmsg, fd, msg, flags);
}
