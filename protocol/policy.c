/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The policy's text (policy.h): a table of the words a line may begin with, one function each. */
#include "policy.h"

#include "age.h"
#include "buf.h"
#include "rsp_server.h"
#include "status.h"

struct parse {
	struct buf line;     /* what is left of the current one */
	const uint8_t *word; /* the last one that was looked at, or where one is missing */
	struct policy *policy;
	unsigned int seen; /* a bit for each word of `words` */
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next word of the line; false at its end. */
static bool next_word(struct parse *p, struct buf *ret)
{
	struct buf *line = &p->line;

	while (buf_left(line) && is_blank(*line->pos))
		line->pos++;
	buf_init(ret, line->pos, 0);
	p->word = line->pos;
	while (buf_left(line) && !is_blank(*line->pos))
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
	{ "regs.read", RSP_RIGHT_READ_REG },	   { "regs.write", RSP_RIGHT_WRITE_REG },
	{ "mem.read", RSP_RIGHT_READ_MEM },	   { "mem.write", RSP_RIGHT_WRITE_MEM },
	{ "run", RSP_RIGHT_STOP | RSP_RIGHT_RUN }, { "points", RSP_RIGHT_INSERT_BREAK },
	{ "monitor", RSP_RIGHT_MONITOR },	   { "dump", RSP_RIGHT_DUMP },
};

static const char *parse_version(struct parse *p)
{
	struct buf word;

	if (!next_word(p, &word) || !word_is(word, "1"))
		return "only version 1 of policies is known";
	return NULL;
}

static const char *parse_allow(struct parse *p)
{
	struct buf word;
	size_t i;

	if (!next_word(p, &word))
		return "allow: what?";
	do {
		for (i = 0; i < ARRAY_LEN(rights) && !word_is(word, rights[i].name); i++)
			;
		if (i == ARRAY_LEN(rights))
			return "allow: unknown right";
		p->policy->rights |= rights[i].rights;
	} while (next_word(p, &word));
	return NULL;
}

static const char *parse_channel(struct parse *p)
{
	struct buf word;

	(void)next_word(p, &word);
	if (word_is(word, "plain"))
		p->policy->channel = POLICY_CHANNEL_PLAIN;
	else if (!word_is(word, "sealed"))
		return "channel: plain or sealed?";
	return NULL;
}

static const char *parse_key(struct parse *p, struct policy_keys *keys)
{
	struct buf word;

	if (!next_word(p, &word))
		return "whose key? age1...";
	if (keys->count == POLICY_KEYS_MAX)
		return "more than 16 keys of a kind";
	if (age_recipient_parse((const char *)word.pos, buf_left(&word), keys->key[keys->count]))
		return "not an age recipient (age1...), or mistyped";
	if (policy_has_key(keys, keys->key[keys->count]))
		return "this key was named already";
	keys->count++;
	return NULL;
}

static const char *parse_debugger(struct parse *p)
{
	return parse_key(p, &p->policy->debuggers);
}

static const char *parse_recipient(struct parse *p)
{
	return parse_key(p, &p->policy->recipients);
}

/* "0x" and hexadecimal digits up to @end, or to the end of the word. */
static bool take_address(struct buf *word, char end, uint64_t *ret)
{
	struct buf digits = buf_get_until(word, end);

	if (!buf_skip_text(&digits, "0x"))
		return false;
	*ret = buf_get_hex(&digits);
	return !digits.bad && !buf_left(&digits);
}

static const char *parse_deny(struct parse *p)
{
	struct policy_range *range = &p->policy->deny[p->policy->deny_count];
	struct buf word;
	uint64_t end;

	if (!next_word(p, &word) || !word_is(word, "mem"))
		return "deny: only \"deny mem FIRST-END\" is known";
	if (!next_word(p, &word))
		return "deny mem: which addresses?";
	if (p->policy->deny_count == POLICY_DENY_MAX)
		return "more than 32 denied ranges";
	*range = (struct policy_range){ .phys = buf_skip_text(&word, "phys:") };
	if (!take_address(&word, '-', &range->first) || !buf_skip_char(&word, '-') ||
	    !take_address(&word, '-', &end) || buf_left(&word))
		return "deny mem: expected 0xFIRST-0xEND or phys:0xFIRST-0xEND";
	/* Behind the last address there is none: 0 says so. */
	range->last = end - 1;
	if (range->last < range->first)
		return "deny mem: the range is empty; END is behind its last byte";
	p->policy->deny_count++;
	return NULL;
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

	(void)next_word(p, &word);
	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (word_is(word, names[i])) {
			p->policy->on_panic = (enum policy_panic)i;
			return NULL;
		}
	}
	return "on-panic: stop, ignore or dump?";
}

