/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Records of the sealed link, both directions (layout: link.h). Sealed and opened in place. A
 * record has exactly one form: padding that is not zero, or not of the one right size, is as bad
 * as a forgery.
 */
#include "link_record.h"

enum { HEAD = 1 + 2 }; /* type, length of the data */

/* From 256 to 65535 bytes Padmé keeps five bits: it adds less than 1/16. */
enum { SEALED_MAX = HEAD + LINK_DATA_MAX + (HEAD + LINK_DATA_MAX) / 16 + 1 };
static_assert(1 + SEALED_MAX + NOISE_TAG <= LINK_BODY_MAX, "a record fits into a frame");
static_assert(LINK_DATA_MAX <= UINT16_MAX, "its length into its field");
static_assert(LINK_OUT_MAX >= 2 * LINK_BODY_MAX + 4, "a frame fits however much is escaped");

static unsigned int log2_floor(size_t x)
{
	unsigned int log = 0;

	while (x >>= 1)
		log++;
	return log;
}

/* A length of E + 1 bits keeps its first floor(log2 E) + 2 bits, rounded up. */
size_t link_record_padded(size_t len)
{
	unsigned int exponent;
	size_t mask;

	if (len <= LINK_PAD_MIN)
		return LINK_PAD_MIN;
	exponent = log2_floor(len);
	mask = ((size_t)1 << (exponent - log2_floor(exponent) - 1)) - 1;
	return (len + mask) & ~mask;
}

/*
 * The body is at the end of the output's buffer. Escaping writes two bytes for one read at most,
 * and with LINK_BODY_MAX bytes' lead the reader is never caught up with.
 */
void link_record_emit(struct link *l, size_t len)
{
	struct rsp_out out;

	rsp_out_begin(&out, l->out, LINK_OUT_MAX);
	rsp_out_binary(&out, l->body, len);
	l->out_len = rsp_out_end(&out);
	l->out_sent = 0;
}

void link_record_put(struct link *l, enum link_record type, const void *data, size_t len)
{
	size_t padded = link_record_padded(HEAD + len);
	uint8_t *record = l->body + 1;

	l->body[0] = 'r';
	record[0] = (uint8_t)type;
	put_le16(record + 1, (uint16_t)len);
	if (len)
		memcpy(record + HEAD, data, len);
	memset(record + HEAD + len, 0, padded - HEAD - len);
	noise_seal(l->config->crypto, &l->sealing, record, record, padded);
	l->records_out++;
	link_record_emit(l, 1 + padded + NOISE_TAG);
}

bool link_record_open(struct link *l)
{
	uint8_t *record = l->frame.data + 1, padding = 0;
	size_t sealed = l->frame.len - 1, padded = sealed - NOISE_TAG, len, i;

	if (sealed < LINK_PAD_MIN + NOISE_TAG ||
	    noise_open(l->config->crypto, &l->opening, record, record, sealed) < 0)
		return false;
	len = get_le16(record + 1);
	if (record[0] > LINK_DUMP || len > LINK_DATA_MAX ||
	    link_record_padded(HEAD + len) != padded)
		return false;
	for (i = HEAD + len; i < padded; i++)
		padding |= record[i];
	if (padding)
		return false;
	l->type = record[0];
	l->data = record + HEAD;
	l->data_len = len;
	l->records_in++;
	return true;
}
