/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Every bound of the protocol code, in one place. Each loop in protocol/ ends at one of these. */
#ifndef PROTOCOL_LIMITS_H
#define PROTOCOL_LIMITS_H

enum limits {
	PAGE_BYTES = 4096,
	VCPUS_MAX = 512,	  /* threads a server can present */
	RSP_PACKET_MAX = 0x20000, /* PacketSize: data characters between '$' and '#' */
	RSP_PACKET_MIN = 0x1000,  /* smallest buffer a server can work with */
	RSP_TEXT_MAX = 0x8000,	  /* bytes of one monitor answer */
	RSP_NAME_MAX = 64,	  /* a vCPU's name, with its NUL */
	RSP_SEARCH_PATTERN_MAX = 4096,
	RSP_CRC_CHUNK = 512,  /* stack buffer of qCRC and qSearch */
	TARGET_HW_POINTS = 4, /* DR0-DR3 */
};

#endif
