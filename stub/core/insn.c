/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The decoder of insn.h: one letter an opcode says what follows it, one row a special instruction
 * says what is special. What all instructions of a map have in common is not in a table.
 */
#include "insn.h"

#include "protocol/status.h"

/*
 * What follows the opcode:
 *   - nothing    m modrm         B modrm, imm8         Z modrm, imm16/32
 *   b imm8       w imm16         z imm16/32            v imm16/32/64
 *   a address    e imm16, imm8   t modrm, imm8 if TEST (reg < 2)   T same, imm16/32
 *   . not an instruction in 64-bit mode, or a prefix
 */
static const char one_byte[256 + 1] = "mmmmbz..mmmmbz.."  /* 00: ADD, OR */
				      "mmmmbz..mmmmbz.."  /* 10: ADC, SBB */
				      "mmmmbz..mmmmbz.."  /* 20: AND, SUB */
				      "mmmmbz..mmmmbz.."  /* 30: XOR, CMP */
				      "................"  /* 40: REX */
				      "----------------"  /* 50: PUSH, POP */
				      "...m....zZbB----"  /* 60: MOVSXD, PUSH, IMUL, INS, OUTS */
				      "bbbbbbbbbbbbbbbb"  /* 70: Jcc */
				      "BZ.Bmmmmmmmmmmmm"  /* 80: group 1, TEST, XCHG, MOV, LEA */
				      "----------.-----"  /* 90: XCHG, CBW, PUSHF, POPF */
				      "aaaa----bz------"  /* a0: MOV, MOVS, CMPS, TEST, STOS */
				      "bbbbbbbbvvvvvvvv"  /* b0: MOV */
				      "BBw-..BZe-w--b.-"  /* c0: shifts, RET, MOV, ENTER, INT */
				      "mmmm...-mmmmmmmm"  /* d0: shifts, XLAT, x87 */
				      "bbbbbbbbzz.b----"  /* e0: LOOP, IN, OUT, CALL, JMP */
				      ".-..--tT------mm"; /* f0: HLT, groups 3 to 5 */

static const char two_byte[256 + 1] = "mmmm.-----.-.m-B"  /* 00: groups 6, 7, SYSCALL, UD2 */
				      "mmmmmmmmmmmmmmmm"  /* 10: SSE moves, NOP */
				      "mmmm....mmmmmmmm"  /* 20: MOV CR and DR */
				      "------.-........"  /* 30: MSRs, RDTSC, SYSENTER */
				      "mmmmmmmmmmmmmmmm"  /* 40: CMOVcc */
				      "mmmmmmmmmmmmmmmm"  /* 50 */
				      "mmmmmmmmmmmmmmmm"  /* 60 */
				      "BBBBmmm-mm..mmmm"  /* 70: vector shifts, EMMS */
				      "zzzzzzzzzzzzzzzz"  /* 80: Jcc */
				      "mmmmmmmmmmmmmmmm"  /* 90: SETcc */
				      "---mBm..---mBmmm"  /* a0: CPUID, BT, SHLD, SHRD */
				      "mmmmmmmmmmBmmmmm"  /* b0: CMPXCHG, MOVZX, group 8 */
				      "mmBmBBBm--------"  /* c0: XADD, CMPPS, SHUFPS, BSWAP */
				      "mmmmmmmmmmmmmmmm"  /* d0 */
				      "mmmmmmmmmmmmmmmm"  /* e0 */
				      "mmmmmmmmmmmmmmmm"; /* f0 */

/* The maps' numbers are those of VEX.mmmmm. */
enum map { MAP_ONE = 0, MAP_0F = 1, MAP_0F38 = 2, MAP_0F3A = 3, MAP_5 = 5, MAP_6 = 6 };

/* Which modrm bytes a row is for. */
#define ANY	 0x000
#define REG(n)	 (0x100 | (n))
#define MODRM(n) (0x200 | (n))

