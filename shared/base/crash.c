/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last line of a process; see crash.h.
 *
 * What a handler may call is little.  backtrace(3) was called once before, so
 * that it has loaded what it needs; the text is put together by hand, and the
 * log writes it without allocating anything.
 */
#include "shared/fby.h"

#include "shared/base/crash.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/base/log.h"

#define FRAMES_MAX 32
#define STACK_BYTES (64 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1 /* it has more to say than we */
#else
#define HAS_SANITIZER 0
#endif

static uintptr_t program_from, program_to;
static char *volatile guarded;
static volatile size_t guarded_size;
static volatile sig_atomic_t torn;

struct text {
	char buf[1024];
	size_t len;
};

static void
put(struct text *t, const char *s)
{
	while (*s && t->len < sizeof(t->buf) - 1)
		t->buf[t->len++] = *s++;
	t->buf[t->len] = '\0';
}

static void
put_hex(struct text *t, uintptr_t n)
{
	char digits[2 * sizeof(n) + 1];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = "0123456789abcdef"[n & 15];
	while ((n >>= 4) != 0);
	put(t, "0x");
	put(t, digits + at);
}

static const char *
name_of(int signo)
{
	switch (signo) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGILL:
		return "SIGILL";
	case SIGFPE:
		return "SIGFPE";
	default:
		return "SIGABRT";
	}
}

static void
put_frames(struct text *t)
{
	void *frames[FRAMES_MAX];
	int n = backtrace(frames, FRAMES_MAX);

	for (int i = 0; i < n; i++) {
		uintptr_t at = (uintptr_t)frames[i];

		put(t, " ");
		if (at >= program_from && at < program_to) {
			put(t, "+");
			at -= program_from;
		}
		put_hex(t, at);
	}
}

static bool
mend(int signo, const siginfo_t *info)
{
	const char *at = info->si_addr;
	char *base = guarded;

	/* Not what somebody has sent. */
	if (signo != SIGBUS || info->si_code <= 0 || base == NULL ||
	    at < base || at >= base + guarded_size)
		return false;
	if (mmap(base, guarded_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	torn = 1;
	return true;
}

static void
on_fault(int signo, siginfo_t *info, void *context)
{
	struct text t = { .len = 0 };

	(void)context;
	if (mend(signo, info))
		return;
	signal(signo, SIG_DFL);
	put(&t, "killed by ");
	put(&t, name_of(signo));
	if (info->si_code > 0) {
		put(&t, " at address ");
		put_hex(&t, (uintptr_t)info->si_addr);
	}
	put(&t, "; backtrace:");
	put_frames(&t);
	fby_error("%s", t.buf);
	/* Delivered as soon as the handler returns. */
	raise(signo);
}

static int
on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	program_from = info->dlpi_addr;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
		    info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD)
			program_to = FBY_MAX(program_to, end);
	}
	return 1; /* The first is the program. */
}

void
fby_crash_catch(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,
		SIGABRT };
	static char stack[STACK_BYTES];
	const stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK };
	void *frame[1];

	dl_iterate_phdr(on_object, NULL);
	backtrace(frame, 1);
	sigaltstack(&alt, NULL);
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < FBY_NELEM(faults); i++)
		if (!HAS_SANITIZER || faults[i] == SIGBUS)
			sigaction(faults[i], &sa, NULL);
}

void
fby_crash_guard(void *base, size_t size)
{
	guarded = NULL;
	guarded_size = size;
	torn = 0;
	guarded = base;
}

bool
fby_crash_is_torn(void)
{
	return torn != 0;
}
