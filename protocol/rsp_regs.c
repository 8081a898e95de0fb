/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Register packets: g G p P, and the target description that tells gdb about them. */
#include "rsp_handlers.h"

/* The last feature is optional, so registers are numbered without gaps either way. */
static int reg_count(const struct rsp_server *s)
{
	return s->target->avx ? X86_64_REGS : X86_64_ymm0h;
}

/*
 * gdb does not connect to a target without a program counter (infrun.c, handle_signal_stop: "PC
 * register is not available"), so who may not read registers gets one that says nothing.
 */
int rsp_regs_get(struct rsp_server *s, unsigned int vcpu)
{
	x86_64_regs_clear(&s->regs);
	if (!s->target->ops->regs)
		return 0;
	if (!(s->rights & RSP_RIGHT_READ_REG)) {
		x86_64_set(&s->regs, X86_64_rip, 0);
		return 0;
	}
	return s->target->ops->regs->read(s->target, vcpu, &s->regs);
}

void rsp_reg_put(struct rsp_out *out, const struct x86_64_regs *regs, enum x86_64_reg reg)
{
	const struct x86_64_reg_desc *d = &x86_64_regs_desc[reg];
	unsigned int i;

	if (regs->valid[reg]) {
		rsp_out_hex_bytes(out, regs->data + d->offset, d->bytes);
		return;
	}
	for (i = 0; i < d->bytes; i++)
		rsp_out_text(out, "xx");
}

int rsp_regs_read(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	int reg, status = rsp_regs_get(s, rsp_thread_suffix(s, args));

	if (status)
		return status;
	for (reg = 0; reg < reg_count(s); reg++)
		rsp_reg_put(out, &s->regs, reg);
	/* Without the right it is an answer of unavailable registers, and counts as refused. */
	(void)rsp_right_check(s, RSP_RIGHT_READ_REG);
	return 0;
}

int rsp_reg_read(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	uint64_t reg = buf_get_hex(args);
	int status;

	if (args->bad)
		return ST_SYNTAX;
	if (reg >= (unsigned int)reg_count(s))
		return ST_RANGE;
	status = rsp_regs_get(s, rsp_thread_suffix(s, args));
	if (status)
		return status;
	rsp_reg_put(out, &s->regs, (enum x86_64_reg)reg);
	(void)rsp_right_check(s, RSP_RIGHT_READ_REG);
	return 0;
}

static int write_reg(struct rsp_server *s, unsigned int vcpu, enum x86_64_reg reg,
		     const uint8_t *raw)
{
	int status = rsp_right_check(s, RSP_RIGHT_WRITE_REG);

	if (status)
		return status;
	if (!s->target->ops->regsw)
		return ST_NOREGS;
	return s->target->ops->regsw->write(s->target, vcpu, reg, raw);
}

int rsp_reg_write(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	uint8_t raw[X86_64_REG_BYTES_MAX];
	uint64_t reg = buf_get_hex(args);
	int status;

	if (args->bad || !buf_skip_char(args, '='))
		return ST_SYNTAX;
	if (reg >= (unsigned int)reg_count(s))
		return ST_RANGE;
	if (!buf_get_hex_bytes(args, raw, x86_64_regs_desc[reg].bytes))
		return ST_SYNTAX;
	status = write_reg(s, rsp_thread_suffix(s, args), (enum x86_64_reg)reg, raw);
	if (status)
		return status;
	rsp_out_text(out, "OK");
	return 0;
}

/*
 * Only what differs is written: gdb sends back everything it read, unavailable parts as well. So it
 * takes the right to read, too: what is not known cannot differ.
 */
int rsp_regs_write(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	int reg, status = rsp_right_check(s, RSP_RIGHT_WRITE_REG);

	if (!status)
		status = rsp_right_check(s, RSP_RIGHT_READ_REG);
	if (!status)
		status = rsp_regs_get(s, s->g_vcpu);
	if (status)
		return status;
	for (reg = 0; reg < reg_count(s); reg++) {
		const struct x86_64_reg_desc *d = &x86_64_regs_desc[reg];
		uint8_t raw[X86_64_REG_BYTES_MAX];

		if (buf_peek(args) == 'x' && buf_left(args) >= 2u * d->bytes) {
			args->pos += 2 * d->bytes;
			continue;
		}
		if (!buf_get_hex_bytes(args, raw, d->bytes))
			return ST_SYNTAX;
		if (!s->regs.valid[reg] || !memcmp(raw, s->regs.data + d->offset, d->bytes))
			continue;
		status = write_reg(s, s->g_vcpu, reg, raw);
		if (status)
			return status;
	}
	rsp_out_text(out, "OK");
	return 0;
}

/* --- target.xml (gdb manual, "Target Description Format" and "i386 Features") --- */

static const char *const feature_names[X86_64_FEATURES] = {
	[X86_64_CORE] = "org.gnu.gdb.i386.core",	 [X86_64_SSE] = "org.gnu.gdb.i386.sse",
	[X86_64_SEGMENTS] = "org.gnu.gdb.i386.segments", [X86_64_SYSTEM] = "org.cvmdbg.system",
	[X86_64_AVX] = "org.gnu.gdb.i386.avx",
};

struct flag {
	const char *name;
	unsigned int bit;
};

static const struct flag eflags[] = {
	{ "CF", 0 },  { "", 1 },    { "PF", 2 },   { "AF", 4 },	  { "ZF", 6 },	{ "SF", 7 },
	{ "TF", 8 },  { "IF", 9 },  { "DF", 10 },  { "OF", 11 },  { "NT", 14 }, { "RF", 16 },
	{ "VM", 17 }, { "AC", 18 }, { "VIF", 19 }, { "VIP", 20 }, { "ID", 21 },
};

