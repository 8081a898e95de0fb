/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* QEMU's flat view of memory (info mtree -f), host addresses (gpa2hva), and /proc/PID/maps. */
#include "layout.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "machine.h"

static uint64_t hva_of(uint64_t gpa)
{
	char line[64], *text, *at;
	uint64_t hva = 0;

	snprintf(line, sizeof(line), "gpa2hva 0x%" PRIx64, gpa);
	text = machine_hmp(line);
	at = text ? strstr(text, ") is 0x") : NULL;
	if (at)
		hva = strtoull(at + strlen(") is "), NULL, 16);
	free(text);
	return hva;
}

/*
 * One RAM line of the flat view. Ranges that continue the block before in both address spaces
 * belong to it, with what lies between: the legacy hole below 1 MiB, which becomes RAM later in the
 * boot.
 */
static void add(uint64_t gpa, uint64_t bytes)
{
	struct sim_block *last = sim.nblocks ? &sim.block[sim.nblocks - 1] : NULL;
	uint64_t hva = hva_of(gpa);

	if (!hva || sim.nblocks == SIM_RANGES_MAX)
		return;
	if (last && hva - last->hva == gpa - last->gpa) {
		last->bytes = gpa + bytes - last->gpa;
		return;
	}
	sim.block[sim.nblocks++] = (struct sim_block){ .gpa = gpa, .bytes = bytes, .hva = hva };
}

/* RAM is what has the name of the range at address 0 (pc.ram or the backend's id). */
static int read_flat_view(char *text)
{
	char name[64] = "", *save = NULL, *line;
	uint64_t from, to, seen = 0;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char type[16], block[64];

		if (strncmp(line, "FlatView", 8) == 0 && sim.nblocks)
			break;
		if (sscanf(line, " %" SCNx64 "-%" SCNx64 " (prio %*d, %15[a-z/]): %63s", &from, &to,
			   type, block) != 4 ||
		    strcmp(type, "ram") || (seen && from < seen))
			continue;
		if (from == 0)
			snprintf(name, sizeof(name), "%s", block);
		if (name[0] && !strcmp(name, block)) {
			add(from, to - from + 1);
			seen = to + 1;
		}
	}
	return sim.nblocks ? 0 : -1;
}

static int open_inode(dev_t dev, ino_t ino)
{
	char path[64], entry_path[512];
	struct dirent *entry;
	DIR *dir;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)sim.qemu);
	dir = opendir(path);
	while (dir && fd < 0 && (entry = readdir(dir))) {
		struct stat st;

		snprintf(entry_path, sizeof(entry_path), "%s/%s", path, entry->d_name);
		if (!stat(entry_path, &st) && st.st_dev == dev && st.st_ino == ino)
			fd = open(entry_path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* Shared file mappings are mapped here too; anything else is moved with process_vm_readv. */
static int find_backing(struct sim_block *b)
{
	char path[64], line[512], perms[8];
	uint64_t start, end, offset, ino;
	unsigned int major_n, minor_n;
	bool found = false;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)sim.qemu);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64,
			       &start, &end, perms, &offset, &major_n, &minor_n, &ino) == 7 &&
			b->hva >= start && b->hva < end;
	if (f)
		fclose(f);
	if (!found)
		return -1;
	if (perms[3] != 's' || !ino)
		return 0;
	b->dev = makedev(major_n, minor_n);
	b->ino = ino;
	b->offset = offset + (b->hva - start);
	fd = open_inode(b->dev, b->ino);
	if (fd < 0)
		return -1;
	b->map = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)b->offset);
	close(fd);
	return b->map == MAP_FAILED ? -1 : 0;
}

int layout_find(void)
{
	char *text = machine_hmp("info mtree -f");
	unsigned int i;
	int status = text ? read_flat_view(text) : -1;

	free(text);
	for (i = 0; i < sim.nblocks && !status; i++)
		status = find_backing(&sim.block[i]);
	if (status)
		fprintf(stderr, "sevsim: cannot find the guest's RAM\n");
	return status;
}
