/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The policy's text (policy.h): a table of the words a line may begin with, one function each. */
#include "policy.h"

#include "buf.h"
#include "rsp_server.h"
#include "status.h"

struct parse {
	struct buf line; /* what is left of the current one */
	struct policy policy;
	unsigned int seen; /* a bit for each word of `words` */
};

/* Takes the next word of the line; false at its end. */
static bool next_word(struct buf *line, struct buf *ret)
{
	while (buf_skip_char(line, ' ') || buf_skip_char(line, '\t') || buf_skip_char(line, '\r'))
		;
	buf_init(ret, line->pos, 0);
	while (buf_left(line) && *line->pos != ' ' && *line->pos != '\t' && *line->pos != '\r')
		ret->end = ++line->pos;
	return buf_left(ret) > 0;
}

static bool word_is(struct buf word, const char *text)
{
	return buf_skip_text(&word, text) && !buf_left(&word);
}

static const struct right {
	const char *name;
	unsigned int rights;
} rights[] = {
	{ "regs.read", RSP_RIGHT_READ_REG },
	{ "regs.write", RSP_RIGHT_WRITE_REG },
	{ "mem.read", RSP_RIGHT_READ_MEM },
	{ "mem.write", RSP_RIGHT_WRITE_MEM },
	{ "run", RSP_RIGHT_STOP },
	{ "points", RSP_RIGHT_INSERT_BREAK },
	{ "monitor", RSP_RIGHT_MONITOR },
	/* Known so that a policy can be written today; grants nothing in a live session. */
	{ "dump", 0 },
};

static const char *parse_version(struct parse *p)
{
	struct buf word;

	if (!next_word(&p->line, &word) || !word_is(word, "1"))
		return "this stub knows version 1 of the policy";
	return NULL;
}

static const char *parse_allow(struct parse *p)
{
	struct buf word;
	size_t i;

	if (!next_word(&p->line, &word))
		return "allow: what?";
	do {
		for (i = 0; i < ARRAY_LEN(rights) && !word_is(word, rights[i].name); i++)
			;
		if (i == ARRAY_LEN(rights))
			return "allow: unknown right";
		p->policy.rights |= rights[i].rights;
	} while (next_word(&p->line, &word));
	return NULL;
}

static const char *parse_channel(struct parse *p)
{
	struct buf word;

	if (!next_word(&p->line, &word))
		return "channel: plain or sealed?";
	if (word_is(word, "sealed"))
		return "channel sealed: not supported yet";
	return word_is(word, "plain") ? NULL : "channel: plain or sealed?";
}

static const char *parse_on_panic(struct parse *p)
{
	static const char *const names[] = {
		[POLICY_PANIC_IGNORE] = "ignore",
		[POLICY_PANIC_STOP] = "stop",
		[POLICY_PANIC_DUMP] = "dump",
	};
	struct buf word;
	size_t i;

	(void)next_word(&p->line, &word);
	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (word_is(word, names[i])) {
			p->policy.on_panic = (enum policy_panic)i;
			return NULL;
		}
	}
	return "on-panic: stop, ignore or dump?";
}

static const char *parse_idle_timeout(struct parse *p)
{
	unsigned int seconds = 0;
	struct buf word;

	if (!next_word(&p->line, &word))
		return "idle-timeout: how many seconds?";
	for (; buf_left(&word); word.pos++) {
		if (*word.pos < '0' || *word.pos > '9')
			return "idle-timeout: not a number";
		seconds = seconds * 10 + (*word.pos - '0');
		if (seconds > POLICY_IDLE_MAX)
			return "idle-timeout: a day at most";
	}
	p->policy.idle_s = seconds;
	return NULL;
}

enum word { WORD_VERSION, WORD_ALLOW, WORD_CHANNEL, WORD_ON_PANIC, WORD_IDLE_TIMEOUT, WORDS };

static const struct {
	const char *name;
	const char *(*parse)(struct parse *p); /* NULL, or what is wrong */
	bool again;			       /* may be said more than once */
} words[WORDS] = {
	[WORD_VERSION] = { "cvmdbg-policy", parse_version, false },
	[WORD_ALLOW] = { "allow", parse_allow, true },
	[WORD_CHANNEL] = { "channel", parse_channel, false },
	[WORD_ON_PANIC] = { "on-panic", parse_on_panic, false },
	[WORD_IDLE_TIMEOUT] = { "idle-timeout", parse_idle_timeout, false },
};

static const char *parse_line(struct parse *p)
{
	const char *why;
	struct buf word;
	size_t i;

	if (!next_word(&p->line, &word))
		return NULL;
	for (i = 0; i < WORDS && !word_is(word, words[i].name); i++)
		;
	if (i != WORD_VERSION && !(p->seen & 1u << WORD_VERSION))
		return "a policy begins with \"cvmdbg-policy 1\"";
	if (i == WORDS)
		return "unknown word";
	if ((p->seen & 1u << i) && !words[i].again)
		return "said twice";
	p->seen |= 1u << i;
	why = words[i].parse(p);
	if (!why && next_word(&p->line, &word))
		why = "more words than expected";
	return why;
}

int policy_parse(const char *text, size_t len, struct policy *ret, struct policy_error *error)
{
	struct parse p = { .policy = { .idle_s = POLICY_IDLE_DEFAULT } };
	size_t start = 0, end;
	struct buf line;

	error->line = 0;
	error->why = NULL;
	while (!error->why && start < len) {
		for (end = start; end < len && text[end] != '\n' && text[end] != ';'; end++)
			;
		buf_init_const(&line, text + start, end - start);
		p.line = buf_get_until(&line, '#');
		error->line++;
		error->why = parse_line(&p);
		start = end + 1;
	}
	if (!error->why && !(p.seen & 1u << WORD_VERSION))
		error->why = "a policy begins with \"cvmdbg-policy 1\"";
	if (!error->why && !(p.seen & 1u << WORD_CHANNEL))
		error->why = "no channel line";
	if (error->why)
		return ST_SYNTAX;
	*ret = p.policy;
	return 0;
}
