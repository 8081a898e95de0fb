/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `monitor` commands that only the kernel can answer. The machine is stopped, maybe in the middle
 * of a change, maybe because its lists are broken: nothing is followed without a check.
 */
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>

#include "protocol/monitor.h"
#include "stub/linux/module.h"

enum { TASKS_MAX = 100000 };

/* The members of a task that are shown, copied without faulting. */
struct glimpse {
	struct list_head tasks;
	pid_t pid;
	unsigned int state;
	char comm[TASK_COMM_LEN];
};

static bool peek(const struct task_struct *task, struct glimpse *ret)
{
	if (copy_from_kernel_nofault(&ret->tasks, &task->tasks, sizeof(ret->tasks)) ||
	    copy_from_kernel_nofault(&ret->pid, &task->pid, sizeof(ret->pid)) ||
	    copy_from_kernel_nofault(&ret->state, &task->__state, sizeof(ret->state)) ||
	    copy_from_kernel_nofault(ret->comm, task->comm, sizeof(ret->comm)))
		return false;
	ret->comm[sizeof(ret->comm) - 1] = '\0';
	return true;
}

static void show_tasks(struct buf *out)
{
	const struct task_struct *task = &init_task;
	struct glimpse now;
	char line[64];
	unsigned int i;

	for (i = 0; i < TASKS_MAX && !out->bad && peek(task, &now); i++) {
		snprintf(line, sizeof(line), "%7d %c %-15s 0x%px\n", now.pid,
			 task_index_to_char(__task_state_index(now.state, 0)), now.comm, task);
		buf_put_text(out, line);
		task = container_of(now.tasks.next, struct task_struct, tasks);
		if (task == &init_task)
			return;
	}
	buf_put_text(out, "and more\n");
}

bool tasks_monitor(struct port *p, unsigned int cpu, const char *line, struct buf *out)
{
	if (monitor_word(&line, "tasks"))
		show_tasks(out);
	else if (monitor_word(&line, "lastpanic"))
		fatal_show(out);
	else if (monitor_word(&line, "help"))
		buf_put_text(out,
			     "monitor tasks                   every process: pid, state, name, "
			     "task_struct\n"
			     "monitor lastpanic               the last oops or panic\n");
	else
		return false;
	return true;
}