static const struct flag mxcsr[] = {
	{ "IE", 0 },  { "DE", 1 },  { "ZE", 2 },  { "OE", 3 },	{ "UE", 4 },
	{ "PE", 5 },  { "DAZ", 6 }, { "IM", 7 },  { "DM", 8 },	{ "ZM", 9 },
	{ "OM", 10 }, { "UM", 11 }, { "PM", 12 }, { "FZ", 15 },
};

static const struct flag cr0[] = {
	{ "PE", 0 },  { "MP", 1 },  { "EM", 2 },  { "TS", 3 },	{ "ET", 4 },  { "NE", 5 },
	{ "WP", 16 }, { "AM", 18 }, { "NW", 29 }, { "CD", 30 }, { "PG", 31 },
};

static const struct flag cr4[] = {
	{ "VME", 0 },	      { "PVI", 1 },   { "TSD", 2 },   { "DE", 3 },	  { "PSE", 4 },
	{ "PAE", 5 },	      { "MCE", 6 },   { "PGE", 7 },   { "PCE", 8 },	  { "OSFXSR", 9 },
	{ "OSXMMEXCPT", 10 }, { "UMIP", 11 }, { "LA57", 12 }, { "FSGSBASE", 16 }, { "PCIDE", 17 },
	{ "OSXSAVE", 18 },    { "SMEP", 20 }, { "SMAP", 21 }, { "PKE", 22 },	  { "CET", 23 },
};

static const struct flag efer[] = {
	{ "SCE", 0 }, { "LME", 8 }, { "LMA", 10 }, { "NXE", 11 }, { "SVME", 12 }, { "FFXSR", 14 },
};

static const struct {
	enum x86_64_feature feature;
	const char *id;
	unsigned int bytes;
	const struct flag *flags;
	size_t count;
} flag_types[] = {
	{ X86_64_CORE, "i386_eflags", 4, eflags, ARRAY_LEN(eflags) },
	{ X86_64_SSE, "i386_mxcsr", 4, mxcsr, ARRAY_LEN(mxcsr) },
	{ X86_64_SYSTEM, "x86_64_cr0", 8, cr0, ARRAY_LEN(cr0) },
	{ X86_64_SYSTEM, "x86_64_cr4", 8, cr4, ARRAY_LEN(cr4) },
	{ X86_64_SYSTEM, "x86_64_efer", 8, efer, ARRAY_LEN(efer) },
};

static const char vec128[] =
	"<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	"<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	"<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	"<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	"<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	"<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	"<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
	"<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
	"<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
	"<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" "
	"type=\"uint128\"/></union>";

static void attribute(struct rsp_doc *doc, const char *name, const char *value)
{
	rsp_doc_text(doc, " ");
	rsp_doc_text(doc, name);
	rsp_doc_text(doc, "=\"");
	rsp_doc_text(doc, value);
	rsp_doc_text(doc, "\"");
}

static void number_attribute(struct rsp_doc *doc, const char *name, unsigned int value)
{
	rsp_doc_text(doc, " ");
	rsp_doc_text(doc, name);
	rsp_doc_text(doc, "=\"");
	rsp_doc_decimal(doc, value);
	rsp_doc_text(doc, "\"");
}

static void describe_flags(struct rsp_doc *doc, enum x86_64_feature feature)
{
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(flag_types); i++) {
		if (flag_types[i].feature != feature)
			continue;
		rsp_doc_text(doc, "<flags");
		attribute(doc, "id", flag_types[i].id);
		number_attribute(doc, "size", flag_types[i].bytes);
		rsp_doc_text(doc, ">");
		for (k = 0; k < flag_types[i].count; k++) {
			rsp_doc_text(doc, "<field");
			attribute(doc, "name", flag_types[i].flags[k].name);
			number_attribute(doc, "start", flag_types[i].flags[k].bit);
			number_attribute(doc, "end", flag_types[i].flags[k].bit);
			rsp_doc_text(doc, "/>");
		}
		rsp_doc_text(doc, "</flags>");
	}
}

static void describe_reg(struct rsp_doc *doc, unsigned int reg)
{
	const struct x86_64_reg_desc *d = &x86_64_regs_desc[reg];

	rsp_doc_text(doc, "<reg");
	attribute(doc, "name", d->name);
	number_attribute(doc, "bitsize", 8u * d->bytes);
	attribute(doc, "type", d->type);
	attribute(doc, "group", d->group);
	number_attribute(doc, "regnum", reg);
	if (d->generic[0])
		attribute(doc, "generic", d->generic);
	if (d->dwarf >= 0) {
		number_attribute(doc, "dwarf_regnum", (unsigned int)d->dwarf);
		number_attribute(doc, "ehframe_regnum", (unsigned int)d->dwarf);
	}
	rsp_doc_text(doc, "/>");
}

void rsp_target_xml(struct rsp_server *s, struct rsp_doc *doc)
{
	unsigned int feature, reg;

	rsp_doc_text(doc, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
			  "<target><architecture>i386:x86-64</architecture>");
	for (feature = 0; feature < X86_64_FEATURES; feature++) {
		if (feature == X86_64_AVX && !s->target->avx)
			continue;
		rsp_doc_text(doc, "<feature");
		attribute(doc, "name", feature_names[feature]);
		rsp_doc_text(doc, ">");
		if (feature == X86_64_SSE)
			rsp_doc_text(doc, vec128);
		describe_flags(doc, feature);
		for (reg = 0; reg < X86_64_REGS; reg++)
			if (x86_64_regs_desc[reg].feature == feature)
				describe_reg(doc, reg);
		rsp_doc_text(doc, "</feature>");
	}
	rsp_doc_text(doc, "</target>");
}
