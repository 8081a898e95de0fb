/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Reads and makes age identities. What held a secret is wiped before it is let go. */
#include "host/crypto/identity.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "host/crypto/sodium.h"

enum { LINE_BYTES = 256 };

static void warn_if_open(FILE *file, const char *path)
{
	struct stat st;

	if (!fstat(fileno(file), &st) && S_ISREG(st.st_mode) && (st.st_mode & 077))
		fprintf(stderr, "cvmdbg: warning: %s: others may read this key; chmod 600 %s\n",
			path, path);
}

/* The next line that says anything, without its end; its length, -1: none, -2: too long. */
static int next_line(FILE *file, char line[LINE_BYTES])
{
	size_t len;

	while (fgets(line, LINE_BYTES, file)) {
		len = strcspn(line, "\r\n");
		if (len == LINE_BYTES - 1)
			return -2;
		if (len && line[0] != '#')
			return (int)len;
	}
	return -1;
}

static int take_line(const char *path, const char *line, int len, struct identity *ret,
		     struct err *err)
{
	uint8_t public[AGE_KEY];

	if (len >= 0 && !age_identity_parse(line, (size_t)len, ret->secret)) {
		noise_public(&sodium_crypto, ret->public, ret->secret);
		return 0;
	}
	if (len >= 0 && !age_recipient_parse(line, (size_t)len, public))
		return err_set(err, ST_SYNTAX,
			       "%s: this is a public key; wanted is the file that age-keygen made",
			       path);
	return err_set(err, ST_SYNTAX, "%s: no AGE-SECRET-KEY-1... line (make one: cvmdbg keygen)",
		       path);
}

int identity_read(const char *path, struct identity *ret, struct err *err)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char buffer[BUFSIZ], line[LINE_BYTES];
	int status;

	if (!file)
		return err_sys(err, "%s", path);
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	warn_if_open(file, path);
	status = take_line(path, line, next_line(file, line), ret, err);
	if (file != stdin)
		fclose(file);
	else
		setvbuf(file, NULL, _IONBF, 0);
	noise_wipe(buffer, sizeof(buffer));
	noise_wipe(line, sizeof(line));
	return status;
}

void identity_generate(struct identity *ret)
{
	(void)sodium_random32(NULL, ret->secret);
	noise_public(&sodium_crypto, ret->public, ret->secret);
}

void identity_wipe(struct identity *identity)
{
	noise_wipe(identity, sizeof(*identity));
}
