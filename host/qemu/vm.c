/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A VM from outside: QMP tells what QEMU thinks, /proc/PID what the process holds. PIDs and thread
 * ids that QEMU reports are those of its own PID namespace; the ones kept here are ours.
 */
#include "host/qemu/vm.h"

#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "host/cleanup.h"
#include "host/qemu/vm_ram.h"

/* --- QMP --- */

static int ask_version(struct vm *vm, struct err *err)
{
	int major = 0, minor = 0, micro = 0;
	json_t *value;
	int status = qmp_execute(vm->qmp, "query-version", NULL, &value, err);

	if (status)
		return status;
	if (json_unpack(value, "{s:{s:i, s:i, s:i}}", "qemu", "major", &major, "minor", &minor,
			"micro", &micro))
		status = err_set(err, ST_INVAL, "query-version: not an answer of QEMU's");
	snprintf(vm->version, sizeof(vm->version), "%d.%d.%d", major, minor, micro);
	json_decref(value);
	return status;
}

/* QEMU's SevState (qapi/misc-target.json) in the firmware's numbering (sev-host.md 13). */
static unsigned int sev_state(const char *name)
{
	static const char *const names[] = { "uninit",	"launch-update", "launch-secret",
					     "running", "send-update",	 "receive-update" };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		if (name && strcmp(name, names[i]) == 0)
			return i;
	return 0;
}

/* query-sev: flat until QEMU 9.0, since then a union on sev-type. */
static int ask_sev(struct vm *vm, struct err *err)
{
	const char *type;
	json_t *value, *policy;
	int status = qmp_execute(vm->qmp, "query-sev", NULL, &value, err);

	vm->type = SEV_NONE;
	if (status == ST_UNSUPPORTED) /* QEMU built without SEV */
		return 0;
	if (status)
		return status;
	if (json_is_true(json_object_get(value, "enabled"))) {
		type = json_string_value(json_object_get(value, "sev-type"));
		vm->sev_state = sev_state(json_string_value(json_object_get(value, "state")));
		if (type && strcmp(type, "sev-snp") == 0) {
			policy = json_object_get(value, "snp-policy");
			vm->type = SEV_SNP;
		} else {
			policy = json_object_get(value, "policy");
			vm->type = sev_type_of_policy((uint64_t)json_integer_value(policy));
		}
		vm->policy = (uint64_t)json_integer_value(policy);
		if (!json_is_integer(policy))
			status = err_set(err, ST_INVAL, "query-sev: no policy in QEMU's answer");
	}
	json_decref(value);
	return status;
}

/* An integer property of the object at @path, or 0. */
static unsigned int qom_number(struct vm *vm, const char *path, const char *property)
{
	struct err ignored;
	json_t *value;
	unsigned int n;

	if (qmp_execute(vm->qmp, "qom-get",
			json_pack("{s:s, s:s}", "path", path, "property", property), &value,
			&ignored))
		return 0;
	n = (unsigned int)json_integer_value(value);
	json_decref(value);
	return n;
}

/* The C-bit as the guest's launch object has it. */
static unsigned int cbit_of_object(struct vm *vm)
{
	struct err ignored;
	json_t *value;
	unsigned int cbit = 0;

	if (qmp_execute(vm->qmp, "qom-get",
			json_pack("{s:s, s:s}", "path", "/machine", "property",
				  "confidential-guest-support"),
			&value, &ignored))
		return 0;
	if (json_string_length(value))
		cbit = qom_number(vm, json_string_value(value), "cbitpos");
	json_decref(value);
	return cbit;
}

/* As QEMU reads it off the host. */
static unsigned int cbit_of_capabilities(struct vm *vm)
{
	struct err ignored;
	json_t *value;
	unsigned int cbit;

	if (qmp_execute(vm->qmp, "query-sev-capabilities", NULL, &value, &ignored))
		return 0;
	cbit = (unsigned int)json_integer_value(json_object_get(value, "cbitpos"));
	json_decref(value);
	return cbit;
}

/* APM volume 3, CPUID 8000_001F: EAX bit 1 is SEV, EBX 5:0 the C-bit's position. */
static unsigned int cbit_of_cpu(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (!__get_cpuid_count(0x8000001f, 0, &eax, &ebx, &ecx, &edx) || !(eax & 2))
		return 0;
	return ebx & 0x3f;
}

static void find_cbit(struct vm *vm)
{
	if (vm->type == SEV_NONE)
		return;
	vm->cbit = cbit_of_object(vm);
	if (!vm->cbit)
		vm->cbit = cbit_of_capabilities(vm);
	if (!vm->cbit)
		vm->cbit = cbit_of_cpu();
}

static int ask_vcpus(struct vm *vm, struct err *err)
{
	json_t *value, *vcpu;
	size_t i;
	int status = qmp_execute(vm->qmp, "query-cpus-fast", NULL, &value, err);

	if (status)
		return status;
	json_array_foreach(value, i, vcpu) {
		if (i == VCPUS_MAX) {
			status = err_set(err, ST_NOSPC, "the VM has more than %d vCPUs", VCPUS_MAX);
			break;
		}
		vm->vcpu_tid[vm->vcpus++] =
			(pid_t)json_integer_value(json_object_get(vcpu, "thread-id"));
	}
	json_decref(value);
	return status;
}

/* --- /proc --- */

/* The id that thread @tid (of ours) has in its own PID namespace: last word of NSpid, proc(5). */
static pid_t inner_tid(pid_t pid, pid_t tid)
{
	char path[64], line[256];
	pid_t inner = tid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		const char *last = strrchr(line, '\t');

		if (strncmp(line, "NSpid:", 6) == 0 && last)
			inner = (pid_t)strtol(last, NULL, 10);
	}
	fclose(file);
	return inner;
}

