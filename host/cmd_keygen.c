/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* `cvmdbg keygen`: an age identity, written as age-keygen writes it (age-keygen(1)). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/cleanup.h"
#include "host/cmd.h"
#include "host/crypto/identity.h"
#include "protocol/noise.h"

static const char usage[] = "usage: cvmdbg keygen [-o FILE]\n"
			    "       cvmdbg keygen -y [-o FILE] [IDENTITY]\n";

static const char details[] =
	"\n"
	"Make a key for the guest's policy (`debugger age1...`) and for `cvmdbg connect --key`.\n"
	"It is an age identity: age and age-keygen take it, and theirs serve as well.\n"
	"\n"
	"  -o, --output FILE  write there, mode 0600; an existing file is never replaced\n"
	"  -y                 print the public key of an identity\n";

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int open_output(const char *path, FILE **ret, struct err *err)
{
	int fd;

	*ret = stdout;
	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return err_set(err, ST_BUSY, "%s exists: a key is never overwritten", path);
	if (fd < 0)
		return err_sys(err, "%s", path);
	*ret = fdopen(fd, "w");
	return *ret ? 0 : err_sys(err, "%s", path);
}

static int close_output(FILE *file, const char *path, struct err *err)
{
	int bad = fflush(file) || ferror(file);

	if (file != stdout)
		bad |= fclose(file);
	return bad ? err_sys(err, "%s", path ? path : "standard output") : 0;
}

static int generate(const char *output, struct err *err)
{
	char created[64], text[AGE_IDENTITY_CHARS + 1], public[AGE_RECIPIENT_CHARS + 1];
	struct identity identity;
	time_t now = time(NULL);
	FILE *to;
	int status = open_output(output, &to, err);

	if (status)
		return status;
	identity_generate(&identity);
	age_identity_format(identity.secret, text);
	age_recipient_format(identity.public, public);
	identity_wipe(&identity);
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	fprintf(to, "# created: %s\n# public key: %s\n%s\n", created, public, text);
	noise_wipe(text, sizeof(text));
	status = close_output(to, output, err);
	/* As age-keygen does: who does not see the file wants to know. */
	if (!status && (output || !isatty(STDOUT_FILENO)))
		fprintf(stderr, "Public key: %s\n", public);
	return status;
}

static int show_public(const char *input, const char *output, struct err *err)
{
	char public[AGE_RECIPIENT_CHARS + 1];
	struct identity identity;
	FILE *to;
	int status = identity_read(input, &identity, err);

	if (!status)
		age_recipient_format(identity.public, public);
	identity_wipe(&identity);
	if (!status)
		status = open_output(output, &to, err);
	if (status)
		return status;
	fprintf(to, "%s\n", public);
	return close_output(to, output, err);
}

int cmd_keygen(int argc, char **argv)
{
	const char *output = NULL;
	struct err err = { .text = "" };
	bool convert = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "o:yh", options, NULL)) != -1) {
		if (option == 'h') {
			printf("%s%s", usage, details);
			return CMD_OK;
		}
		if (option != 'o' && option != 'y') {
			fputs(usage, stderr);
			return CMD_USAGE;
		}
		convert |= option == 'y';
		output = option == 'o' ? optarg : output;
	}
	if (argc - optind > convert) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	if (convert)
		status = show_public(optind < argc ? argv[optind] : "-", output, &err);
	else
		status = generate(output, &err);
	if (!status)
		return CMD_OK;
	fprintf(stderr, "cvmdbg keygen: %s\n", err.text);
	return CMD_FAILED;
}
