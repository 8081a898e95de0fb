/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The evidence's format and the host's certificate table. Pure: see evidence.h. */
#include "evidence.h"

#include "protocol/status.h"

static const uint8_t magic[4] = { 'C', 'V', 'M', 'E' };

enum { CERT_ENTRY = EVIDENCE_GUID + 8 };

/*
 * GUIDs as RFC 4122 writes them, which is how the kernel's and QEMU's users store them (facts:
 * virtee sev, src/firmware/host/types/snp.rs).
 */
static const uint8_t guids[][EVIDENCE_GUID] = {
	[EVIDENCE_ASK] = { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae,
			   0xf3, 0x27, 0xc7, 0x82 },
	[EVIDENCE_VCEK] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9,
			    0x3b, 0xe8, 0xac, 0xcd },
	[EVIDENCE_VLEK] = { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0,
			    0x45, 0xa0, 0xb8, 0xa1 },
};

bool evidence_is(const void *data, size_t len)
{
	return len >= sizeof(magic) && memcmp(data, magic, sizeof(magic)) == 0;
}

int evidence_decode(const void *data, size_t len, struct evidence *ret)
{
	const uint8_t *p = data, *end = p + len;
	struct evidence e = { .report.data = NULL };

	if (len < EVIDENCE_HEADER || len > EVIDENCE_MAX || !evidence_is(data, len) ||
	    get_le32(p + 4) != EVIDENCE_VERSION)
		return ST_SYNTAX;
	for (p += EVIDENCE_HEADER; p != end;) {
		struct evidence_part *part;
		uint32_t type, size;

		if (end - p < EVIDENCE_ITEM)
			return ST_SYNTAX;
		type = get_le32(p);
		size = get_le32(p + 4);
		p += EVIDENCE_ITEM;
		if (type != EVIDENCE_REPORT && type != EVIDENCE_CERTS)
			return ST_SYNTAX;
		part = type == EVIDENCE_REPORT ? &e.report : &e.certs;
		if (part->data || size > (size_t)(end - p))
			return ST_SYNTAX;
		*part = (struct evidence_part){ p, size };
		p += size;
	}
	if (!e.report.data)
		return ST_SYNTAX;
	*ret = e;
	return 0;
}

static uint8_t *put_part(uint8_t *p, enum evidence_type type, struct evidence_part part)
{
	put_le32(p, type);
	put_le32(p + 4, (uint32_t)part.len);
	memcpy(p + EVIDENCE_ITEM, part.data, part.len);
	return p + EVIDENCE_ITEM + part.len;
}

int evidence_encode(const struct evidence *e, uint8_t *ret, size_t size)
{
	size_t parts = e->report.len + (e->certs.data ? EVIDENCE_ITEM + e->certs.len : 0);
	uint8_t *p = ret;

	if (size > EVIDENCE_MAX)
		size = EVIDENCE_MAX;
	if (e->report.len > EVIDENCE_MAX || e->certs.len > EVIDENCE_MAX ||
	    EVIDENCE_HEADER + EVIDENCE_ITEM + parts > size)
		return ST_RANGE;
	memcpy(p, magic, sizeof(magic));
	put_le32(p + 4, EVIDENCE_VERSION);
	p = put_part(p + EVIDENCE_HEADER, EVIDENCE_REPORT, e->report);
	if (e->certs.data)
		p = put_part(p, EVIDENCE_CERTS, e->certs);
	return (int)(p - ret);
}

/* The next entry's GUID, and its certificate in *ret. 0: the table's end. */
static int next_cert(struct evidence_part table, unsigned int index, const uint8_t **guid,
		     struct evidence_part *ret)
{
	static const uint8_t zeros[EVIDENCE_GUID];
	size_t at = (size_t)index * CERT_ENTRY;
	uint32_t offset, size;

	if (table.len == 0)
		return 0;
	if (index >= EVIDENCE_CERTS_MAX || at + EVIDENCE_GUID > table.len)
		return ST_SYNTAX;
	*guid = table.data + at;
	if (memcmp(*guid, zeros, sizeof(zeros)) == 0)
		return 0;
	if (at + CERT_ENTRY > table.len)
		return ST_SYNTAX;
	offset = get_le32(*guid + EVIDENCE_GUID);
	size = get_le32(*guid + EVIDENCE_GUID + 4);
	if (offset > table.len || size > table.len - offset)
		return ST_SYNTAX;
	*ret = (struct evidence_part){ table.data + offset, size };
	return 1;
}

int evidence_find_cert(struct evidence_part table, enum evidence_cert which,
		       struct evidence_part *ret)
{
	struct evidence_part cert;
	const uint8_t *guid;
	unsigned int i;
	int found;

	for (i = 0; (found = next_cert(table, i, &guid, &cert)) > 0; i++)
		if (memcmp(guid, guids[which], EVIDENCE_GUID) == 0) {
			*ret = cert;
			return 1;
		}
	return found;
}

int evidence_certs_len(struct evidence_part table)
{
	struct evidence_part cert;
	const uint8_t *guid;
	size_t len = 0, end;
	unsigned int i;
	int found;

	for (i = 0; (found = next_cert(table, i, &guid, &cert)) > 0; i++) {
		end = (size_t)(cert.data - table.data) + cert.len;
		len = end > len ? end : len;
	}
	if (found < 0)
		return found;
	/* The entry of zeros that ends the table is part of it. */
	end = (size_t)i * CERT_ENTRY + CERT_ENTRY;
	if (i == 0)
		return 0;
	len = end > len ? end : len;
	return (int)(len > table.len ? table.len : len);
}