static const struct special {
	uint8_t map, first, last;
	uint16_t select;
	uint8_t kind; /* enum insn_kind */
} specials[] = {
	{ MAP_ONE, 0x6c, 0x6f, ANY, INSN_VC },	       /* INS, OUTS */
	{ MAP_ONE, 0xe4, 0xe7, ANY, INSN_VC },	       /* IN, OUT with a port number */
	{ MAP_ONE, 0xec, 0xef, ANY, INSN_VC },	       /* IN, OUT with dx */
	{ MAP_0F, 0x01, 0x01, MODRM(0xc8), INSN_VC },  /* MONITOR */
	{ MAP_0F, 0x01, 0x01, MODRM(0xd9), INSN_VC },  /* VMMCALL */
	{ MAP_0F, 0x01, 0x01, MODRM(0xf9), INSN_VC },  /* RDTSCP */
	{ MAP_0F, 0x01, 0x01, MODRM(0xfa), INSN_VC },  /* MONITORX */
	{ MAP_0F, 0x01, 0x01, MODRM(0xfd), INSN_VC },  /* RDPRU */
	{ MAP_0F, 0x08, 0x09, ANY, INSN_VC },	       /* INVD, WBINVD */
	{ MAP_0F, 0x21, 0x21, ANY, INSN_VC },	       /* MOV from DR */
	{ MAP_0F, 0x23, 0x23, ANY, INSN_VC },	       /* MOV to DR */
	{ MAP_0F, 0x30, 0x33, ANY, INSN_VC },	       /* WRMSR, RDTSC, RDMSR, RDPMC */
	{ MAP_0F, 0xa2, 0xa2, ANY, INSN_VC },	       /* CPUID */
	{ MAP_ONE, 0xf4, 0xf4, ANY, INSN_HLT },	       /* HLT */
	{ MAP_0F, 0x01, 0x01, MODRM(0xc9), INSN_HLT }, /* MWAIT */
	{ MAP_0F, 0x01, 0x01, MODRM(0xfb), INSN_HLT }, /* MWAITX */
	{ MAP_ONE, 0x9c, 0x9c, ANY, INSN_PUSHF },      /* PUSHF */
	{ MAP_ONE, 0x9d, 0x9d, ANY, INSN_POPF },       /* POPF */
	{ MAP_ONE, 0xfa, 0xfa, ANY, INSN_CLI },	       /* CLI */
	{ MAP_ONE, 0xfb, 0xfb, ANY, INSN_STI },	       /* STI */
	{ MAP_ONE, 0xcf, 0xcf, ANY, INSN_IRET },       /* IRET */
	{ MAP_0F, 0x05, 0x05, ANY, INSN_SYSCALL },     /* SYSCALL */
	{ MAP_0F, 0x07, 0x07, ANY, INSN_SYSCALL },     /* SYSRET */
	{ MAP_0F, 0x34, 0x35, ANY, INSN_SYSCALL },     /* SYSENTER, SYSEXIT */
	{ MAP_ONE, 0x8e, 0x8e, REG(2), INSN_MOV_SS },  /* MOV ss */
	{ MAP_ONE, 0xcc, 0xcc, ANY, INSN_INT3 },       /* INT3 */
	{ MAP_ONE, 0x70, 0x7f, ANY, INSN_BRANCH },     /* Jcc */
	{ MAP_ONE, 0xc2, 0xc3, ANY, INSN_BRANCH },     /* RET */
	{ MAP_ONE, 0xca, 0xcb, ANY, INSN_BRANCH },     /* far RET */
	{ MAP_ONE, 0xe0, 0xe3, ANY, INSN_BRANCH },     /* LOOP, JRCXZ */
	{ MAP_ONE, 0xe8, 0xe9, ANY, INSN_BRANCH },     /* CALL, JMP */
	{ MAP_ONE, 0xeb, 0xeb, ANY, INSN_BRANCH },     /* JMP */
	{ MAP_ONE, 0xff, 0xff, REG(2), INSN_BRANCH },  /* CALL */
	{ MAP_ONE, 0xff, 0xff, REG(3), INSN_BRANCH },  /* far CALL */
	{ MAP_ONE, 0xff, 0xff, REG(4), INSN_BRANCH },  /* JMP */
	{ MAP_ONE, 0xff, 0xff, REG(5), INSN_BRANCH },  /* far JMP */
	{ MAP_0F, 0x80, 0x8f, ANY, INSN_BRANCH },      /* Jcc */
};

/* The order in which instructions number the general registers. */
static const uint8_t gpr[] = {
	X86_64_rax, X86_64_rcx, X86_64_rdx, X86_64_rbx, X86_64_rsp, X86_64_rbp,
	X86_64_rsi, X86_64_rdi, X86_64_r8,  X86_64_r9,	X86_64_r10, X86_64_r11,
	X86_64_r12, X86_64_r13, X86_64_r14, X86_64_r15,
};

enum { REX_B = 1, REX_X = 2, REX_W = 8 };

struct decoder {
	const uint8_t *bytes;
	size_t len, pos;
	bool ran_out; /* a byte behind len was asked for; it read as 0 */
	bool opsize, addrsize, vex;
	enum x86_64_reg segment; /* fs_base, gs_base, or 0 (rax) for those whose base is 0 */
	uint8_t rex, map, opcode, modrm;
	bool has_modrm;
	/* The memory operand, before the segment. rip-relative: the end of the instruction is
	 * missing. */
	bool mem, rip_relative;
	uint64_t address;
};

