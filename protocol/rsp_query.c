/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Session packets: what server and client can do, threads, qXfer documents, offsets, QAllow. */
#include "rsp_handlers.h"

enum { PROCESS = 1 };

unsigned int rsp_vcpus(const struct rsp_server *s)
{
	unsigned int count = s->target->ops->vcpus->count(s->target);

	return count > VCPUS_MAX ? VCPUS_MAX : count;
}

/* "-1", "0" or a number that is a vCPU's. */
static bool thread_number(struct rsp_server *s, struct buf *b, struct rsp_thread *ret)
{
	uint64_t number;

	if (buf_skip_text(b, "-1")) {
		ret->kind = RSP_THREAD_ALL;
		return true;
	}
	number = buf_get_hex(b);
	if (b->bad || number > rsp_vcpus(s))
		return false;
	ret->kind = number ? RSP_THREAD_ONE : RSP_THREAD_ANY;
	ret->vcpu = number ? (unsigned int)number - 1 : 0;
	return true;
}

bool rsp_thread_get(struct rsp_server *s, struct buf *b, struct rsp_thread *ret)
{
	*ret = (struct rsp_thread){ .kind = RSP_THREAD_ALL };
	/* LLDB sends the bare form even when multiprocess was agreed. */
	if (!buf_skip_char(b, 'p'))
		return thread_number(s, b, ret);
	if (!buf_skip_text(b, "-1")) {
		uint64_t process = buf_get_hex(b);

		if (b->bad || process > PROCESS)
			return false;
	}
	return buf_skip_char(b, '.') ? thread_number(s, b, ret) : true;
}

void rsp_thread_put(const struct rsp_server *s, struct rsp_out *out, unsigned int vcpu)
{
	if (s->multiprocess)
		rsp_out_text(out, "p1.");
	rsp_out_hex(out, vcpu + 1);
}

unsigned int rsp_thread_suffix(struct rsp_server *s, struct buf *args)
{
	struct rsp_thread thread;

	if (buf_skip_text(args, ";thread:") && rsp_thread_get(s, args, &thread) &&
	    thread.kind == RSP_THREAD_ONE)
		return thread.vcpu;
	return s->g_vcpu;
}

void rsp_vcpu_name(struct rsp_server *s, unsigned int vcpu, char name[RSP_NAME_MAX])
{
	name[0] = '\0';
	if (s->target->ops->vcpus->name(s->target, vcpu, name, RSP_NAME_MAX))
		name[0] = '\0';
	name[RSP_NAME_MAX - 1] = '\0';
}

int rsp_query_select(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	bool registers = buf_skip_char(args, 'g');
	struct rsp_thread thread;

	if (!registers && !buf_skip_char(args, 'c'))
		return ST_SYNTAX;
	if (!rsp_thread_get(s, args, &thread))
		return ST_INVAL;
	if (!registers)
		s->c_all = thread.kind == RSP_THREAD_ALL;
	if (thread.kind == RSP_THREAD_ONE)
		*(registers ? &s->g_vcpu : &s->c_vcpu) = thread.vcpu;
	rsp_out_text(out, "OK");
	return 0;
}

int rsp_query_alive(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	struct rsp_thread thread;

	if (!rsp_thread_get(s, args, &thread))
		return ST_INVAL;
	rsp_out_text(out, "OK");
	return 0;
}

int rsp_query_current(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	rsp_out_text(out, "QC");
	rsp_thread_put(s, out, s->g_vcpu);
	return 0;
}

int rsp_query_attached(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)s, (void)args;
	rsp_out_text(out, "1");
	return 0;
}

int rsp_query_threads_first(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	unsigned int i, count = rsp_vcpus(s);

	(void)args;
	for (i = 0; i < count; i++) {
		rsp_out_char(out, i ? ',' : 'm');
		rsp_thread_put(s, out, i);
	}
	return 0;
}

int rsp_query_threads_next(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)s, (void)args;
	rsp_out_char(out, 'l');
	return 0;
}

int rsp_query_thread_extra(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	struct rsp_thread thread;
	char name[RSP_NAME_MAX];

	if (!buf_skip_char(args, ',') || !rsp_thread_get(s, args, &thread) ||
	    thread.kind != RSP_THREAD_ONE)
		return ST_INVAL;
	rsp_vcpu_name(s, thread.vcpu, name);
	rsp_out_hex_text(out, name);
	return 0;
}

