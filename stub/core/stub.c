/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The stub's beginning and end, and what is done while the machine runs. */
#include "stub_internal.h"

/* Caller memory: | struct stub_cpu, one a CPU | the server's buffers | the link's, when sealed | */
size_t stub_memory(unsigned int cpus, bool sealed)
{
	return cpus * sizeof(struct stub_cpu) + rsp_server_memory(STUB_PACKET_BYTES) +
	       (sealed ? LINK_MEMORY : 0);
}

void stub_init(struct stub *s, struct port *port, const struct stub_config *config, void *mem)
{
	memset(s, 0, sizeof(*s));
	s->port = port;
	s->config = *config;
	s->cpus = port->ops->cpu_count(port);
	s->cpu = mem;
	s->server_mem = (uint8_t *)mem + s->cpus * sizeof(struct stub_cpu);
	s->link_mem = (uint8_t *)s->server_mem + rsp_server_memory(STUB_PACKET_BYTES);
	local_init(s);
}

bool stub_poll(struct stub *s)
{
	uint32_t owner, number;
	bool wanted;

	/* The CPU may step and be nowhere near the step's end: a fault that was mended. */
	step_watch(s);
	owner = stub_load(&s->owner);
	if ((owner && !(owner & OWNER_OVERDUE)) || !stub_swap(&s->owner, owner, OWNER_BRIEF))
		return false;
	number = session_number(s);
	if (!number)
		session_forget(s);
	if (number == s->session)
		wanted = number && session_listen(s);
	else
		wanted = !number || session_greet(s, number);
	stub_store(&s->owner, owner);
	return wanted;
}

bool stub_set_evidence(struct stub *s, const void *evidence, size_t len)
{
	bool free = stub_swap(&s->owner, 0, OWNER_BRIEF);

	if (!free)
		return false;
	free = !s->greeted;
	if (free) {
		s->evidence = evidence;
		s->evidence_len = len;
	}
	stub_store(&s->owner, 0);
	return free;
}

void stub_shutdown(struct stub *s)
{
	unsigned int i;

	while (!stub_swap(&s->owner, 0, OWNER_BRIEF))
		s->port->ops->relax(s->port);
	/*
	 * The CPUs run. Putting one byte back is safe nevertheless: who still fetches the int3 ends
	 * up in stub_trap, which knows it as a ghost.
	 */
	if (s->session)
		session_end(s, "unloading");
	wire_end(s);
	for (i = 0; i < s->cpus; i++)
		stub_let_out(&s->cpu[i]); /* whom the debugger has stopped while others run */
	stub_store(&s->owner, 0);
}
