/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Scope-bound ownership for host code: a variable marked AUTO_X is released at the end of its
 * scope. */
#ifndef HOST_CLEANUP_H
#define HOST_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_FREE  __attribute__((cleanup(cleanup_free)))
#define AUTO_CLOSE __attribute__((cleanup(cleanup_close)))

/* Hands the fd to the caller: the variable no longer owns it. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