/* --- abilities --- */

static void client_feature(struct rsp_server *s, struct buf feature)
{
	s->multiprocess |= buf_skip_text(&feature, "multiprocess+");
	s->swbreak |= buf_skip_text(&feature, "swbreak+");
	s->hwbreak |= buf_skip_text(&feature, "hwbreak+");
	s->error_text |= buf_skip_text(&feature, "error-message+");
	s->binary_upload |= buf_skip_text(&feature, "binary-upload+");
	s->coded_text |= buf_skip_text(&feature, "cvmdbg+");
}

int rsp_query_supported(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	/* Each qSupported replaces the one before (gdb manual). */
	s->multiprocess = s->swbreak = s->hwbreak = s->error_text = s->binary_upload = false;
	s->coded_text = false;
	while (buf_left(args)) {
		args->pos++; /* ':' or ';' */
		client_feature(s, buf_get_until(args, ';'));
	}
	rsp_out_text(out, "PacketSize=");
	rsp_out_hex(out, s->packet_size);
	rsp_out_text(out, ";QStartNoAckMode+;qXfer:features:read+;qXfer:memory-map:read+;"
			  "qXfer:threads:read+;multiprocess+;vContSupported+;QAllow+;qEcho+;"
			  "binary-upload+;error-message+;qqemu.PhyMemMode+;cvmdbg+");
	if (s->target->ops->points)
		rsp_out_text(out, ";swbreak+;hwbreak+");
	return 0;
}

int rsp_query_noack(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	s->noack = true;
	rsp_out_text(out, "OK");
	return 0;
}

/* Gives up rights, never gains one that the caller did not grant. Tracepoints do not exist here. */
int rsp_query_allow(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	static const struct {
		const char *name;
		unsigned int right;
	} names[] = {
		{ "WriteReg:", RSP_RIGHT_WRITE_REG },
		{ "WriteMem:", RSP_RIGHT_WRITE_MEM },
		{ "InsertBreak:", RSP_RIGHT_INSERT_BREAK },
		{ "Stop:", RSP_RIGHT_STOP },
	};
	size_t i;

	while (buf_left(args)) {
		struct buf field;

		args->pos++;
		field = buf_get_until(args, ';');
		for (i = 0; i < ARRAY_LEN(names); i++) {
			if (!buf_skip_text(&field, names[i].name))
				continue;
			if (buf_skip_char(&field, '1'))
				s->rights |= names[i].right & s->allowed;
			else
				s->rights &= ~names[i].right;
		}
	}
	rsp_out_text(out, "OK");
	return 0;
}

/*
 * An image that runs where it was linked needs no moving, whatever its segments are. Else
 * gdb moves all of vmlinux by the distance of its first segment (remote.c, get_offsets). LLDB takes
 * the number for a distance in either form (ProcessGDBRemote.cpp, MaybeLoadExecutableModule).
 */
int rsp_query_offsets(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	static const char *const keys[] = { "Text=", ";Data=", ";Bss=" };
	unsigned int i;

	(void)args;
	if (!s->target->text_seg)
		return RSP_NO_PACKET;
	if (!s->lldb && s->target->text_seg != s->target->text_link) {
		rsp_out_text(out, "TextSeg=");
		rsp_out_hex(out, s->target->text_seg);
		return 0;
	}
	for (i = 0; i < ARRAY_LEN(keys); i++) {
		rsp_out_text(out, keys[i]);
		rsp_out_hex(out, s->target->text_seg - s->target->text_link);
	}
	return 0;
}

int rsp_query_symbol(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)s, (void)args;
	rsp_out_text(out, "OK");
	return 0;
}

/* --- qXfer --- */

static void doc_put(struct rsp_doc *doc, char c)
{
	if (doc->out && doc->pos >= doc->from && doc->pos < doc->to)
		(void)rsp_out_binary(doc->out, &c, 1);
	doc->pos++;
}

void rsp_doc_text(struct rsp_doc *doc, const char *text)
{
	while (*text)
		doc_put(doc, *text++);
}