static const char *parse_idle_timeout(struct parse *p)
{
	unsigned int seconds = 0;
	struct buf word;

	if (!next_word(p, &word))
		return "idle-timeout: how many seconds?";
	for (; buf_left(&word); word.pos++) {
		if (*word.pos < '0' || *word.pos > '9')
			return "idle-timeout: not a number";
		seconds = seconds * 10 + (*word.pos - '0');
		if (seconds > POLICY_IDLE_MAX)
			return "idle-timeout: a day at most";
	}
	p->policy->idle_s = seconds;
	return NULL;
}

enum word {
	WORD_VERSION,
	WORD_DEBUGGER,
	WORD_RECIPIENT,
	WORD_ALLOW,
	WORD_DENY,
	WORD_CHANNEL,
	WORD_ON_PANIC,
	WORD_IDLE_TIMEOUT,
	WORDS
};

static const struct {
	const char *name;
	const char *(*parse)(struct parse *p); /* NULL, or what is wrong */
	bool again;			       /* may be said more than once */
} words[WORDS] = {
	[WORD_VERSION] = { "cvmdbg-policy", parse_version, false },
	[WORD_DEBUGGER] = { "debugger", parse_debugger, true },
	[WORD_RECIPIENT] = { "dump-recipient", parse_recipient, true },
	[WORD_ALLOW] = { "allow", parse_allow, true },
	[WORD_DENY] = { "deny", parse_deny, true },
	[WORD_CHANNEL] = { "channel", parse_channel, false },
	[WORD_ON_PANIC] = { "on-panic", parse_on_panic, false },
	[WORD_IDLE_TIMEOUT] = { "idle-timeout", parse_idle_timeout, false },
};

/*
 * What is left of a line without its comment. A comment ends where its line does, so a semicolon in
 * one would make a statement of the words behind it, which nobody meant who reads them.
 */
static const char *cut_comment(struct parse *p, bool semicolon)
{
	struct buf all = p->line;

	p->line = buf_get_until(&all, '#');
	p->word = p->line.end;
	return semicolon && buf_left(&all) ? "a comment with a semicolon" : NULL;
}

static const char *parse_line(struct parse *p)
{
	const char *why;
	struct buf word;
	size_t i;

	if (!next_word(p, &word))
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
	if (!why && next_word(p, &word))
		why = "more words than expected";
	return why;
}

/* What holds of the whole; told at its end. */
static const char *check_whole(const struct parse *p)
{
	const struct policy *policy = p->policy;

	if (!(p->seen & 1u << WORD_VERSION))
		return "a policy begins with \"cvmdbg-policy 1\"";
	if (policy->on_panic == POLICY_PANIC_DUMP && !policy->recipients.count)
		return "on-panic dump needs a dump-recipient line";
	if (policy->channel == POLICY_CHANNEL_SEALED && !policy->debuggers.count &&
	    policy->on_panic != POLICY_PANIC_DUMP)
		return "a sealed channel (the default) needs a debugger line";
	return NULL;
}

int policy_parse(const char *text, size_t len, struct policy *ret, struct policy_error *error)
{
	struct parse p = { .policy = ret };
	size_t start = 0, end;

	memset(ret, 0, sizeof(*ret));
	ret->idle_s = POLICY_IDLE_DEFAULT;
	*error = (struct policy_error){ .column = 1 };
	while (!error->why && start < len) {
		for (end = start; end < len && text[end] != '\n' && text[end] != ';'; end++)
			;
		buf_init_const(&p.line, text + start, end - start);
		error->line++;
		error->why = cut_comment(&p, end < len && text[end] == ';');
		if (!error->why)
			error->why = parse_line(&p);
		error->column = (unsigned int)((const char *)p.word - (text + start)) + 1;
		start = end + 1;
	}
	if (!error->why)
		error->why = check_whole(&p);
	return error->why ? ST_SYNTAX : 0;
}

bool policy_has_key(const struct policy_keys *keys, const uint8_t key[POLICY_KEY])
{
	unsigned int i, j;
	bool found = false;

	for (i = 0; i < keys->count; i++) {
		uint8_t differ = 0;

		for (j = 0; j < POLICY_KEY; j++)
			differ |= keys->key[i][j] ^ key[j];
		found |= !differ;
	}
	return found;
}

const char *policy_right_name(unsigned int right)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rights); i++)
		if (rights[i].rights & right)
			return rights[i].name;
	return "what no policy allows";
}

void policy_put_rights(unsigned int granted, struct buf *out)
{
	const char *blank = "";
	size_t i;

	for (i = 0; i < ARRAY_LEN(rights); i++) {
		if (!(granted & rights[i].rights))
			continue;
		buf_put_text(out, blank);
		buf_put_text(out, rights[i].name);
		blank = " ";
	}
	if (!blank[0])
		buf_put_text(out, "nothing");
}
