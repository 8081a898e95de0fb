/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The debugger's side of the toy machine's link. */
#include "tests/fake/stub_machine_line.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ANSWER_MS = 10000 };

struct stub_line *stub_line_create(struct stub_machine *m)
{
	struct stub_line *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->machine = m;
	l->mem = malloc(rsp_client_memory(STUB_PACKET_BYTES));
	if (!l->mem)
		abort();
	rsp_client_init(&l->client, l->mem, STUB_PACKET_BYTES);
	stub_machine_connect(m);
	return l;
}

void stub_line_destroy(struct stub_line *l)
{
	if (!l)
		return;
	free(l->mem);
	free(l->link);
	free(l->link_mem);
	free(l);
}

static uint64_t real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void send_frames(struct stub_line *l)
{
	const uint8_t *out;
	size_t len;

	while ((len = link_output(l->link, &out)) != 0) {
		if (stub_machine_send(l->machine, out, len) != len)
			abort();
		link_sent(l->link, len);
	}
}

struct stub_line *stub_line_create_sealed(struct stub_machine *m, const struct link_config *config)
{
	struct stub_line *l = stub_line_create(m);
	uint64_t until = real_ms() + ANSWER_MS;

	l->link = calloc(1, sizeof(*l->link));
	l->link_mem = malloc(LINK_MEMORY);
	if (!l->link || !l->link_mem)
		abort();
	link_init(l->link, config, l->link_mem);
	while (l->link->state == LINK_HANDSHAKE && real_ms() < until) {
		send_frames(l);
		l->in_len = stub_machine_receive(m, l->in, sizeof(l->in));
		for (l->in_pos = 0; l->in_pos < l->in_len; send_frames(l)) {
			size_t n = link_input(l->link, l->in + l->in_pos, l->in_len - l->in_pos);

			l->in_pos += n;
			if (!n)
				break;
		}
		sched_yield();
	}
	l->wire_len = l->in_len - l->in_pos;
	memcpy(l->wire, l->in + l->in_pos, l->wire_len);
	l->in_pos = l->in_len = 0;
	return l;
}

void stub_line_raw(struct stub_line *l, const char *bytes, size_t len)
{
	size_t n;

	if (!l->link) {
		if (stub_machine_send(l->machine, bytes, len) != len)
			abort();
		return;
	}
	for (; len; bytes += n, len -= n) {
		n = link_send(l->link, LINK_RSP, bytes, len);
		if (!n)
			return; /* the link has ended: so will the wait for an answer */
		send_frames(l);
	}
}

/* More bytes of the stream, in l->in; sealed ones were in l->wire. */
static size_t receive(struct stub_line *l)
{
	enum link_record type;
	const uint8_t *data;
	size_t len;

	l->in_pos = 0;
	if (!l->link)
		return l->in_len = stub_machine_receive(l->machine, l->in, sizeof(l->in));
	l->in_len = 0;
	l->wire_len += stub_machine_receive(l->machine, l->wire + l->wire_len,
					    sizeof(l->wire) - l->wire_len);
	len = link_input(l->link, l->wire, l->wire_len);
	l->wire_len -= len;
	memmove(l->wire, l->wire + len, l->wire_len);
	if (!link_arrived(l->link, &type, &data, &len))
		return 0;
	if (len > sizeof(l->in))
		len = sizeof(l->in);
	if (type == LINK_RSP) {
		memcpy(l->in, data, len);
		l->in_len = len;
	}
	link_taken(l->link, len);
	return l->in_len;
}

void stub_line_say(struct stub_line *l, const char *packet)
{
	if (rsp_client_request(&l->client, packet))
		abort();
	stub_line_raw(l, (const char *)l->client.out, l->client.out_len);
}

/* O packets are for the console; everything else is an answer. */
static bool is_answer(struct stub_line *l)
{
	const struct rsp_frame *f = &l->client.frame;
	size_t used = strlen(l->console);
	struct buf text;

	memcpy(l->answer, f->data, f->len);
	l->answer[f->len] = '\0';
	if (l->answer[0] != 'O' || !strcmp(l->answer, "OK"))
		return true;
	buf_init(&text, l->console + used, sizeof(l->console) - 1 - used);
	(void)!rsp_client_take_monitor(&l->client, &text);
	return false;
}

static bool take_received(struct stub_line *l)
{
	while (l->in_pos < l->in_len) {
		size_t used = 0;
		enum rsp_client_event event = rsp_client_input(&l->client, l->in + l->in_pos,
							       l->in_len - l->in_pos, &used);
		char ack = rsp_client_ack(&l->client);

		l->in_pos += used;
		if (ack)
			stub_line_raw(l, &ack, 1);
		if (event == RSP_CLIENT_REPLY && is_answer(l))
			return true;
	}
	return false;
}

const char *stub_line_wait(struct stub_line *l)
{
	uint64_t until = real_ms() + ANSWER_MS;

	while (!take_received(l)) {
		if (receive(l))
			continue;
		if (real_ms() > until)
			return NULL;
		stub_machine_pass(l->machine, l->pass_ms);
		sched_yield();
	}
	return l->answer;
}

const char *stub_line_ask(struct stub_line *l, const char *packet)
{
	const char *answer;

	stub_line_say(l, packet);
	answer = stub_line_wait(l);
	if (!strcmp(packet, "QStartNoAckMode"))
		l->client.noack = true;
	return answer;
}

uint64_t stub_line_reg(struct stub_line *l, unsigned int vcpu, enum x86_64_reg reg)
{
	uint8_t raw[sizeof(uint64_t)] = { 0 };
	const char *answer;
	char packet[32];
	struct buf b;

	snprintf(packet, sizeof(packet), "Hg%x", vcpu + 1);
	if (!stub_line_ask(l, packet))
		abort();
	snprintf(packet, sizeof(packet), "p%x", reg);
	answer = stub_line_ask(l, packet);
	if (!answer)
		abort();
	buf_init_const(&b, answer, strlen(answer));
	return buf_get_hex_bytes(&b, raw, x86_64_regs_desc[reg].bytes) ? get_le64(raw) : 0;
}

int stub_line_read(struct stub_line *l, uint64_t addr, void *buf, size_t len)
{
	if (rsp_client_read_mem(&l->client, addr, len))
		abort();
	stub_line_raw(l, (const char *)l->client.out, l->client.out_len);
	return stub_line_wait(l) ? rsp_client_take_mem(&l->client, buf, len) : ST_TIMEOUT;
}