static uint8_t next(struct decoder *d)
{
	if (d->pos < d->len)
		return d->bytes[d->pos++];
	d->ran_out = true;
	return 0;
}

/* An immediate of @bytes, sign-extended as displacements are. */
static uint64_t next_signed(struct decoder *d, unsigned int bytes)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		value |= (uint64_t)next(d) << (8 * i);
	if (bytes && bytes < 8 && (value & 1ull << (8 * bytes - 1)))
		value |= ~0ull << (8 * bytes);
	return value;
}

/* Leaves d->opcode at the first byte that is no legacy or REX prefix. */
static void parse_prefixes(struct decoder *d)
{
	for (;;) {
		d->opcode = next(d);
		if ((d->opcode & 0xf0) == 0x40) {
			d->rex = d->opcode;
			continue;
		}
		switch (d->opcode) {
		case 0x66:
			d->opsize = true;
			break;
		case 0x67:
			d->addrsize = true;
			break;
		case 0x64:
			d->segment = X86_64_fs_base;
			break;
		case 0x65:
			d->segment = X86_64_gs_base;
			break;
		case 0x26: /* es, cs, ss, ds: no meaning in 64-bit mode */
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf0: /* LOCK, REPNE, REP */
		case 0xf2:
		case 0xf3:
			break;
		default:
			return;
		}
		d->rex = 0; /* counts only directly before the opcode */
	}
}

/* The escape bytes and the prefixes that contain them: d->map, d->opcode. */
static void parse_opcode(struct decoder *d)
{
	switch (d->opcode) {
	case 0x0f:
		d->map = MAP_0F;
		d->opcode = next(d);
		if (d->opcode == 0x38 || d->opcode == 0x3a) {
			d->map = d->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
			d->opcode = next(d);
		}
		break;
	case 0xc5: /* VEX: R vvvv L pp */
		d->vex = true;
		d->map = MAP_0F;
		(void)next(d);
		d->opcode = next(d);
		break;
	case 0xc4: /* VEX: RXB mmmmm, W vvvv L pp */
		d->vex = true;
		d->map = next(d) & 0x1f;
		(void)next(d);
		d->opcode = next(d);
		break;
	case 0x62: /* EVEX: RXBR' 0 mmm, W vvvv 1 pp, z L'L b V' aaa */
		d->vex = true;
		d->map = next(d) & 0x0f;
		(void)next(d);
		(void)next(d);
		d->opcode = next(d);
		break;
	default:
		d->map = MAP_ONE;
	}
}

/* The letter of the tables for the opcode. */
static char layout(const struct decoder *d)
{
	switch (d->map) {
	case MAP_ONE:
		return d->vex ? '.' : one_byte[d->opcode];
	case MAP_0F:
		if (!d->vex)
			return two_byte[d->opcode];
		if (d->opcode == 0x77) /* VZEROUPPER */
			return '-';
		if ((d->opcode >= 0x70 && d->opcode <= 0x73) || d->opcode == 0xc2 ||
		    (d->opcode >= 0xc4 && d->opcode <= 0xc6))
			return 'B';
		return 'm';
	case MAP_0F3A:
		return 'B';
	case MAP_0F38:
	case MAP_5:
	case MAP_6:
		return 'm';
	default:
		return '.';
	}
}

/* What has a memory operand and leaves the memory alone. */
static bool only_looks_like_access(const struct decoder *d)
{
	if (d->map == MAP_ONE)
		return d->opcode == 0x8d; /* LEA */
	/* PREFETCH, NOP; INVLPG, CLFLUSH and their like do touch what they name. */
	return d->map == MAP_0F && (d->opcode == 0x0d || (d->opcode >= 0x18 && d->opcode <= 0x1f));
}

static void parse_modrm(struct decoder *d, const struct x86_64_regs *regs)
{
	unsigned int mod, rm, sib, index;
	bool moves_control;

	d->modrm = next(d);
	d->has_modrm = true;
	mod = d->modrm >> 6;
	rm = d->modrm & 7;
	/* MOV CR and DR take a register whatever mod says. */
	moves_control = d->map == MAP_0F && !d->vex && d->opcode >= 0x20 && d->opcode <= 0x23;
	if (mod == 3 || moves_control)
		return;
	d->mem = !d->vex && !only_looks_like_access(d);
	if (rm == 4) {
		sib = next(d);
		rm = sib & 7;
		index = (sib >> 3 & 7) | (d->rex & REX_X ? 8 : 0);
		if (index != 4) /* rsp: none */
			d->address = x86_64_get(regs, gpr[index]) << (sib >> 6);
	} else if (mod == 0 && rm == 5) {
		d->rip_relative = true;
	}
	if (mod == 0 && rm == 5) {
		d->address += next_signed(d, 4); /* no base, or rip */
		return;
	}
	d->address += x86_64_get(regs, gpr[rm | (d->rex & REX_B ? 8 : 0)]);
	if (mod != 0)
		d->address += next_signed(d, mod == 1 ? 1 : 4);
}

