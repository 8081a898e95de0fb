/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Blocked and read, so that what has to be undone is undone by the loop and never in a handler. */
#include "host/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

int signals_catch(int *ret, struct err *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*ret = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret < 0 ? err_sys(err, "signalfd") : 0;
}
