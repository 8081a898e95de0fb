/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Limits and capabilities from /proc, which shows those of any user's process. */
#include "memlock.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* A debug command pins a source and a destination page at a time. */
enum { ROOM = 2, NO_ROOM = 1, LINE = 256 };

void memlock_obey(void)
{
	/* root gets every capability in the bounding set back at exec, so it goes from there. Who
	 * may not drop it does not have it. */
	(void)prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK);
}

/* The rest of the line of /proc/TID/NAME that begins with @key; false: there is none. */
static bool read_line(pid_t tid, const char *name, const char *key, char rest[LINE])
{
	char path[64], line[LINE];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		found = !strncmp(line, key, strlen(key));
		if (found)
			snprintf(rest, LINE, "%s", line + strlen(key));
	}
	if (f)
		fclose(f);
	return found;
}

static bool exempt(pid_t tid)
{
	char text[LINE];
	uint64_t effective;

	return read_line(tid, "status", "CapEff:", text) &&
	       sscanf(text, "%" SCNx64, &effective) == 1 && effective >> CAP_IPC_LOCK & 1;
}

static uint64_t limit_pages(pid_t tid)
{
	char text[LINE];
	uint64_t bytes;

	if (!read_line(tid, "limits", "Max locked memory", text))
		return 0;
	/* Not a number: "unlimited". */
	return sscanf(text, "%" SCNu64, &bytes) == 1 ? bytes / SIM_PAGE : UINT64_MAX;
}

void memlock_register(void)
{
	uint64_t pages = 0, room = sim.memlock_limit ? NO_ROOM : ROOM;
	struct rlimit old, r;
	unsigned int i;

	for (i = 0; i < sim.nblocks; i++)
		pages += sim.block[i].bytes / SIM_PAGE;
	sim.locked_pages = pages;
	if (prlimit(sim.qemu, RLIMIT_MEMLOCK, NULL, &old))
		return;
	r.rlim_cur = (pages + room) * SIM_PAGE;
	r.rlim_max = old.rlim_max < r.rlim_cur ? r.rlim_cur : old.rlim_max;
	if (!prlimit(sim.qemu, RLIMIT_MEMLOCK, &r, NULL))
		return;
	/* Not ours to raise. A QEMU that got this far had a limit that held its RAM, so no more is
	 * counted than this one holds; and it is not the last word, for who wants to raise it. */
	r.rlim_max = old.rlim_max;
	r.rlim_cur = old.rlim_max > ROOM * SIM_PAGE ? old.rlim_max - ROOM * SIM_PAGE : 0;
	(void)prlimit(sim.qemu, RLIMIT_MEMLOCK, &r, NULL);
	sim.locked_pages = r.rlim_cur / SIM_PAGE > room ? r.rlim_cur / SIM_PAGE - room : 0;
}

bool memlock_permits(pid_t tid, uint64_t pages)
{
	return pages <= limit_pages(tid) || exempt(tid);
}
