/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Between the port's link and the RSP server. On a plain link bytes pass as they are; on a sealed
 * one protocol/link.h stands in between, and there is no third way: with config.seal nothing
 * that was not sealed reaches the server, and nothing of the server's goes out otherwise.
 */
#include "stub_internal.h"

static bool give_random(void *arg, uint8_t ret[NOISE_KEY])
{
	struct stub *s = arg;

	return s->port->ops->random(s->port, ret);
}

static const char *check_key(void *arg, const uint8_t peer[NOISE_KEY], const void *evidence,
			     size_t evidence_len)
{
	const struct stub *s = arg;

	(void)evidence;
	(void)evidence_len;
	return policy_has_key(&s->config.policy->debuggers, peer)
		       ? NULL
		       : "this key is no debugger of the guest's policy";
}

void wire_begin(struct stub *s)
{
	const struct stub_seal *seal = s->config.seal;

	s->in_len = 0;
	if (!seal)
		return;
	s->link_config = (struct link_config){
		.crypto = seal->crypto,
		.role = NOISE_RESPONDER,
		.secret = seal->secret,
		.policy_hash = seal->policy_hash,
		.evidence = s->evidence,
		.evidence_len = s->evidence_len,
		.random = give_random,
		.check = check_key,
		.arg = s,
	};
	link_init(&s->link, &s->link_config, s->link_mem);
}

enum link_state wire_state(const struct stub *s)
{
	return s->config.seal ? s->link.state : LINK_OPEN;
}

static void drop_input(struct stub *s, size_t len)
{
	s->in_len -= len;
	memmove(s->in, s->in + len, s->in_len);
}

static bool send_sealed(struct stub *s)
{
	const uint8_t *out;
	size_t len;

	while ((len = link_output(&s->link, &out)) != 0) {
		size_t n = s->port->ops->send(s->port, out, len);

		if (!n)
			return false;
		link_sent(&s->link, n);
	}
	return true;
}

void wire_move(struct stub *s)
{
	s->in_len += s->port->ops->recv(s->port, s->in + s->in_len, sizeof(s->in) - s->in_len);
	if (!s->config.seal)
		return;
	if (send_sealed(s))
		drop_input(s, link_input(&s->link, s->in, s->in_len));
	(void)send_sealed(s);
}

size_t wire_peek(struct stub *s, const uint8_t **ret)
{
	enum link_record type;
	size_t len;

	*ret = s->in;
	if (!s->config.seal) {
		wire_move(s);
		return s->in_len;
	}
	if (!link_arrived(&s->link, &type, ret, &len))
		wire_move(s);
	if (!link_arrived(&s->link, &type, ret, &len))
		return 0;
	if (type == LINK_RSP)
		return len;
	link_taken(&s->link, len);
	return 0;
}

void wire_used(struct stub *s, size_t len)
{
	if (!s->config.seal)
		drop_input(s, len);
	else if (len)
		link_taken(&s->link, len);
}

size_t wire_send(struct stub *s, const uint8_t *data, size_t len)
{
	if (!s->config.seal)
		return s->port->ops->send(s->port, data, len);
	if (!send_sealed(s))
		return 0;
	return link_send(&s->link, LINK_RSP, data, len);
}

bool wire_flushed(struct stub *s)
{
	return !s->config.seal || send_sealed(s);
}

void wire_end(struct stub *s)
{
	if (s->config.seal)
		link_wipe(&s->link);
}
