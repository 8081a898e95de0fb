/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * object-add, device_add and their opposites. Which buses take a device while the VM runs is tried,
 * because nothing in QMP tells it: the root bus of "pc" does, that of "q35" does not, but the root
 * ports below it that are free do (docs/pcie.txt of QEMU).
 */
#include "host/qemu/ring_device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/cleanup.h"

enum { UNPLUG_MS = 5000, UNPLUG_LOOK_MS = 50 };

enum { QOM_NAME_MAX = 64 };

/*
 * Names that nobody else gives to a device and to its memory. The memory's is new each time: QEMU
 * aborts when the device comes back while something still holds on to its old memory (7.2,
 * qemu_ram_set_idstr, "already registered"; ivshmem_exit does not unregister what the guest has
 * unmapped).
 */
static const char device_id[] = "cvmdbg-ring";
static const char memory_prefix[] = "cvmdbg-ring-memory-";

/* The child of the object at @parent whose name begins with @prefix; "" when there is none. */
static int find_child(struct qmp *qmp, const char *parent, const char *prefix,
		      char ret[QOM_NAME_MAX], struct err *err)
{
	json_t *list, *item;
	size_t i;
	int status = qmp_execute(qmp, "qom-list", json_pack("{s:s}", "path", parent), &list, err);

	if (status)
		return status;
	ret[0] = '\0';
	json_array_foreach(list, i, item) {
		const char *child = json_string_value(json_object_get(item, "name"));

		if (child && strncmp(child, prefix, strlen(prefix)) == 0)
			snprintf(ret, QOM_NAME_MAX, "%s", child);
	}
	json_decref(list);
	return 0;
}

/* The file behind memory that exists already. */
static int check_path(struct qmp *qmp, const char *memory, const char *path, struct err *err)
{
	char object[QOM_NAME_MAX + 16];
	json_t *value;
	const char *now;
	int status;

	snprintf(object, sizeof(object), "/objects/%s", memory);
	status = qmp_execute(qmp, "qom-get",
			     json_pack("{s:s,s:s}", "path", object, "property", "mem-path"), &value,
			     err);
	if (status)
		return status;
	now = json_string_value(value);
	if (!now || strcmp(now, path) != 0)
		status = err_set(err, ST_BUSY, "the VM has a ring already, in %s",
				 now ? now : "another file");
	json_decref(value);
	return status;
}

/* --- plugging --- */

/* Makes the file if need be, *made; *ret, to be freed, is its path from the root. */
static int make_file(struct qmp *qmp, const char *path, uint64_t bytes, char **ret, bool *made,
		     struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 && errno != EEXIST)
		return err_sys(err, "%s", path);
	*made = fd >= 0;
	if (*made) {
		uid_t uid = qmp_peer_uid(qmp);

		if (ftruncate(fd, (off_t)bytes) || (uid != geteuid() && fchown(fd, uid, (gid_t)-1)))
			return err_sys(err, "%s", path);
	} else if (stat(path, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes) {
		return err_set(err, ST_INVAL, "%s: it exists, and is no file of %llu bytes", path,
			       (unsigned long long)bytes);
	}
	*ret = realpath(path, NULL);
	return *ret ? 0 : err_sys(err, "%s", path);
}

/* @memory: where its name goes. */
static int add_memory(struct qmp *qmp, const char *path, uint64_t bytes, char memory[QOM_NAME_MAX],
		      struct err *err)
{
	uint32_t number;
	json_t *args;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return err_sys(err, "getrandom");
	snprintf(memory, QOM_NAME_MAX, "%s%08x", memory_prefix, number);
	args = json_pack("{s:s,s:s,s:s,s:I,s:b}", "qom-type", "memory-backend-file", "id", memory,
			 "mem-path", path, "size", (json_int_t)bytes, "share", 1);
	return qmp_execute(qmp, "object-add", args, NULL, err);
}

static int add_device(struct qmp *qmp, const char *memory, const char *bus, struct err *err)
{
	json_t *args = json_pack("{s:s,s:s,s:s,s:s}", "driver", "ivshmem-plain", "id", device_id,
				 "memdev", memory, "bus", bus);

	return qmp_execute(qmp, "device_add", args, NULL, err);
}

