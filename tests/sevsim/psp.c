/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Counters and faults. Firmware checks in the order of the real one: policy before anything of
 * ours. */
#include "psp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FW_POLICY_FAILURE = 7,
	POLICY_NODBG = 1,
	PAGES_MAX = 1 << 20, /* distinct pages counted: 4 GiB */
};

struct fault {
	bool armed;
	long after, count; /* calls to let pass, calls to fail (-1: all) */
	int error;
	uint32_t fw;
};

static const char *const command_names[PSP_COMMANDS] = { "guest_status", "dbg_decrypt",
							 "dbg_encrypt" };
static const char *const step_names[PSP_STEPS] = { "open_kvm", "open_sev", "enable_cap" };
static const char *const violation_names[PSP_VIOLATIONS] = { "unaligned", "overrun",
							     "encrypt_while_running", "wrong_mm" };

static struct fault command_fault[PSP_COMMANDS], step_fault[PSP_STEPS];
static uint64_t counts[PSP_COMMANDS], moved[PSP_COMMANDS], violations[PSP_VIOLATIONS], distinct;
static uint8_t touched[PAGES_MAX / 8];
static long kill_after;
static bool dead, declared_dead;
static useconds_t delay;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int fails(struct fault *f, uint32_t *fw)
{
	if (!f->armed)
		return 0;
	if (f->after > 0) {
		f->after--;
		return 0;
	}
	if (f->count > 0 && --f->count == 0)
		f->armed = false;
	if (fw)
		*fw = f->fw;
	return f->error;
}

static void touch(uint64_t gpa)
{
	uint64_t page = gpa / SIM_PAGE;

	if (page >= PAGES_MAX || touched[page / 8] & 1u << page % 8)
		return;
	touched[page / 8] |= (uint8_t)(1u << page % 8);
	distinct++;
}

int psp_issue(enum psp_command command, uint64_t gpa, uint32_t *fw)
{
	int error = 0;

	pthread_mutex_lock(&lock);
	counts[command]++;
	if (command == PSP_DBG_DECRYPT && gpa != UINT64_MAX)
		touch(gpa);
	if (dead) {
		/* The first command times out, which declares the processor dead for the whole
		 * host. */
		error = declared_dead ? EBUSY : ETIMEDOUT;
		if (!declared_dead)
			*fw = 0;
		declared_dead = true;
	} else if (kill_after > 0 && --kill_after == 0) {
		kill(sim.qemu, SIGKILL);
		error = EIO;
	} else {
		error = fails(&command_fault[command], fw);
		if (!error && command != PSP_GUEST_STATUS && sim.policy & POLICY_NODBG) {
			*fw = FW_POLICY_FAILURE;
			error = EIO;
		}
		if (!error)
			*fw = 0;
	}
	pthread_mutex_unlock(&lock);
	if (delay)
		usleep(delay);
	return error;
}

void psp_moved(enum psp_command command, size_t bytes)
{
	pthread_mutex_lock(&lock);
	moved[command] += bytes;
	pthread_mutex_unlock(&lock);
}

int psp_step(enum psp_step step)
{
	int error;

	pthread_mutex_lock(&lock);
	error = fails(&step_fault[step], NULL);
	pthread_mutex_unlock(&lock);
	return error;
}

void psp_violation(enum psp_violation what)
{
	pthread_mutex_lock(&lock);
	violations[what]++;
	pthread_mutex_unlock(&lock);
}

json_t *psp_stats(void)
{
	json_t *out = json_object(), *bad = json_object();
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < PSP_COMMANDS; i++)
		json_object_set_new(out, command_names[i], json_integer((json_int_t)counts[i]));
	for (i = 0; i < PSP_VIOLATIONS; i++)
		json_object_set_new(bad, violation_names[i],
				    json_integer((json_int_t)violations[i]));
	json_object_set_new(out, "decrypted_bytes",
			    json_integer((json_int_t)moved[PSP_DBG_DECRYPT]));
	json_object_set_new(out, "encrypted_bytes",
			    json_integer((json_int_t)moved[PSP_DBG_ENCRYPT]));
	json_object_set_new(out, "distinct_pages", json_integer((json_int_t)distinct));
	json_object_set_new(out, "violations", bad);
	pthread_mutex_unlock(&lock);
	return out;
}

void psp_stats_reset(void)
{
	pthread_mutex_lock(&lock);
	memset(counts, 0, sizeof(counts));
	memset(moved, 0, sizeof(moved));
	memset(violations, 0, sizeof(violations));
	memset(touched, 0, sizeof(touched));
	distinct = 0;
	pthread_mutex_unlock(&lock);
}

/* --- faults --- */

static int error_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = { { "EIO", EIO },	    { "EPERM", EPERM },	  { "EACCES", EACCES },
		      { "EBADF", EBADF },   { "EBUSY", EBUSY },	  { "ENOMEM", ENOMEM },
		      { "ENOENT", ENOENT }, { "EINVAL", EINVAL }, { "ENOTTY", ENOTTY },
		      { "EFAULT", EFAULT }, { "ENODEV", ENODEV }, { "ETIMEDOUT", ETIMEDOUT } };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name && !strcmp(name, names[i].name))
			return names[i].number;
	return 0;
}

static struct fault *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < PSP_COMMANDS; i++)
		if (!strcmp(name, command_names[i]))
			return &command_fault[i];
	for (i = 0; i < PSP_STEPS; i++)
		if (!strcmp(name, step_names[i]))
			return &step_fault[i];
	return NULL;
}

static void clear(void)
{
	memset(command_fault, 0, sizeof(command_fault));
	memset(step_fault, 0, sizeof(step_fault));
	dead = declared_dead = false;
	kill_after = 0;
	delay = 0;
}

static const char *arm(const json_t *spec, const char *command)
{
	const json_t *count = json_object_get(spec, "count");
	struct fault *f = find(command);
	struct fault set = {
		.armed = true,
		.after = (long)json_integer_value(json_object_get(spec, "after")),
		.count = count ? (long)json_integer_value(count) : 1,
		.error = error_number(json_string_value(json_object_get(spec, "errno"))),
		.fw = (uint32_t)json_integer_value(json_object_get(spec, "fw")),
	};

	if (!f)
		return "unknown command";
	if (!set.error)
		return "unknown errno";
	*f = set;
	return NULL;
}

const char *psp_fault(const json_t *spec)
{
	const char *command = json_string_value(json_object_get(spec, "command"));
	const char *problem = NULL;

	pthread_mutex_lock(&lock);
	if (json_is_true(json_object_get(spec, "clear")))
		clear();
	else if (json_is_true(json_object_get(spec, "dead_psp")))
		dead = true;
	else if (json_object_get(spec, "kill_qemu_after"))
		kill_after = (long)json_integer_value(json_object_get(spec, "kill_qemu_after"));
	else if (json_object_get(spec, "delay_us"))
		delay = (useconds_t)json_integer_value(json_object_get(spec, "delay_us"));
	else
		problem = command ? arm(spec, command) : "no command";
	pthread_mutex_unlock(&lock);
	return problem;
}
