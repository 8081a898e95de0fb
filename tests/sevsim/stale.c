/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A list guarded by sim.lock and an eventfd. */
#include "stale.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static uint64_t *pages;
static size_t count, room;
static int bell = -1;

int stale_open(void)
{
	bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bell < 0 ? -1 : 0;
}

int stale_fd(void)
{
	return bell;
}

void stale_heard(void)
{
	eventfd_t value;

	(void)eventfd_read(bell, &value);
}

void stale_add(uint64_t gpa)
{
	size_t i, more = room ? 2 * room : 64;
	uint64_t *grown;

	for (i = 0; i < count && pages[i] != gpa; i++)
		;
	if (i == count && count == room) {
		grown = realloc(pages, more * sizeof(*pages));
		if (!grown) {
			fprintf(stderr, "sevsim: no memory: translated code may be stale\n");
			return;
		}
		pages = grown;
		room = more;
	}
	if (i == count)
		pages[count++] = gpa;
	(void)eventfd_write(bell, 1);
}

/* The next waiting page, or UINT64_MAX. */
static uint64_t take(void)
{
	uint64_t gpa;

	pthread_mutex_lock(&sim.lock);
	gpa = count ? pages[--count] : UINT64_MAX;
	pthread_mutex_unlock(&sim.lock);
	return gpa;
}

int stale_flush(void)
{
	uint8_t page[SIM_PAGE];
	uint64_t gpa;
	int status = 0;

	while (!status && (gpa = take()) != UINT64_MAX) {
		status = ram_plaintext(gpa, page, sizeof(page));
		if (!status)
			status = machine_write(gpa, page, sizeof(page));
	}
	return status;
}
