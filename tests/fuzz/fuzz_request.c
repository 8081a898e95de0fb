/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: rsp_server_input rsp_request_run and every handler behind it. The first byte chooses
 * rights and which call of the target fails; the rest are packets without framing, one a line,
 * and "\x03" lines. After each the target is polled, so that stops happen.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fake/rsp_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Answers fit PacketSize and are packets; the target is never asked for what is illegal. */
static void check(const struct rsp_session *s, const char *answer)
{
	if ((answer && strcmp(answer, "?!") == 0) || s->fake.misused)
		abort();
}

static void line(struct rsp_session *s, const uint8_t *packet, size_t len)
{
	bool interrupt = len == 1 && packet[0] == 0x03;

	if (s->server.state == RSP_SERVER_RUNNING)
		(void)rsp_session_send(s, "\x03", 1);
	else if (!interrupt)
		check(s, rsp_session_ask_bytes(s, packet, len));
	if (s->server.state == RSP_SERVER_RUNNING)
		check(s, rsp_session_poll(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rsp_session s;
	const uint8_t *end = data + size;

	if (!size)
		return 0;
	rsp_session_init(&s, data[0] & RSP_RIGHT_ALL);
	s.fake.fail_at = data[0] >> 4;
	if (data[0] == 0)
		s.fake.target.ops = &target_fake_bare_ops;
	for (data++; data < end; data++) {
		const uint8_t *start = data;

		while (data < end && *data != '\n')
			data++;
		if ((size_t)(data - start) < RSP_SESSION_PACKET)
			line(&s, start, (size_t)(data - start));
	}
	rsp_session_deinit(&s);
	return 0;
}