static void doc_number(struct rsp_doc *doc, uint64_t value, bool decimal)
{
	uint8_t digits[24] = { 0 };
	struct buf b;

	buf_init(&b, digits, sizeof(digits) - 1);
	if (decimal)
		buf_put_decimal(&b, value);
	else
		buf_put_hex(&b, value);
	rsp_doc_text(doc, (const char *)digits);
}

void rsp_doc_hex(struct rsp_doc *doc, uint64_t value)
{
	doc_number(doc, value, false);
}

void rsp_doc_decimal(struct rsp_doc *doc, uint64_t value)
{
	doc_number(doc, value, true);
}

static void doc_escaped(struct rsp_doc *doc, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			rsp_doc_text(doc, "&lt;");
		else if (*text == '&')
			rsp_doc_text(doc, "&amp;");
		else if (*text == '"')
			rsp_doc_text(doc, "&quot;");
		else
			doc_put(doc, *text);
	}
}

static void threads_xml(struct rsp_server *s, struct rsp_doc *doc)
{
	unsigned int i, count = rsp_vcpus(s);
	char name[RSP_NAME_MAX];

	rsp_doc_text(doc, "<?xml version=\"1.0\"?><threads>");
	for (i = 0; i < count; i++) {
		rsp_vcpu_name(s, i, name);
		rsp_doc_text(doc, s->multiprocess ? "<thread id=\"p1." : "<thread id=\"");
		rsp_doc_hex(doc, i + 1);
		rsp_doc_text(doc, "\" core=\"");
		rsp_doc_decimal(doc, i);
		rsp_doc_text(doc, "\" name=\"");
		doc_escaped(doc, name);
		rsp_doc_text(doc, "\"/>");
	}
	rsp_doc_text(doc, "</threads>");
}

static void memory_xml(struct rsp_doc *doc, const char *type, uint64_t start, uint64_t bytes)
{
	rsp_doc_text(doc, "<memory type=\"");
	rsp_doc_text(doc, type);
	rsp_doc_text(doc, "\" start=\"0x");
	rsp_doc_hex(doc, start);
	rsp_doc_text(doc, "\" length=\"0x");
	rsp_doc_hex(doc, bytes);
	rsp_doc_text(doc, "\"/>");
}

/* The two canonical halves: gdb then refuses the addresses between them by itself. */
static void memory_map_xml(struct rsp_server *s, struct rsp_doc *doc)
{
	bool writable = s->target->ops->memw && s->allowed & RSP_RIGHT_WRITE_MEM;
	unsigned int bits = s->target->va_bits ? s->target->va_bits : 48;
	uint64_t half = 1ull << (bits - 1);

	rsp_doc_text(doc, "<?xml version=\"1.0\"?><memory-map>");
	memory_xml(doc, writable ? "ram" : "rom", 0, half);
	memory_xml(doc, writable ? "ram" : "rom", 0 - half, half);
	rsp_doc_text(doc, "</memory-map>");
}

static const struct {
	const char *object;
	rsp_doc_writer *write;
} documents[] = {
	{ "features:read:target.xml:", rsp_target_xml },
	{ "memory-map:read::", memory_map_xml },
	{ "threads:read::", threads_xml },
};

static int xfer(struct rsp_server *s, rsp_doc_writer *write, struct buf *args, struct rsp_out *out)
{
	struct rsp_doc doc = { .out = NULL };
	uint64_t offset = buf_get_hex(args), length, room;

	if (!buf_skip_char(args, ','))
		return ST_SYNTAX;
	length = buf_get_hex(args);
	if (args->bad)
		return ST_SYNTAX;
	room = buf_left(&out->buf) / 2; /* every byte may need escaping */
	if (length > room)
		length = room;
	write(s, &doc);
	if (offset > doc.pos)
		return ST_RANGE;
	rsp_out_char(out, doc.pos - offset > length ? 'm' : 'l');
	doc = (struct rsp_doc){ .out = out, .from = offset, .to = offset + length };
	write(s, &doc);
	return 0;
}

int rsp_query_xfer(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	size_t i;

	buf_skip_char(args, ':');
	for (i = 0; i < ARRAY_LEN(documents); i++)
		if (buf_skip_text(args, documents[i].object))
			return xfer(s, documents[i].write, args, out);
	return RSP_NO_PACKET;
}
