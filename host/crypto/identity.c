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

/*
 * The length of the next line that says anything, without its end; 0: there is none. Of a comment
 * of any length no part counts; of another line that is too long the first part, which is no key.
 */
static size_t next_line(FILE *file, char line[LINE_BYTES])
{
	bool comment = false, begins = true;

	while (fgets(line, LINE_BYTES, file)) {
		size_t len = strcspn(line, "\r\n");

		if (begins)
			comment = line[0] == '#';
		if (len && !comment)
			return len;
		begins = strchr(line, '\n') != NULL;
	}
	return 0;
}

static int take_line(const char *path, const char *line, size_t len, struct identity *ret,
		     struct err *err)
{
	uint8_t public[AGE_KEY];

	if (!age_identity_parse(line, len, ret->secret)) {
		noise_public(&sodium_crypto, ret->public, ret->secret);
		return 0;
	}
	if (!age_recipient_parse(line, len, public))
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
	size_t len;
	int status;

	if (!file)
		return err_sys(err, "%s", path);
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	warn_if_open(file, path);
	len = next_line(file, line);
	status = ferror(file) ? err_sys(err, "%s", path) : take_line(path, line, len, ret, err);
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