static void skip(struct decoder *d, unsigned int bytes)
{
	(void)next_signed(d, bytes);
}

/* What the layout's letter announces. */
static void parse_operands(struct decoder *d, const struct x86_64_regs *regs, char letter)
{
	const bool wide = d->rex & REX_W;
	const unsigned int z = d->opsize && !wide ? 2 : 4;

	if (letter == 'm' || letter == 'B' || letter == 'Z' || letter == 't' || letter == 'T')
		parse_modrm(d, regs);
	switch (letter) {
	case 'b':
	case 'B':
		skip(d, 1);
		break;
	case 'w':
		skip(d, 2);
		break;
	case 'z':
	case 'Z':
		skip(d, z);
		break;
	case 'v':
		skip(d, wide ? 8 : z);
		break;
	case 'a':
		d->mem = true;
		d->address = next_signed(d, d->addrsize ? 4 : 8);
		break;
	case 'e':
		skip(d, 3);
		break;
	case 't':
		skip(d, (d->modrm >> 3 & 7) < 2 ? 1 : 0);
		break;
	case 'T':
		skip(d, (d->modrm >> 3 & 7) < 2 ? z : 0);
		break;
	}
}

static enum insn_kind classify(const struct decoder *d)
{
	const struct special *s;
	size_t i;

	for (i = 0; !d->vex && i < ARRAY_LEN(specials); i++) {
		s = &specials[i];
		if (s->map == d->map && d->opcode >= s->first && d->opcode <= s->last &&
		    (s->select == ANY || (d->has_modrm && (s->select == REG(d->modrm >> 3 & 7) ||
							   s->select == MODRM(d->modrm)))))
			return (enum insn_kind)s->kind;
	}
	return INSN_PLAIN;
}

static uint64_t linear(const struct decoder *d, const struct x86_64_regs *regs, uint64_t address,
		       enum x86_64_reg segment)
{
	if (d->addrsize)
		address = (uint32_t)address;
	return segment ? address + x86_64_get(regs, segment) : address;
}

/* MOVS a4, CMPS a6, STOS aa, LODS ac, SCAS ae and their wide forms: [rdi] in es, [rsi]. */
static void find_string(const struct decoder *d, const struct x86_64_regs *regs, struct insn *ret)
{
	const uint8_t op = d->opcode & 0xfe;
	uint64_t rsi, rdi;

	if (d->map != MAP_ONE || op < 0xa4 || op > 0xae || op == 0xa8)
		return;
	rsi = linear(d, regs, x86_64_get(regs, X86_64_rsi), d->segment);
	rdi = linear(d, regs, x86_64_get(regs, X86_64_rdi), 0);
	ret->mem = true;
	ret->operand = op == 0xac ? rsi : rdi;
	ret->source = op == 0xa4 || op == 0xa6 ? rsi : ret->operand;
}

int insn_decode(const uint8_t *bytes, size_t len, const struct x86_64_regs *regs, struct insn *ret)
{
	struct decoder d = { .bytes = bytes, .len = len < INSN_BYTES_MAX ? len : INSN_BYTES_MAX };
	char letter;

	parse_prefixes(&d);
	parse_opcode(&d);
	letter = layout(&d);
	if (!d.ran_out && letter != '.')
		parse_operands(&d, regs, letter);
	if (d.ran_out)
		return len < INSN_BYTES_MAX ? ST_RANGE : ST_INVAL; /* longer is #GP */
	if (letter == '.' || (d.map == MAP_ONE && d.opcode == 0x8f && (d.modrm & 0x38)))
		return ST_INVAL; /* 8f is POP, or XOP of CPUs before SEV */
	*ret = (struct insn){
		.length = (uint8_t)d.pos,
		.kind = classify(&d),
		.mem = d.mem,
	};
	if (d.rip_relative)
		d.address += x86_64_get(regs, X86_64_rip) + d.pos;
	if (d.mem)
		ret->operand = ret->source = linear(&d, regs, d.address, d.segment);
	find_string(&d, regs, ret);
	return 0;
}
