/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * cvmdbg_stub: a debugger's stub in a stock Linux kernel. Loads only with a valid policy of the
 * guest's owner (protocol/policy.h). Here are the parameters, the port's table, the order of
 * coming and going and the thread that listens while the machine runs.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

#include <asm/mem_encrypt.h>
#include <asm/sync_core.h>

#include "protocol/policy.h"
#include "stub/linux/chan.h"
#include "stub/linux/compat.h"
#include "stub/linux/module.h"

/* Not a charp, which ends at 1024 characters (kernel/params.c, param_set_charp). */
static char policy[POLICY_BYTES_MAX + 1];
module_param_string(policy, policy, sizeof(policy), 0444);
MODULE_PARM_DESC(policy, "the guest owner's policy, lines or parts between semicolons (required)");

static unsigned int serial;
module_param(serial, uint, 0444);
MODULE_PARM_DESC(serial, "I/O port of a 16550 UART to use, such as 0x2f8; else the ring");

enum {
	POLL_IDLE_US = 50000,
	POLL_SESSION_US = 10000,
	RIGHTS_BYTES = 128,
	TEXT_LINK_LOW = 0x81000000, /* __START_KERNEL_map + LOAD_PHYSICAL_ADDR, low half */
};

struct stub *linux_stub;
static void *stub_mem;
static struct task_struct *thread;

/* --- the port --- */

static void port_relax(struct port *p)
{
	cpu_relax();
}

static unsigned int port_cpu_count(struct port *p)
{
	return nr_cpu_ids;
}

static bool port_cpu_online(struct port *p, unsigned int cpu)
{
	return cpu_online(cpu);
}

static void port_sync_core(struct port *p)
{
	sync_core();
}

static void port_stopped(struct port *p)
{
	watchdogs_stopped(p);
	chan_stopped(true);
}

static void port_resuming(struct port *p)
{
	chan_stopped(false);
	watchdogs_resuming(p);
}

static void port_leaving(struct port *p, unsigned int cpu)
{
	hw_leaving();
	watchdogs_leaving();
}

static struct port_ops ops = {
	.session = chan_session,
	.recv = chan_recv,
	.send = chan_send,
	.beat = chan_beat,
	.hang_up = chan_hang_up,
	.random = seal_random,
	.now_ms = clock_now_ms,
	.relax = port_relax,
	.cpu_count = port_cpu_count,
	.cpu_online = port_cpu_online,
	.cpu_name = entry_cpu_name,
	.kick = entry_kick,
	.sync_core = port_sync_core,
	.stopped = port_stopped,
	.resuming = port_resuming,
	.leaving = port_leaving,
	.phys_read = ram_read,
	.phys_write = ram_write,
	.text_check = text_check,
	.hw_set = hw_set,
	.hw_why = hw_why,
	.monitor = tasks_monitor,
	.log = log_line,
};

struct port linux_port = { .ops = &ops };

/* --- the thread --- */

void main_wake(void)
{
	if (thread)
		wake_up_process(thread);
}

void main_nap(unsigned int us)
{
	ktime_t time = ns_to_ktime((u64)us * NSEC_PER_USEC);

	set_current_state(TASK_IDLE);
	schedule_hrtimeout_range(&time, (u64)us * NSEC_PER_USEC, HRTIMER_MODE_REL_PINNED);
}

/* Without a link there is nothing to do, and it is done without waking up. */
static void rest(void)
{
	if (READ_ONCE(linux_stub->session) || READ_ONCE(linux_stub->greeted)) {
		main_nap(POLL_SESSION_US);
		return;
	}
	if (chan_present()) {
		main_nap(POLL_IDLE_US);
		return;
	}
	set_current_state(TASK_IDLE);
	if (!chan_present() && !kthread_should_stop())
		schedule();
	__set_current_state(TASK_RUNNING);
}

static int listen(void *unused)
{
	while (!kthread_should_stop()) {
		if (entry_poll()) {
			if (!READ_ONCE(linux_stub->session)) {
				ram_refresh();
				hw_reserve();
			}
			entry_break_in();
		}
		if (!READ_ONCE(linux_stub->session))
			hw_release();
		watchdogs_tick(false);
		log_flush();
		seal_refill();
		rest();
	}
	return 0;
}

/* --- coming and going --- */

static int read_policy(struct stub_config *config)
{
	static struct policy wanted;
	struct policy_error error;

	if (!policy[0]) {
		pr_err("cvmdbg_stub: not loaded: there is no policy= of the guest's owner\n");
		return -EINVAL;
	}
	if (policy_parse(policy, strlen(policy), &wanted, &error)) {
		pr_err("cvmdbg_stub: not loaded: policy line %u, column %u: %s\n", error.line,
		       error.column, error.why);
		return -EINVAL;
	}
	config->policy = &wanted;
	if (wanted.channel == POLICY_CHANNEL_PLAIN)
		return 0;
	config->seal = seal_init(policy, strlen(policy));
	return config->seal ? 0 : -EIO;
}

