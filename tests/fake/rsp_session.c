/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Both ends of a line in one process. */
#include "tests/fake/rsp_session.h"

#include <stdlib.h>
#include <string.h>

/* PacketSize counts neither an acknowledgement nor '$', '#' and the checksum. */
enum { LONGEST = 1 + RSP_SESSION_PACKET + 4 };

void rsp_session_init(struct rsp_session *s, unsigned int allowed)
{
	const struct target_stop stop = { .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGTRAP };

	target_fake_init(&s->fake);
	/* Of exactly this size, so that a sanitizer sees an overrun. */
	s->mem = malloc(rsp_server_memory(RSP_SESSION_PACKET));
	if (!s->mem)
		abort();
	rsp_server_init(&s->server, &s->fake.target, allowed, s->mem, RSP_SESSION_PACKET, &stop);
}

void rsp_session_deinit(struct rsp_session *s)
{
	free(s->mem);
}

size_t rsp_session_send(struct rsp_session *s, const char *bytes, size_t len)
{
	return rsp_server_input(&s->server, (const uint8_t *)bytes, len);
}

const char *rsp_session_receive(struct rsp_session *s)
{
	const uint8_t *out;
	size_t used = 0, done = 0, len = rsp_server_output(&s->server, &out);
	struct rsp_frame frame;
	unsigned int packets = 0;

	rsp_frame_init(&frame, s->answer, RSP_SESSION_PACKET, true);
	while (done < len) {
		enum rsp_frame_event event = rsp_frame_input(&frame, out + done, len - done, &used);

		done += used;
		if (event == RSP_FRAME_PACKET)
			packets++;
		else if (event != RSP_FRAME_ACK)
			return "?!";
	}
	rsp_server_sent(&s->server, len);
	if (packets > 1 || len > LONGEST)
		return "?!";
	if (!packets)
		return NULL;
	s->answer_len = frame.len;
	s->answer[frame.len] = '\0';
	return (const char *)s->answer;
}

const char *rsp_session_ask_bytes(struct rsp_session *s, const void *packet, size_t len)
{
	uint8_t wire[2 * RSP_SESSION_PACKET + 8];
	struct rsp_out out;
	size_t wire_len;

	rsp_out_begin(&out, wire, sizeof(wire));
	if (rsp_out_binary(&out, packet, len) != len)
		return "?!";
	wire_len = rsp_out_end(&out);
	if (rsp_server_input(&s->server, wire, wire_len) != wire_len)
		return "?!";
	return rsp_session_receive(s);
}

const char *rsp_session_ask(struct rsp_session *s, const char *packet)
{
	return rsp_session_ask_bytes(s, packet, strlen(packet));
}

const char *rsp_session_poll(struct rsp_session *s)
{
	(void)!rsp_server_poll_target(&s->server);
	return rsp_session_receive(s);
}