/* Every bridge with a name, which is its bus's name too, and nothing behind it. */
static int try_bridges(struct qmp *qmp, const char *memory, json_t *buses, struct err *err)
{
	json_t *bus, *device;
	size_t i, j;

	json_array_foreach(buses, i, bus) {
		json_array_foreach(json_object_get(bus, "devices"), j, device) {
			json_t *bridge = json_object_get(device, "pci_bridge");
			const char *id = json_string_value(json_object_get(device, "qdev_id"));
			struct err ignored;

			if (bridge && id && *id &&
			    !json_array_size(json_object_get(bridge, "devices")) &&
			    !add_device(qmp, memory, id, &ignored))
				return 0;
		}
	}
	return err_set(err, ST_UNSUPPORTED,
		       "there is no free place to plug a device: start QEMU with "
		       "-device pcie-root-port,id=NAME,slot=N, or with "
		       "-object memory-backend-file,id=ring,mem-path=FILE,size=1M,share=on "
		       "-device ivshmem-plain,memdev=ring");
}

static int plug(struct qmp *qmp, const char *memory, struct err *err)
{
	json_t *buses;
	int status = add_device(qmp, memory, "pci.0", err);

	if (!status || status == ST_GONE)
		return status;
	status = qmp_execute(qmp, "query-pci", NULL, &buses, err);
	if (status)
		return status;
	status = try_bridges(qmp, memory, buses, err);
	json_decref(buses);
	return status;
}

static int del_memory(struct qmp *qmp, const char *memory, struct err *err)
{
	return qmp_execute(qmp, "object-del", json_pack("{s:s}", "id", memory), NULL, err);
}

int ring_device_plug(struct qmp *qmp, const char *path, uint64_t bytes, struct err *err)
{
	char device[QOM_NAME_MAX] = "", memory[QOM_NAME_MAX] = "";
	AUTO_FREE char *absolute = NULL;
	struct err ignored;
	bool made = false;
	int status = make_file(qmp, path, bytes, &absolute, &made, err);

	if (!status)
		status = find_child(qmp, "/machine/peripheral", device_id, device, err);
	if (!status)
		status = find_child(qmp, "/objects", memory_prefix, memory, err);
	if (!status)
		status = memory[0] ? check_path(qmp, memory, absolute, err)
				   : add_memory(qmp, absolute, bytes, memory, err);
	if (!status && device[0])
		return 0;
	if (!status) {
		status = plug(qmp, memory, err);
		if (status)
			(void)!del_memory(qmp, memory, &ignored);
	}
	if (status && made)
		unlink(path);
	return status ? status : 1;
}

/* --- unplugging --- */

/* The guest has a say in it; QEMU drops the device when it has agreed. */
static int await_unplugged(struct qmp *qmp, struct err *err)
{
	const struct timespec pause = { .tv_nsec = UNPLUG_LOOK_MS * 1000000 };
	char device[QOM_NAME_MAX];
	unsigned int i;

	for (i = 0; i < UNPLUG_MS / UNPLUG_LOOK_MS; i++) {
		int status = find_child(qmp, "/machine/peripheral", device_id, device, err);

		if (status || !device[0])
			return status;
		nanosleep(&pause, NULL);
	}
	return err_set(err, ST_TIMEOUT, "the guest does not let go of the device");
}

int ring_device_unplug(struct qmp *qmp, struct err *err)
{
	char device[QOM_NAME_MAX] = "", memory[QOM_NAME_MAX] = "";
	int status = find_child(qmp, "/machine/peripheral", device_id, device, err);

	if (!status && device[0])
		status = qmp_execute(qmp, "device_del", json_pack("{s:s}", "id", device_id), NULL,
				     err);
	if (!status && device[0])
		status = await_unplugged(qmp, err);
	if (!status)
		status = find_child(qmp, "/objects", memory_prefix, memory, err);
	if (!status && memory[0])
		status = del_memory(qmp, memory, err);
	return status ? status : device[0] || memory[0];
}