/* The kernel's load address from the note that it exports for crash dumps. */
static u64 kernel_offset(void)
{
	static const char key[] = "\nKERNELOFFSET=";
	const char *note = __va(paddr_vmcoreinfo_note());
	const char *at = strnstr(note + 24, key, PAGE_SIZE - 24); /* behind the ELF note's head */
	u64 offset;

	if (!at || sscanf(at + sizeof(key) - 1, "%llx", &offset) != 1)
		return 0;
	return offset;
}

static int create_stub(void)
{
	struct stub_config config = { 0 };
	int err = read_policy(&config);

	if (err)
		return err;
	if (nr_cpu_ids > VCPUS_MAX) {
		pr_err("cvmdbg_stub: not loaded: %u CPUs are more than %d\n", nr_cpu_ids,
		       VCPUS_MAX);
		return -EINVAL;
	}
	config.avx = regs_init();
	config.cbit = sme_me_mask ? ilog2(sme_me_mask) : 0;
	config.text_link = 0xffffffff00000000 + TEXT_LINK_LOW;
	config.text_seg = config.text_link + kernel_offset();
	linux_stub = vzalloc(sizeof(*linux_stub));
	stub_mem = vzalloc(stub_memory(nr_cpu_ids, config.seal));
	if (!linux_stub || !stub_mem)
		return -ENOMEM;
	if (!hw_init())
		ops.hw_set = NULL;
	stub_init(linux_stub, &linux_port, &config, stub_mem);
	linux_stub->target.va_bits = __VIRTUAL_MASK_SHIFT + 1;
	return 0;
}

static void free_stub(void)
{
	seal_wipe();
	vfree(linux_stub);
	vfree(stub_mem);
}

static int create_thread(void)
{
	struct task_struct *task = kthread_run(listen, NULL, "cvmdbg");

	if (IS_ERR(task))
		return PTR_ERR(task);
	thread = task;
	return 0;
}

static void sync_one(void *unused)
{
	sync_core();
}

/* The way back from anywhere: nobody finds the stub, then everything is as it was. */
static void stop_stub(void)
{
	if (thread)
		kthread_stop(thread);
	stub_shutdown(linux_stub);
	hw_exit();
	/* Behind this nobody fetches an int3 of ours; who has trapped already is in the notifier.
	 */
	on_each_cpu(sync_one, NULL, 1);
	watchdogs_tick(true);
	log_flush();
}

static void __init show_policy(const struct policy *p)
{
	char text[RIGHTS_BYTES];
	struct buf b;

	buf_init(&b, text, sizeof(text) - 1);
	policy_put_rights(p->rights, &b);
	*b.pos = '\0';
	pr_info("cvmdbg_stub: loaded, allows %s; %s when the kernel dies\n", text,
		p->on_panic == POLICY_PANIC_IGNORE ? "does not stop" : "stops");
	if (p->channel == POLICY_CHANNEL_PLAIN)
		pr_warn("cvmdbg_stub: channel plain: the host, and whoever it lets, can do all "
			"that\n");
}

static int __init stub_module_init(void)
{
	int err;

	clock_init();
	err = create_stub();
	if (err)
		goto free;
	err = ram_init();
	if (err)
		goto free;
	text_init();
	err = entry_init();
	if (err)
		goto mem;
	err = fatal_init();
	if (err)
		goto trap;
	err = create_thread();
	if (err)
		goto fatal;
	err = seal_publish();
	if (!err)
		err = chan_serial_init(serial);
	if (err)
		goto stop;
	err = serial ? 0 : chan_ring_init();
	if (err)
		goto stop;
	show_policy(linux_stub->config.policy);
	return 0;
stop:
	seal_hide();
	chan_serial_exit();
	stop_stub();
fatal:
	fatal_exit();
trap:
	entry_exit();
mem:
	ram_exit();
free:
	free_stub();
	return err;
}

static void __exit stub_module_exit(void)
{
	if (!serial)
		chan_ring_exit();
	chan_serial_exit();
	seal_hide();
	stop_stub();
	fatal_exit();
	entry_exit();
	ram_exit();
	free_stub();
	pr_info("cvmdbg_stub: unloaded\n");
}

module_init(stub_module_init);
module_exit(stub_module_exit);
MODULE_DESCRIPTION("Debugger's stub for confidential virtual machines");
MODULE_LICENSE("Dual MIT/GPL");
