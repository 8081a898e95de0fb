/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * QEMU's gdbstub over QMP. An existing one is found as the character device labelled "gdb"
 * (gdbstub.c, gdbserver_start), whose file name says where it listens and, by a prefix, that nobody
 * is connected. QEMU may live in another mount namespace: paths are reached through its root.
 */
#include "host/target/gdbstub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	GDBSTUB_PATH_MAX = 256,
	GDBSTUB_TRIES = 16, /* random names of the directory */
};

static const char free_prefix[] = "disconnected:";

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* *ret: 1 and @filename when QEMU has a gdbstub. */
static int find_chardev(struct vm *vm, char *filename, size_t size, bool *ret, struct err *err)
{
	json_t *list, *item;
	size_t i;
	int status = qmp_execute(vm->qmp, "query-chardev", NULL, &list, err);

	if (status)
		return status;
	*ret = false;
	json_array_foreach(list, i, item) {
		const char *label = json_string_value(json_object_get(item, "label"));
		const char *name = json_string_value(json_object_get(item, "filename"));

		if (label && name && strcmp(label, "gdb") == 0) {
			*ret = true;
			snprintf(filename, size, "%s", name);
		}
	}
	json_decref(list);
	return 0;
}

/* A path of QEMU's as the agent reaches it. */
static void through_root(const struct vm *vm, const char *path, char *ret, size_t size)
{
	snprintf(ret, size, "/proc/%d/root%s", (int)vm->pid, path);
}

/* @where: "unix:PATH" or "tcp:HOST:PORT", maybe with ",options" and " <-> peer" behind. */
static int connect_to(struct vm *vm, const char *where, struct chan **ret, struct err *err)
{
	char address[JOURNAL_PATH_MAX], path[GDBSTUB_PATH_MAX];
	char *port;

	if (starts_with(where, "unix:")) {
		snprintf(address, sizeof(address), "%s", where + strlen("unix:"));
		address[strcspn(address, ",")] = '\0';
		if (address[0] == '/')
			through_root(vm, address, path, sizeof(path));
		else
			snprintf(path, sizeof(path), "/proc/%d/cwd/%s", (int)vm->pid, address);
		return chan_connect_unix(path, ret, err);
	}
	if (starts_with(where, "tcp:")) {
		snprintf(address, sizeof(address), "%s", where + strlen("tcp:"));
		address[strcspn(address, ", ")] = '\0';
		port = strrchr(address, ':');
		if (port) {
			*port++ = '\0';
			return chan_connect_tcp(address, port, ret, err);
		}
	}
	return err_set(err, ST_UNSUPPORTED,
		       "QEMU's gdbstub is at \"%s\": start QEMU with "
		       "-gdb unix:PATH,server=on,wait=off or without -gdb",
		       where);
}

/* Makes a directory, 0700 and QEMU's, where QEMU sees it as journal->gdbstub_dir. */
static int make_dir(struct vm *vm, struct journal *journal, struct err *err)
{
	static const char *const parents[] = { "/tmp", "/var/tmp", "/run" };
	char path[GDBSTUB_PATH_MAX];
	unsigned int i;

	for (i = 0; i < GDBSTUB_TRIES * ARRAY_LEN(parents); i++) {
		uint32_t random;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return err_sys(err, "getrandom");
		snprintf(journal->gdbstub_dir, sizeof(journal->gdbstub_dir), "%s/cvmdbg-%08x",
			 parents[i / GDBSTUB_TRIES], random);
		through_root(vm, journal->gdbstub_dir, path, sizeof(path));
		if (mkdir(path, 0700) == 0) {
			if (vm->uid == geteuid() || chown(path, vm->uid, (gid_t)-1) == 0)
				return 0;
			err_sys(err, "chown %s", path);
			rmdir(path);
		}
		err_sys(err, "mkdir %s", path);
	}
	journal->gdbstub_dir[0] = '\0';
	return err_add(err, ST_ACCES, "a private directory for QEMU's gdbstub");
}

static int open_ours(struct vm *vm, struct journal *journal, struct err *err)
{
	char line[GDBSTUB_PATH_MAX];
	char *text;
	int status = make_dir(vm, journal, err);

	if (status)
		return status;
	snprintf(journal->gdbstub_path, sizeof(journal->gdbstub_path), "unix:%.80s/gdb",
		 journal->gdbstub_dir);
	snprintf(line, sizeof(line), "gdbserver %s,server=on,wait=off", journal->gdbstub_path);
	journal->gdbstub_ours = true;
	status = qmp_hmp(vm->qmp, line, &text, err);
	if (status)
		return status;
	if (!strstr(text, "Waiting for gdb"))
		status = err_set(err, ST_IO, "QEMU: %.*s", (int)strcspn(text, "\r\n"), text);
	free(text);
	return status;
}

int gdbstub_connect(struct vm *vm, struct journal *journal, struct chan **ret, struct err *err)
{
	char filename[GDBSTUB_PATH_MAX];
	bool found;
	int status = find_chardev(vm, filename, sizeof(filename), &found, err);

	if (status)
		return status;
	if (found && !starts_with(filename, free_prefix))
		return err_set(err, ST_BUSY, "QEMU's gdbstub is in use by another client (%s)",
			       filename);
	journal->gdbstub_used = true;
	if (found)
		snprintf(journal->gdbstub_path, sizeof(journal->gdbstub_path), "%.100s",
			 filename + strlen(free_prefix));
	else
		status = open_ours(vm, journal, err);
	if (!status)
		status = connect_to(vm, journal->gdbstub_path, ret, err);
	if (status) {
		struct err ignored;

		(void)!gdbstub_close(vm, journal, &ignored);
		return err_add(err, status, "QEMU's gdbstub");
	}
	return 0;
}

int gdbstub_reconnect(struct vm *vm, const struct journal *journal, struct chan **ret,
		      struct err *err)
{
	char filename[GDBSTUB_PATH_MAX];
	bool found;
	int status = find_chardev(vm, filename, sizeof(filename), &found, err);

	*ret = NULL;
	if (status || !found)
		return status;
	return connect_to(vm, journal->gdbstub_path, ret, err);
}

static void clear(struct journal *journal)
{
	journal->gdbstub_used = journal->gdbstub_ours = false;
	journal->gdbstub_path[0] = journal->gdbstub_dir[0] = '\0';
}

void gdbstub_forget(struct journal *journal)
{
	if (journal->gdbstub_ours && starts_with(journal->gdbstub_path, "unix:"))
		unlink(journal->gdbstub_path + strlen("unix:"));
	if (journal->gdbstub_dir[0])
		rmdir(journal->gdbstub_dir);
	clear(journal);
}

int gdbstub_close(struct vm *vm, struct journal *journal, struct err *err)
{
	char path[GDBSTUB_PATH_MAX];
	char *text = NULL;
	int status = 0;

	if (journal->gdbstub_ours)
		status = qmp_hmp(vm->qmp, "gdbserver none", &text, err);
	free(text);
	if (journal->gdbstub_dir[0]) {
		through_root(vm, journal->gdbstub_dir, path, sizeof(path));
		rmdir(path);
	}
	clear(journal);
	return status;
}