/*
 * Replaces QEMU's thread ids by ours, and so proves that the owner of the socket is QEMU: libvirt
 * may have called listen() and passed the socket on, then SO_PEERCRED names libvirt.
 */
static int find_threads(struct vm *vm, struct err *err)
{
	struct dirent *entry;
	unsigned int i, found = 0;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)vm->pid);
	dir = opendir(path);
	if (!dir)
		return err_sys(err, "%s", path);
	while ((entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		pid_t inner = tid > 0 ? inner_tid(vm->pid, tid) : -1;

		for (i = 0; i < vm->vcpus; i++) {
			if (vm->vcpu_tid[i] != inner)
				continue;
			/* Negative: done, and no longer to be compared with. */
			vm->vcpu_tid[i] = -tid;
			found++;
			break;
		}
	}
	closedir(dir);
	for (i = 0; i < vm->vcpus; i++)
		vm->vcpu_tid[i] = abs(vm->vcpu_tid[i]);
	if (found == vm->vcpus)
		return 0;
	return err_set(
		err, ST_UNSUPPORTED,
		"the socket was made by PID %d, which is not QEMU (libvirt makes its monitor "
		"sockets itself); give cvmdbg its own: -qmp unix:PATH,server=on,wait=off",
		(int)vm->pid);
}

static void note_descriptor(struct vm *vm, const char *name)
{
	char path[48], link[64];
	int number = (int)strtol(name, NULL, 10);
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/fd/%.10s", (int)vm->pid, name);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return;
	link[len] = '\0';
	/* The first of each: numbers ascend, and the launch used the oldest. */
	if (vm->vm_fd < 0 && strcmp(link, "anon_inode:kvm-vm") == 0)
		vm->vm_fd = number;
	else if (vm->sev_fd < 0 && strcmp(link, "/dev/sev") == 0)
		vm->sev_fd = number;
}

/* The numbers under which QEMU holds the VM and /dev/sev. */
static int find_descriptors(struct vm *vm, struct err *err)
{
	struct dirent *entry;
	char path[32];
	int status;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)vm->pid);
	dir = opendir(path);
	if (!dir) {
		status = err_sys(err, "%s", path);
		return err_add(err, status, "looking into QEMU (run as root, or as its user %u)",
			       (unsigned int)vm->uid);
	}
	while ((entry = readdir(dir)))
		note_descriptor(vm, entry->d_name);
	closedir(dir);
	return 0;
}

/* --- life --- */

static int collect(struct vm *vm, const char *qmp_path, struct err *err)
{
	int status = qmp_connect(qmp_path, &vm->qmp, err);

	if (status)
		return status;
	vm->pid = qmp_peer_pid(vm->qmp);
	vm->uid = qmp_peer_uid(vm->qmp);
	status = ask_version(vm, err);
	if (!status)
		status = ask_vcpus(vm, err);
	if (!status)
		status = find_threads(vm, err);
	if (!status)
		status = ask_sev(vm, err);
	if (!status)
		status = find_descriptors(vm, err);
	if (!status)
		status = vm_ram_find(vm, err);
	if (status)
		return err_add(err, status, "%s", qmp_path);
	find_cbit(vm);
	return 0;
}

int vm_open(const char *qmp_path, struct vm **ret, struct err *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int status;

	if (!vm)
		return err_set(err, ST_NOMEM, "out of memory");
	vm->pidfd = vm->lock_fd = vm->mem_fd = vm->vm_fd = vm->sev_fd = -1;
	status = collect(vm, qmp_path, err);
	if (status) {
		vm_close(vm);
		return status;
	}
	*ret = vm;
	return 0;
}

static void detach(struct vm *vm)
{
	cleanup_close(&vm->pidfd);
	cleanup_close(&vm->lock_fd);
	cleanup_close(&vm->mem_fd);
	vm->pidfd = vm->lock_fd = vm->mem_fd = -1;
}

void vm_close(struct vm *vm)
{
	if (!vm)
		return;
	detach(vm);
	qmp_destroy(vm->qmp);
	free(vm);
}

static int attach(struct vm *vm, struct err *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)vm->pid);
	vm->pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
	if (vm->pidfd < 0)
		return err_sys(err, "QEMU (PID %d)", (int)vm->pid);
	vm->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	vm->lock_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (vm->mem_fd < 0 || vm->lock_fd < 0)
		return err_sys(
			err,
			"attaching to QEMU (PID %d, user %u): run as root, or as that user with "
			"kernel.yama.ptrace_scope=0",
			(int)vm->pid, (unsigned int)vm->uid);
	if (!flock(vm->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, ST_BUSY, "another cvmdbg (or its keeper) is attached to PID %d",
			       (int)vm->pid);
	return err_sys(err, "flock %s", path);
}

int vm_attach(struct vm *vm, struct err *err)
{
	int status = attach(vm, err);

	if (status)
		detach(vm);
	return status;
}

/* --- RAM --- */

const struct vm_range *vm_range_find(const struct vm *vm, gpa_t gpa)
{
	unsigned int i;

	for (i = 0; i < vm->nranges; i++)
		if (gpa.v - vm->range[i].gpa.v < vm->range[i].bytes)
			return &vm->range[i];
	return NULL;
}

uint64_t vm_ram_bytes(const struct vm *vm)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < vm->nranges; i++)
		bytes += vm->range[i].bytes;
	return bytes;
}
