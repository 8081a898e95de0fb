/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The first exchanges with an RSP server: its features and its description of registers. */
#include <stdlib.h>
#include <string.h>

#include "host/target/rsp_link.h"

enum {
	XML_MAX = 256 * 1024, /* one document of the target description */
	INCLUDES_MAX = 16,
	STALE_MAX = 4, /* stop replies nobody asked for, before the first answer */
	HREF_MAX = 64,
};

/*
 * The first exchange. QEMU 7.2 announces the stop that connecting caused with a stop reply nobody
 * asked for, which arrives first (facts: measured on 7.2.22).
 */
static int learn_features(struct rsp_link *l)
{
	const struct rsp_frame *reply = &l->client.frame;
	int status = rsp_link_exchange(
		l, rsp_client_request(&l->client, "qSupported:multiprocess+;swbreak+;hwbreak+;"
						  "vContSupported+;cvmdbg+"));
	unsigned int i;

	for (i = 0; !status && i < STALE_MAX && reply->len > 2 &&
		    (reply->data[0] == 'T' || reply->data[0] == 'S');
	     i++)
		status = rsp_link_wait(l, RSP_LINK_DEADLINE_MS);
	if (!status)
		rsp_client_take_supported(&l->client);
	return status;
}

static int read_document(struct rsp_link *l, const char *annex, char *xml, size_t *ret)
{
	const struct rsp_frame *reply = &l->client.frame;
	size_t len = 0;
	bool last;

	do {
		int status = rsp_link_exchange(l, rsp_client_xfer_features(&l->client, annex, len));

		if (status)
			return status;
		if (reply->len == 0 || (reply->data[0] != 'm' && reply->data[0] != 'l'))
			return err_set(&l->err, ST_UNSUPPORTED,
				       "gdb server: it does not describe its registers");
		if (reply->len - 1 >= XML_MAX - len)
			return err_set(&l->err, ST_RANGE, "gdb server: %s is too long", annex);
		memcpy(xml + len, reply->data + 1, reply->len - 1);
		len += reply->len - 1;
		last = reply->data[0] == 'l' || reply->len == 1;
	} while (!last);
	xml[len] = '\0';
	*ret = len;
	return 0;
}

/* Copies the next <xi:include href="..."> after *at to @href; false when there is none. */
static bool next_include(const char **at, char *href)
{
	static const char key[] = "href=\"";
	const char *p = strstr(*at, "<xi:include");
	const char *end;

	p = p ? strstr(p, key) : NULL;
	if (!p)
		return false;
	p += sizeof(key) - 1;
	end = strchr(p, '"');
	if (!end || end - p >= HREF_MAX)
		return false;
	memcpy(href, p, (size_t)(end - p));
	href[end - p] = '\0';
	*at = end;
	return true;
}

static int learn_registers(struct rsp_link *l, char *top, char *part)
{
	char href[HREF_MAX];
	const char *at = top;
	unsigned int i;
	size_t len;
	int status = read_document(l, "target.xml", top, &len);

	if (!status)
		status = rsp_client_take_description(&l->client, top, len);
	for (i = 0; status >= 0 && i < INCLUDES_MAX && next_include(&at, href); i++) {
		status = read_document(l, href, part, &len);
		if (!status)
			status = rsp_client_take_description(&l->client, part, len);
	}
	return status < 0 ? status : 0;
}

/* A channel that keeps every byte needs no acknowledgements; QEMU does not know the packet. */
static int stop_acknowledging(struct rsp_link *l)
{
	int status;

	if (!l->client.ours)
		return 0;
	status = rsp_link_command(l, rsp_client_request(&l->client, "QStartNoAckMode"));
	l->client.noack = !status;
	return status;
}

int rsp_link_learn(struct rsp_link *l, struct target_stop *ret)
{
	char *xml;
	int status = learn_features(l);

	if (!status)
		status = stop_acknowledging(l);
	if (!status)
		status = rsp_link_exchange(l, rsp_client_request(&l->client, "?"));
	if (!status && l->client.frame.len == 0)
		status = err_set(&l->err, ST_INVAL, "what answers is not a gdb server");
	if (!status && rsp_client_take_stop(&l->client, ret))
		*ret = (struct target_stop){ .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGINT };
	if (status)
		return status;
	xml = malloc(2 * (size_t)XML_MAX);
	if (!xml)
		return err_set(&l->err, ST_NOMEM, "out of memory");
	status = learn_registers(l, xml, xml + XML_MAX);
	free(xml);
	return status;
}
