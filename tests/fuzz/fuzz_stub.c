/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: stub_trap stub_poll and all of stub/core behind them, on the toy machine with one CPU
 * that runs in this thread. The input is a list of events, two bytes each: what the debugger
 * sends, what the host injects, time, silence, sessions that come and go. An event takes place
 * whenever the stub waits and every few instructions while it does not, so any order can happen.
 * Whatever it was, afterwards the text is as it was and the CPU runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/stub_machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEPS = 24,	 /* instructions between events */
	STEPS_END = 200, /* until everything is over */
	LONG_MS = 100000,
};

struct input {
	const uint8_t *pos, *end;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_stub: %s\n", what);
	abort();
}

/* A packet from a kit that gets far; the rest of the protocol has its own fuzzer. */
static void say(struct stub_machine *m, uint8_t number)
{
	static const char *const packets[] = {
		"?",
		"g",
		"D",
		"vCont;s:1",
		"vCont;c",
		"vCont;rffffffff81000000,ffffffff81000010:1",
		"k",
		"QStartNoAckMode",
		"P11=0203",
		"P11=02000000",
		"QAllow:InsertBreak:0",
		"qRcmd,737461747573",
	};
	char text[96];
	uint8_t sum = 0;
	size_t i;
	int n;

	if (number < 0x40)
		n = snprintf(text, sizeof(text), "$Z0,ffffffff8100%04x,1", number);
	else if (number < 0x80)
		n = snprintf(text, sizeof(text), "$z0,ffffffff8100%04x,1", number - 0x40);
	else if (number < 0xa0)
		n = snprintf(text, sizeof(text), "$Z%d,ffffffff8%d0000%02x,1", 1 + number % 4,
			     number % 2 + 1, number % 32);
	else if (number < 0xc0)
		n = snprintf(text, sizeof(text), "$P10=%02x000081ffffffff", number - 0xa0);
	else
		n = snprintf(text, sizeof(text), "$%s", packets[number % ARRAY_LEN(packets)]);
	for (i = 1; i < (size_t)n; i++)
		sum = (uint8_t)(sum + (uint8_t)text[i]);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "#%02x", sum);
	(void)stub_machine_send(m, text, (size_t)n);
}

/* Nobody reads what the stub says, but the link takes it. */
static void swallow(struct stub_machine *m)
{
	static uint8_t sink[STUB_MACHINE_QUEUE];

	(void)stub_machine_receive(m, sink, sizeof(sink));
}

static void happen(struct stub_machine *m)
{
	struct input *in = m->relax_arg;
	uint8_t what, arg;

	swallow(m);
	stub_machine_pass(m, 1);
	if (in->end - in->pos < 2) {
		stub_machine_disconnect(m);
		stub_machine_pass(m, LONG_MS);
		return;
	}
	what = *in->pos++;
	arg = *in->pos++;
	switch (what % 8) {
	case 0:
	case 1:
		say(m, arg);
		break;
	case 2:
		(void)stub_machine_send(m, &arg, 1);
		break;
	case 3:
		stub_machine_event(m, 0, arg % STUB_MACHINE_EVENTS);
		break;
	case 4:
		stub_machine_pass(m, arg * 16u);
		break;
	case 5:
		m->beat += arg;
		break;
	case 6:
		m->cpu[0].irq = 1;
		break;
	default:
		if (arg % 4)
			stub_machine_connect(m);
		else
			stub_machine_disconnect(m);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* What the CPU runs: every instruction it knows but iret, which stands in the handler. */
	static const uint8_t code[] = {
		0x0f, 0x1f, 0x44, 0x00, 0x00, 0x9c, 0xfa, 0x9d, 0x88, 0x04, 0x25,
		0x10, 0x00, 0x00, 0x82, 0x0f, 0xa2, 0xfb, 0xf4, 0x90, 0xeb, 0xea,
	};
	struct policy policy = {
		.rights = RSP_RIGHT_ALL & ~(unsigned int)RSP_RIGHT_WRITE_MEM,
		.idle_s = 2,
	};
	struct stub_config config = { .policy = &policy, .fatal_wait_ms = 500 };
	struct input in = { .pos = data, .end = data + size };
	struct stub_machine *m;
	int i;

	if (!size)
		return 0;
	m = stub_machine_create(1);
	policy.on_panic = *in.pos & 1 ? POLICY_PANIC_STOP : POLICY_PANIC_IGNORE;
	if (*in.pos++ & 2)
		policy.idle_s = 0;
	stub_machine_code(m, 0, code, sizeof(code));
	m->relax = happen;
	m->relax_arg = &in;
	stub_machine_start(m, &config, false);
	stub_machine_connect(m);
	while (in.end - in.pos >= 2) {
		for (i = 0; i < STEPS; i++)
			stub_machine_step(m, 0);
		happen(m);
	}
	happen(m);
	for (i = 0; i < STEPS_END; i++)
		stub_machine_step(m, 0);
	require(m->stub.owner == 0 && m->stub.session == 0, "somebody is still there");
	require(stub_machine_text_intact(m), "the text is not as it was");
	i = (int)m->cpu[0].steps;
	stub_machine_step(m, 0);
	require((int)m->cpu[0].steps == i + 1, "the CPU does not run");
	stub_machine_destroy(m);
	return 0;
}
